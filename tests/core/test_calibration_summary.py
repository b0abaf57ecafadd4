"""The calibration of labellers in a manifest: written, read back, and validated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden import GOLD
from tests.runner.recipes import small_recipe
from textsynth.core.errors import UsageError
from textsynth.runner import run
from textsynth.store.atomic import write_json
from textsynth.store.manifest import FILE, Manifest, read_manifest, write_manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of a run without calibrated labellers."""
    folder = tmp_path_factory.mktemp("run")
    recipe = small_recipe(folder, want="{label: 1}", sections="filter: [length]\nselect: []")
    return run(recipe, out=folder / "out").manifest


def test_a_calibration_is_read_as_it_was_written(manifest: Manifest, tmp_path: Path) -> None:
    with_calibration: Manifest = {**manifest, "calibration": {"choice": GOLD}}
    write_manifest(tmp_path, with_calibration)
    assert read_manifest(tmp_path) == with_calibration


def test_a_run_without_calibrated_labellers_has_no_such_part(manifest: Manifest) -> None:
    assert "calibration" not in manifest


def test_a_damaged_part_is_named(manifest: Manifest, tmp_path: Path) -> None:
    damaged = {**GOLD, "unread": "none"}
    write_json(tmp_path / FILE, json.loads(json.dumps({**manifest, "calibration": {"choice": damaged}})), indent=1)
    with pytest.raises(UsageError, match=r'calibration\.choice\.unread is "none"'):
        read_manifest(tmp_path)

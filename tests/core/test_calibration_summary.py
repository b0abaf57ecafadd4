from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.outcomes import outcome
from tests.golden import GOLD
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.store.manifest import FILE, Manifest, read_manifest, write_json, write_manifest


def test_what_was_tried_on_gold_rows_is_read_as_written(tmp_path: Path) -> None:
    told: Manifest = {**manifest(outcome()), "gold": {"choice": GOLD}}
    write_manifest(tmp_path, told)
    assert read_manifest(tmp_path) == told


def test_a_run_that_tried_nothing_has_no_such_part(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(outcome()))
    assert "gold" not in read_manifest(tmp_path)


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / FILE, {**manifest(outcome()), "gold": {"choice": {**GOLD, "unread": "none"}}}, indent=1)
    with pytest.raises(UsageError, match=r'gold\.choice\.unread is "none"'):
        read_manifest(tmp_path)

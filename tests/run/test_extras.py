"""What a run loads is asked for before anything is read, asked or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.recipes import small_recipe
from textsynth.core.errors import MissingExtra
from textsynth.run import run
from textsynth.run.estimate import estimate
from textsynth.run.extras import lacking, require
from textsynth.run.preview import preview

NEEDY = '''\
"""Needs what nobody has."""

from textsynth.core.errors import needs
from textsynth.core.protocols import Filter


class Needy(Filter):
    """Keeps everything."""

    def require(self):
        needs("embed", "textsynth_no_such_package", why="the filter needy")

    def check(self, record):
        return None
'''
TOLD = "the filter needy needs the package .*not installed: pip install 'textsynth\\[embed\\]'"


def test_a_run_stops_before_it_writes_and_validate_says_it(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text(NEEDY, encoding="utf-8")
    recipe = small_recipe(tmp_path, more="filter: [length, ./needy.py]\nselect: []")
    with pytest.raises(MissingExtra, match=TOLD):
        run(recipe, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MissingExtra, match=TOLD):
        preview(recipe, 1)
    assert f"this machine cannot run it yet: {lacking(recipe)}" in estimate(recipe).notes


def test_where_everything_is_installed_nothing_is_said(tmp_path: Path) -> None:
    """The packages of [local] and [embed] are installed where these tests run."""
    recipe = small_recipe(tmp_path, more="filter: [agreement, semantic_duplicate]")
    require(recipe)
    assert lacking(recipe) is None
    assert not [note for note in estimate(recipe).notes if "cannot run" in note]

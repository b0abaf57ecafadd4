"""Snapshots of a run for whoever shows it."""

from __future__ import annotations

from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.core.progress import ProgressSnapshot
from textsynth.runner import run

LIGHT = "filter: [exact_duplicate]\nselect: []\nbudget: {requests: 4}"


def test_a_watched_run_ends_with_its_whole_count(tmp_path: Path) -> None:
    seen: list[ProgressSnapshot] = []
    result = run(small_recipe(tmp_path, more=LIGHT), out=tmp_path / "run", watch=seen.append)
    last = seen[-1]
    counts = result.manifest["counts"]
    assert [(cell.name, cell.wanted) for cell in last.quota] == [("card", 4), ("transfer", 4)]
    assert (last.candidates, last.accepted) == (counts["candidates"], counts["accepted"])
    assert last.answered == 4
    assert last.seconds > 0
    assert sum(last.drops.values()) == counts["dropped"]


def test_what_is_being_done_is_said(tmp_path: Path) -> None:
    seen: list[ProgressSnapshot] = []
    run(small_recipe(tmp_path, more=LIGHT), out=tmp_path / "run", watch=seen.append)
    doings = [snapshot.stage for snapshot in seen]
    assert "asking" in doings
    assert all(doings)

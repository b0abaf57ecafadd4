"""Progress snapshots of a run."""

from __future__ import annotations

from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.core.progress import ProgressSnapshot
from textsynth.runner import run

SHORT_RUN = "filter: [exact_duplicate]\nselect: []\nbudget: {requests: 4}"


def test_the_last_snapshot_has_the_counts_of_the_whole_run(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    result = run(small_recipe(tmp_path, sections=SHORT_RUN), out=tmp_path / "run", watch=snapshots.append)
    last = snapshots[-1]
    counts = result.manifest["counts"]
    assert [(cell.name, cell.wanted) for cell in last.quota] == [("card", 4), ("transfer", 4)]
    assert (last.candidates, last.accepted) == (counts["candidates"], counts["accepted"])
    assert last.answered == 4
    assert last.seconds > 0
    assert sum(last.drops.values()) == counts["dropped"]


def test_every_snapshot_names_the_stage(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    run(small_recipe(tmp_path, sections=SHORT_RUN), out=tmp_path / "run", watch=snapshots.append)
    stages = [snapshot.stage for snapshot in snapshots]
    assert all(stages)
    assert list(dict.fromkeys(stages)) == ["generating", "selecting", "writing the data set", "done"]

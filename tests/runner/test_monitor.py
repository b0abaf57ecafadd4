"""Progress snapshots of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.recipes import served_recipe, small_recipe
from tests.server import serving
from textsynth.core.progress import ProgressSnapshot
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.monitor import seconds_left

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


@pytest.mark.parametrize(
    ("missing", "answers_per_text", "unchecked", "sent", "seconds", "expected"),
    [
        (100, 1.0, 0, 50, 10.0, 20.0),
        (100, 2.0, 0, 50, 10.0, 40.0),
        (100, 1.0, 40, 50, 10.0, 12.0),
        (100, 1.0, 100, 50, 10.0, None),
        (0, 1.0, 0, 50, 10.0, None),
        (100, 0.0, 0, 50, 10.0, None),
        (100, 1.0, 0, 0, 10.0, None),
        (100, 1.0, 0, 50, 0.0, None),
    ],
)
def test_the_time_left_follows_from_the_speed_of_the_requests_that_were_sent(
    missing: int, answers_per_text: float, unchecked: int, sent: int, seconds: float, expected: float | None
) -> None:
    left = seconds_left(
        missing=missing, answers_per_text=answers_per_text, unchecked=unchecked, sent=sent, seconds=seconds
    )
    assert left == expected


def test_after_a_resume_the_time_left_is_not_shorter_than_the_server_takes(tmp_path: Path) -> None:
    """The first run brings half of the texts; the second one finds them in the journal, and waits for the others."""
    snapshots: list[ProgressSnapshot] = []
    with serving(latency=0.1, varies=True) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=2, batch_n=False)
        run(read_recipe(path, ["want.label=30"]), out=tmp_path / "run")
        run(read_recipe(path), out=tmp_path / "run", watch=snapshots.append)
    generating = [each for each in snapshots if each.stage == "generating" and each.answered > each.from_journal > 0]
    starts = [each.seconds - sending_seconds(each) for each in generating if each.seconds_left is not None]
    assert len(starts) > 1, "no estimates were shown"
    assert starts == pytest.approx([starts[0]] * len(starts)), "each speed counts from the first request that was sent"
    assert 0 <= starts[0] <= generating[0].seconds


def sending_seconds(snapshot: ProgressSnapshot) -> float:
    """Return in which time the requests of this run were sent, from the time left and the answers that are missing."""
    missing = sum(cell.wanted - min(cell.accepted, cell.wanted) for cell in snapshot.quota)
    accepted = sum(min(cell.accepted, cell.wanted) for cell in snapshot.quota)
    answers = missing * (snapshot.answered - snapshot.unchecked) / accepted - snapshot.unchecked
    assert snapshot.seconds_left is not None
    return snapshot.seconds_left * (snapshot.answered - snapshot.from_journal) / answers


def test_answers_that_are_not_checked_yet_are_counted(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    with serving(latency=0.1, varies=True) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=2, batch_n=False)
        run(read_recipe(path, ["want.label=100"]), out=tmp_path / "run", watch=snapshots.append)
    generating = [each for each in snapshots if each.stage == "generating"]
    assert max(each.unchecked for each in generating) > 0
    assert generating[-1].unchecked == 0
    first = next(each for each in generating if each.accepted)
    assert first.answered <= generating[-1].answered * 0.6

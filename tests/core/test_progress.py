"""Snapshots of the progress of a run."""

from __future__ import annotations

import dataclasses

import pytest

from textsynth.core.progress import CellProgress, ProgressSnapshot


def test_an_empty_snapshot_is_all_zeros_and_immutable() -> None:
    snapshot = ProgressSnapshot()
    assert (snapshot.quota, dict(snapshot.drops), snapshot.seconds_left) == ((), {}, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.answered = 1  # type: ignore[misc]


def test_a_cell_is_a_name_and_two_counts() -> None:
    assert CellProgress("refund", 3, 8) == ("refund", 3, 8)

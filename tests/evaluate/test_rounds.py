from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.evaluate.classify import Codes
from textsynth.evaluate.rounds import FOLDS, make_rounds

TARGETS = st.lists(st.integers(0, 5), min_size=1, max_size=50).map(np.array)


def nothing(held: Codes) -> Codes:
    return np.zeros(0, np.int64)


@settings(deadline=None)
@given(TARGETS, st.integers(0, 99), st.integers(1, 3))
def test_each_seed_is_held_out_once_a_repeat_and_no_label_is_lost(targets: np.ndarray, seed: int, repeats: int) -> None:
    pool = np.concatenate([[9, 9], targets])  # two rows of the pool that are no seeds
    seeds = np.arange(2, len(pool))
    rounds = make_rounds(seeds, pool, nothing, seed=seed, repeats=repeats)
    sizes = Counter(targets.tolist())
    held = Counter(row for one in rounds for row in one.held.tolist())
    assert held == {row: repeats for row in seeds.tolist() if sizes[int(pool[row])] > 1}
    for one in rounds:
        assert len(one.held)
        assert sorted([*one.held.tolist(), *one.seeds.tolist()]) == seeds.tolist()
        assert set(pool[one.seeds].tolist()) == set(targets.tolist())
    again = make_rounds(seeds, pool, nothing, seed=seed, repeats=repeats)
    assert [one.held.tolist() for one in again] == [one.held.tolist() for one in rounds]


def test_a_round_holds_out_about_a_fifth_of_every_label() -> None:
    targets = np.repeat([0, 1, 2], [5, 10, 13])
    rounds = make_rounds(np.arange(28), targets, nothing, seed=1, repeats=2)
    assert len(rounds) == 2 * FOLDS
    for one in rounds:
        counts = np.bincount(targets[one.held])
        assert counts[:2].tolist() == [1, 2]
        assert counts[2] in (2, 3)
    assert {tuple(one.held) for one in rounds[:FOLDS]} != {tuple(one.held) for one in rounds[FOLDS:]}


def test_the_synthetic_rows_of_a_round_are_those_allowed_without_its_seeds() -> None:
    rounds = make_rounds(np.arange(10), np.repeat([0, 1], 5), lambda held: held + 100, seed=1, repeats=1)
    assert all(np.array_equal(one.synthetic, one.held + 100) for one in rounds)


def test_several_labels_a_text_are_parted_by_the_first() -> None:
    targets = np.array([[1, 0, 1]] * 5 + [[0, 1, 1]] * 5)
    for one in make_rounds(np.arange(10), targets, nothing, seed=1, repeats=1):
        assert targets[one.held].sum(axis=0).tolist() == [1, 1, 2]


@pytest.mark.parametrize("targets", [[0], [0, 1, 2]])
def test_seeds_alone_in_their_label_make_no_rounds(targets: list[int]) -> None:
    assert make_rounds(np.arange(len(targets)), np.array(targets), nothing, seed=1, repeats=1) == []

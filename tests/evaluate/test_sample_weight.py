from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.worlds import LABELS, World, classifiers
from textsynth.core.records import Record
from textsynth.evaluate.classifiers import KINDS, Codes, Kind
from textsynth.evaluate.cross_validation import Fold, make_folds
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.sample_weight import GRID, PRIOR, FittedWeight, fit_weight


def fitted(
    kind: Kind, seeds: list[Record], written: list[Record], *, multi_label: bool = False, repeats: int = 2
) -> FittedWeight:
    pool = LabelledPool(LABELS, multi_label)
    first, rest = pool.add(seeds), pool.add(written)
    rounds = make_folds(first, pool.targets, lambda held: rest, seed=1, repeats=repeats)
    return fit_weight(classifiers(pool), kind, rounds, pool.targets)


def acceptable(found: FittedWeight) -> list[float]:
    """Return the weights not worse than the best by more than the standard error of their difference."""
    best = min(one.log_loss for one in found.grid)
    return [one.weight for one in found.grid if one.log_loss - best <= one.se]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_with_random_labels_count_as_little_as_can_be(kind: Kind) -> None:
    world = World(share=0.4)
    found = fitted(kind, world.rows("seeds", 10), world.mislabelled(world.rows("written", 30)))
    assert found.weight == min(acceptable(found))
    assert found.weight <= PRIOR[kind] < 1
    losses = [one.log_loss for one in found.grid]
    assert losses[-1] > losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_as_good_as_real_ones_count(kind: Kind) -> None:
    world = World(share=0.4)
    found = fitted(kind, world.rows("seeds", 5), world.rows("written", 40))
    assert found.weight > 0
    assert found.grid[-1].log_loss < found.grid[0].log_loss


@pytest.mark.parametrize("kind", KINDS)
def test_the_weight_is_the_acceptable_one_nearest_to_the_prior(kind: Kind) -> None:
    world = World()
    found = fitted(kind, world.rows("seeds", 6), world.rows("written", 12))
    assert [one.weight for one in found.grid] == list(GRID)
    assert (found.prior, found.rows) == (PRIOR[kind], 2 * 36)
    steps = [abs(GRID.index(weight) - GRID.index(found.prior)) for weight in acceptable(found)]
    assert abs(GRID.index(found.weight) - GRID.index(found.prior)) == min(steps)
    best = min(found.grid, key=lambda one: one.log_loss)
    assert best.se == 0
    assert all(one.log_loss > 0 for one in found.grid)


def test_several_labels_a_text_have_a_weight() -> None:
    world = World(share=0.6)
    found = fitted("words", world.several("seeds", 40), world.several("written", 200), multi_label=True, repeats=1)
    assert found.weight > 0
    assert 30 < found.rows <= 40  # but seeds that are alone in their first label
    assert np.isfinite([(one.log_loss, one.se) for one in found.grid]).all()


def test_without_rounds_the_prior_stands() -> None:
    pool = LabelledPool(LABELS, multi_label=False)
    pool.add(World().rows("seeds", 1))
    rounds: list[Fold] = make_folds(np.arange(6), pool.targets, lambda held: held, seed=1, repeats=1)
    assert fit_weight(classifiers(pool), "words", rounds, pool.targets) == FittedWeight(
        PRIOR["words"], PRIOR["words"], 0, ()
    )


def test_no_texts_left_in_a_round_is_no_fault() -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    seeds = pool.add(world.rows("seeds", 4))

    def nothing(held: Codes) -> Codes:
        return np.zeros(0, np.int64)

    found = fit_weight(
        classifiers(pool), "words", make_folds(seeds, pool.targets, nothing, seed=1, repeats=1), pool.targets
    )  # fmt: skip
    assert len({round(one.log_loss, 6) for one in found.grid}) == 1
    assert found.weight == PRIOR["words"]

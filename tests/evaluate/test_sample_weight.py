from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.worlds import LABELS, World, make_classifiers
from textsynth.core.records import Record
from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName
from textsynth.evaluate.cross_validation import make_folds
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.experiment_arms import NO_ROWS
from textsynth.evaluate.sample_weight import GRID, PRIOR, FittedWeight, fit_weight


def fit(
    classifier: ClassifierName,
    seeds: list[Record],
    synthetic: list[Record],
    *,
    multi_label: bool = False,
    repeats: int = 2,
) -> FittedWeight:
    """Return the weight fitted with all synthetic texts in every fold."""
    pool = LabelledPool(LABELS, multi_label)
    seed_rows, synthetic_rows = pool.add(seeds), pool.add(synthetic)
    folds = make_folds(seed_rows, pool.targets, lambda held_out: synthetic_rows, seed=1, repeats=repeats)
    return fit_weight(make_classifiers(pool), classifier, folds, pool.targets)


def acceptable_weights(fitted: FittedWeight) -> list[float]:
    """Return the weights whose loss exceeds the lowest by at most the standard error of the difference."""
    lowest = min(candidate.log_loss for candidate in fitted.grid)
    return [candidate.weight for candidate in fitted.grid if candidate.log_loss - lowest <= candidate.standard_error]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_texts_with_random_labels_get_the_lowest_acceptable_weight(classifier: ClassifierName) -> None:
    world = World(share=0.4)
    fitted = fit(classifier, world.rows("seeds", 10), world.with_random_labels(world.rows("generated", 30)))
    assert fitted.weight == min(acceptable_weights(fitted))
    assert fitted.weight <= PRIOR[classifier] < 1
    losses = [candidate.log_loss for candidate in fitted.grid]
    assert losses[-1] > losses[0]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_texts_as_good_as_real_ones_get_a_weight(classifier: ClassifierName) -> None:
    world = World(share=0.4)
    fitted = fit(classifier, world.rows("seeds", 5), world.rows("generated", 40))
    assert fitted.weight > 0
    assert fitted.grid[-1].log_loss < fitted.grid[0].log_loss


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_weight_is_the_acceptable_one_nearest_to_the_prior(classifier: ClassifierName) -> None:
    world = World()
    fitted = fit(classifier, world.rows("seeds", 6), world.rows("generated", 12))
    assert [candidate.weight for candidate in fitted.grid] == list(GRID)
    assert (fitted.prior, fitted.held_out_rows) == (PRIOR[classifier], 2 * 36)
    prior = GRID.index(fitted.prior)
    distances = [abs(GRID.index(weight) - prior) for weight in acceptable_weights(fitted)]
    assert abs(GRID.index(fitted.weight) - prior) == min(distances)
    best = min(fitted.grid, key=lambda candidate: candidate.log_loss)
    assert best.standard_error == 0
    assert all(candidate.log_loss > 0 for candidate in fitted.grid)


def test_a_weight_is_fitted_for_several_labels_a_text() -> None:
    world = World(share=0.6)
    seeds, synthetic = world.multi_label_rows("seeds", 40), world.multi_label_rows("generated", 200)
    fitted = fit("words", seeds, synthetic, multi_label=True, repeats=1)
    assert fitted.weight > 0
    assert 30 < fitted.held_out_rows <= 40  # all but the seeds that are alone in their first label
    losses = [(candidate.log_loss, candidate.standard_error) for candidate in fitted.grid]
    assert np.isfinite(losses).all()


def test_without_folds_the_prior_is_taken() -> None:
    pool = LabelledPool(LABELS, multi_label=False)
    seeds = pool.add(World().rows("seeds", 1))
    folds = make_folds(seeds, pool.targets, lambda held_out: held_out, seed=1, repeats=1)
    fitted = fit_weight(make_classifiers(pool), "words", folds, pool.targets)
    assert fitted == FittedWeight(PRIOR["words"], PRIOR["words"], 0, ())


def test_folds_without_synthetic_texts_give_the_prior() -> None:
    pool = LabelledPool(LABELS, multi_label=False)
    seeds = pool.add(World().rows("seeds", 4))
    folds = make_folds(seeds, pool.targets, lambda held_out: NO_ROWS, seed=1, repeats=1)
    fitted = fit_weight(make_classifiers(pool), "words", folds, pool.targets)
    assert len({round(candidate.log_loss, 6) for candidate in fitted.grid}) == 1
    assert fitted.weight == PRIOR["words"]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tests.evaluate.worlds import LABELS, World, make_classifiers
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName, TrainingSet
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.experiment_arms import (
    COMPARED_ARMS,
    NO_ROWS,
    QUICK,
    Arm,
    Experiment,
    make_arms,
    random_rows,
    resampled_weight_factors,
)
from textsynth.evaluate.metrics import IntArray, best_thresholds, macro_f1, predict, truth_of
from textsynth.evaluate.results import DRAWS, TEST_ROWS, TRAINING_ROWS

SEEDS, SELECTED, RAW, ALL_ROWS = np.arange(3), np.arange(5, 8), np.arange(3, 10), np.arange(10, 14)


def arm_names(**rows: np.ndarray) -> list[str]:
    arguments = {"seeds": NO_ROWS, "selected": SELECTED, "raw": RAW, "all_rows": NO_ROWS, **rows}
    return [arm.name for arm in make_arms(**arguments, has_unselected=True)]


def test_the_arms_are_those_that_the_rows_allow() -> None:
    assert arm_names(seeds=SEEDS, all_rows=ALL_ROWS) == [
        *("seeds", "raw", "selected", "seeds_raw", "seeds_selected", "seeds_replicated", "all"),
    ]  # fmt: skip
    assert arm_names(seeds=SEEDS) == [
        *("seeds", "raw", "selected", "seeds_raw", "seeds_selected", "seeds_replicated"),
    ]  # fmt: skip
    assert arm_names() == ["raw", "selected"]
    without_raw = make_arms(SEEDS, SELECTED, SELECTED, NO_ROWS, has_unselected=False)
    assert [arm.name for arm in without_raw] == ["seeds", "selected", "seeds_selected", "seeds_replicated"]


@given(st.integers(1, 30), st.integers(0, 90))
def test_the_replicated_seeds_weigh_as_much_as_seeds_and_selected_texts(seeds: int, selected: int) -> None:
    rows = np.arange(seeds + selected)
    arms = make_arms(rows[:seeds], rows[seeds:], NO_ROWS, NO_ROWS, has_unselected=False)
    by_name = {arm.name: arm for arm in arms}
    replicated, both = (by_name[name] for name in ("seeds_replicated", "seeds_selected"))
    targets = np.arange(seeds + selected)
    assert len(replicated) == len(both) == seeds + selected
    assert replicated.training_set(targets).weights.sum() == pytest.approx(both.training_set(targets).weights.sum())
    assert replicated.training_set(targets).rows.tolist() == by_name["seeds"].training_set(targets).rows.tolist()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_replicated_seeds_predict_as_copies_of_each_seed(classifier: ClassifierName) -> None:
    records = World().rows("seeds", 6)
    pool = LabelledPool(LABELS, multi_label=False)
    seeds, test = pool.add(records), pool.add(World(2).rows("test", 5))
    copies = pool.add(records)
    classifiers = make_classifiers(pool)
    weighted = Arm("seeds_replicated", seeds, NO_ROWS, real_copies=2.0)
    copied = Arm("copied", np.concatenate([seeds, copies]), NO_ROWS)
    (by_weight,), (by_copy,) = (
        classifiers.probabilities(classifier, [arm.training_set(pool.targets)], test) for arm in (weighted, copied)
    )
    # smooth IDF adds one row to the counts, so that copies change it a little
    assert np.abs(by_weight - by_copy).max() < 0.05
    (by_seeds,) = classifiers.probabilities(classifier, [Arm("seeds", seeds, NO_ROWS).training_set(pool.targets)], test)
    assert np.abs(by_weight - by_seeds).max() > 0.05


def test_only_existing_arms_are_compared() -> None:
    names = {*arm_names(seeds=SEEDS, all_rows=ALL_ROWS), "random", "seeds_random", "fitted"}
    assert {name for pair in COMPARED_ARMS for name in pair} <= names


def test_the_training_set_of_an_arm_has_its_rows_and_weights() -> None:
    arm = Arm("fitted", SEEDS, SELECTED, 0.3)
    training_set = arm.training_set(np.arange(20) * 10)
    assert training_set.rows.tolist() == [0, 1, 2, 5, 6, 7]
    assert training_set.targets.tolist() == [0, 10, 20, 50, 60, 70]
    assert training_set.weights.tolist() == [1, 1, 1, 0.3, 0.3, 0.3]
    assert training_set.reweighted(np.arange(6.0)).weights == pytest.approx([0, 1, 2, 0.9, 1.2, 1.5])
    assert (len(arm), len(Arm("fitted", SEEDS, SELECTED, 0.0))) == (6, 3)


@st.composite
def raw_and_selected(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return raw rows, the selected ones of them, and the targets of a pool that has other rows too."""
    targets = np.array(draw(st.lists(st.integers(0, 3), min_size=3, max_size=40)))
    raw = np.arange(2, len(targets))
    is_selected = draw(st.lists(st.booleans(), min_size=len(raw), max_size=len(raw)).filter(any))
    return raw, raw[is_selected], targets


@settings(deadline=None)
@given(raw_and_selected(), st.integers(0, 99))
def test_random_rows_are_raw_rows_with_the_label_counts_of_the_selected_ones(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    raw, selected, targets = rows
    subsets = random_rows(raw, selected, targets, seed, 3)
    assert len(subsets) == 3
    for subset in subsets:
        assert len(set(subset.tolist())) == len(subset)
        assert set(subset.tolist()) <= set(raw.tolist())
        assert np.bincount(targets[subset]).tolist() == np.bincount(targets[selected]).tolist()
    repeated = random_rows(raw, selected, targets, seed, 3)
    assert [subset.tolist() for subset in repeated] == [subset.tolist() for subset in subsets]


def test_random_rows_differ_between_draws_and_seeds_and_may_be_any_raw_row() -> None:
    raw, targets = np.arange(40), np.arange(40) % 2
    subsets = random_rows(raw, raw[:10], targets, 1, 30)
    assert len({tuple(subset) for subset in subsets}) == 30
    assert {row for subset in subsets for row in subset.tolist()} == set(raw.tolist())
    assert [subset.tolist() for subset in random_rows(raw, raw[:10], targets, 2, 1)] != [subsets[0].tolist()]


def test_multi_label_rows_count_by_their_first_label() -> None:
    targets = np.array([[1, 0, 1]] * 8 + [[0, 1, 1]] * 8)
    (subset,) = random_rows(np.arange(16), np.array([0, 1, 2, 9]), targets, 1, 1)
    assert targets[subset].sum(axis=0).tolist() == [3, 1, 4]


def test_training_rows_are_resampled_within_labels_and_by_completion() -> None:
    world = World(labels=LABELS[:2])
    texts = [
        Record(world.text(label), Provenance("labelled", request_key=f"{label} {n // 2}", index=n), (label,))
        for label in world.labels
        for n in range(6)
    ]
    pool = LabelledPool(world.labels, multi_label=False)
    seeds, generated = pool.add(world.rows("seeds", 4)), pool.add(texts)
    factors = resampled_weight_factors(pool, seed=1, draws=5)
    assert factors.shape == (5, len(pool.records))
    for rows in (seeds, generated):
        for code in range(2):
            label_factors = factors[:, rows[pool.targets[rows] == code]]
            assert label_factors.mean(axis=1) == pytest.approx(np.ones(5))
            assert label_factors.std() > 0
    generated_factors = factors[:, generated]
    assert np.array_equal(generated_factors[:, 0::2], generated_factors[:, 1::2])
    assert not np.array_equal(generated_factors[:, 0], generated_factors[:, 2])
    assert np.array_equal(factors, resampled_weight_factors(pool, seed=1, draws=5))


class SmallExperiment:
    """Rows of seeds, raw and selected texts, dev and test of a small world, and their experiment."""

    def __init__(self, *, multi_label: bool = False, raw_per_label: int = 10) -> None:
        world = World(share=0.5 if multi_label else 0.3)
        self.pool = LabelledPool(LABELS, multi_label)

        def add(name: str, per_label: int) -> IntArray:
            if multi_label:
                return self.pool.add(world.multi_label_rows(name, per_label * len(LABELS)))
            return self.pool.add(world.rows(name, per_label))

        self.seeds, self.raw = add("seeds", 5), add("raw", raw_per_label)
        self.dev, self.test = add("dev", 8), add("test", 20)
        self.selected = self.raw[::2]
        self.experiment = Experiment(
            self.pool, make_classifiers(self.pool), test=self.test, dev=self.dev, seed=1, repetitions=QUICK
        )


def test_an_arm_is_scored_by_its_predictions() -> None:
    small = SmallExperiment()
    arm = Arm("seeds_selected", small.seeds, small.selected)
    for classifier in CLASSIFIERS:
        result = small.experiment.measure(arm, classifier)
        assert (result.arm, result.classifier) == ("seeds_selected", classifier)
        assert (result.train_rows, result.sample_weight) == (60, 1.0)
        shapes = {source: draws.shape for source, draws in result.resampled.items()}
        assert shapes == {TEST_ROWS: (600, 6), TRAINING_ROWS: (6, 6)}
        predicted = result.predicted[0].argmax(axis=1)
        expected = f1_score(small.pool.targets[small.test], predicted, average="macro")
        assert float(macro_f1(result.f1, small.experiment.truth)) == pytest.approx(expected, abs=1e-6)
        without = small.experiment.measure(arm, classifier, resample_training=False)
        assert list(without.resampled) == [TEST_ROWS]


def test_a_random_arm_is_the_mean_of_subsets_as_large_as_the_selected_rows() -> None:
    small = SmallExperiment()
    result = small.experiment.random_arm("seeds_random", "words", small.seeds, small.raw, small.selected)
    assert (result.arm, result.train_rows, len(result.predicted)) == ("seeds_random", 60, QUICK.random_subsets)
    shapes = {source: draws.shape for source, draws in result.resampled.items()}
    assert shapes == {TEST_ROWS: (600, 6), DRAWS: (3, 6)}
    assert small.experiment.random_arm("random", "words", NO_ROWS, small.raw, small.selected).train_rows == 30


def test_the_learning_curve_ends_with_the_score_of_all_seeds() -> None:
    small = SmallExperiment()
    seeds = small.experiment.measure(Arm("seeds", small.seeds, NO_ROWS), "words")
    curve = small.experiment.learning_curve(seeds, small.seeds)
    assert [point.train_rows for point in curve] == [12, 18, 24, 30]
    assert curve[-1].macro_f1 == pytest.approx(float(macro_f1(seeds.f1, small.experiment.truth)))
    assert curve[-1].sd == 0
    assert curve[0].macro_f1 < curve[-1].macro_f1


def test_compared_arms_are_those_that_were_both_measured() -> None:
    small = SmallExperiment()
    arms = [
        Arm("seeds", small.seeds, NO_ROWS),
        Arm("selected", NO_ROWS, small.selected),
        Arm("seeds_selected", small.seeds, small.selected),
    ]
    results = [small.experiment.measure(arm, classifier) for classifier in CLASSIFIERS for arm in arms]
    results.append(small.experiment.random_arm("random", "words", NO_ROWS, small.raw, small.selected))
    differences = small.experiment.differences(results)
    assert [(difference.arm, difference.baseline, difference.classifier) for difference in differences] == [
        ("seeds_selected", "seeds", "words"),
        ("seeds_selected", "seeds", "embeddings"),
        ("selected", "random", "words"),
    ]


def test_helpful_texts_have_a_difference_above_zero() -> None:
    small = SmallExperiment(raw_per_label=60)
    results = [
        small.experiment.measure(arm, "embeddings")
        for arm in (Arm("seeds", small.seeds, NO_ROWS), Arm("seeds_selected", small.seeds, small.raw))
    ]
    (difference,) = small.experiment.differences(results)
    assert difference.effect == "helps"
    assert difference.interval[0] < difference.difference < difference.interval[1]


def test_multi_label_thresholds_are_chosen_on_dev_rows() -> None:
    small = SmallExperiment(multi_label=True)
    arm = Arm("seeds", small.seeds, NO_ROWS)
    with_dev = small.experiment.measure(arm, "words", resample_training=False)
    targets = small.pool.targets
    training_set = TrainingSet(small.seeds, targets[small.seeds], np.ones(len(small.seeds)))
    classifiers = make_classifiers(small.pool)
    on_dev, on_test = (classifiers.probabilities("words", [training_set], rows)[0] for rows in (small.dev, small.test))
    thresholds = best_thresholds(on_dev, truth_of(targets[small.dev], len(LABELS)))
    assert np.array_equal(with_dev.predicted[0], predict(on_test, multi_label=True, thresholds=thresholds))
    experiment = Experiment(small.pool, classifiers, test=small.test, dev=NO_ROWS, seed=1, repetitions=QUICK)
    without_dev = experiment.measure(arm, "words", resample_training=False)
    assert np.array_equal(without_dev.predicted[0], predict(on_test, multi_label=True))
    truth = small.experiment.truth
    assert float(macro_f1(with_dev.f1, truth)) > float(macro_f1(without_dev.f1, truth))

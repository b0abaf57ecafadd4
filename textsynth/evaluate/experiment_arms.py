"""The arms of an evaluation, each a training set, and the experiment that trains and scores them on the same test rows.

Two arms that are compared differ in one thing only: the rows added, or the sample weight of the synthetic ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.bootstrap import resample_test_rows, resample_training_rows
from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName, Classifiers, TrainingSet
from textsynth.evaluate.data import LabelledPool, cluster_ids, first_labels
from textsynth.evaluate.learning_curve import CurvePoint, seed_subsets
from textsynth.evaluate.metrics import (
    Float32Array,
    FloatArray,
    IntArray,
    Truth,
    best_thresholds,
    f1_by_label,
    macro_f1,
    one_hot,
    predict,
    truth_of,
)
from textsynth.evaluate.results import ArmDifference, ArmResult, arm_result, difference, mean_arm_result

# Pairs of an arm and its baseline.
COMPARED_ARMS = (
    ("seeds_selected", "seeds"),
    ("seeds_raw", "seeds"),
    ("fitted", "seeds"),
    ("seeds_selected", "seeds_replicated"),
    ("seeds_selected", "seeds_raw"),
    ("seeds_selected", "seeds_random"),
    ("selected", "raw"),
    ("selected", "random"),
)
NO_ROWS: IntArray = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Arm:
    """A training set: real and synthetic rows of the pool, and the sample weight of a synthetic row.

    `real_copies` is how often each real row is repeated, also in fractions: it is the sample weight of a real row.
    """

    name: str
    real: IntArray
    synthetic: IntArray
    sample_weight: float = 1.0
    real_copies: float = 1.0

    def __len__(self) -> int:
        return round(len(self.real) * self.real_copies) + (len(self.synthetic) if self.sample_weight else 0)

    def training_set(self, targets: IntArray) -> TrainingSet:
        """Return the rows with their targets and weights; `targets` are those of the whole pool."""
        rows = np.concatenate([self.real, self.synthetic])
        counts, row_weights = [len(self.real), len(self.synthetic)], [self.real_copies, self.sample_weight]
        weights = np.repeat(np.array(row_weights, np.float64), counts)
        return TrainingSet(rows, targets[rows], weights)


def make_arms(
    seeds: IntArray, selected: IntArray, raw: IntArray, all_rows: IntArray, *, has_unselected: bool
) -> list[Arm]:
    """Return the arms that the given rows allow, in the order of a report, without the random and the fitted arms.

    `has_unselected` says whether raw and selected differ; without it there are no raw arms. `seeds_replicated` is the
    seeds repeated to the size of seeds and selected together: what the mere size of a training set, which regularizes a
    classifier less, brings without any new text.
    """
    arms = [Arm("seeds", seeds, NO_ROWS)] if len(seeds) else []
    arms += [Arm("raw", NO_ROWS, raw)] if has_unselected else []
    arms.append(Arm("selected", NO_ROWS, selected))
    if len(seeds):
        arms += [Arm("seeds_raw", seeds, raw)] if has_unselected else []
        arms.append(Arm("seeds_selected", seeds, selected))
        copies = (len(seeds) + len(selected)) / len(seeds)
        arms.append(Arm("seeds_replicated", seeds, NO_ROWS, real_copies=copies))
    arms += [Arm("all", all_rows, NO_ROWS)] if len(all_rows) else []
    return arms


def random_rows(raw: IntArray, selected: IntArray, targets: IntArray, seed: int, draws: int) -> list[IntArray]:
    """Return `draws` random subsets of the raw rows with the size and the label counts of the selected rows.

    A subset may contain selected rows: it is what random selection would have given. Where a text may have several
    labels, its first label counts.
    """
    labels = first_labels(targets)
    generator = np.random.default_rng([seed, 3])
    subsets = []
    for _ in range(draws):
        parts = []
        for label in np.unique(labels[selected]):
            candidates = raw[labels[raw] == label]
            parts.append(generator.choice(candidates, size=int((labels[selected] == label).sum()), replace=False))
        subsets.append(np.sort(np.concatenate(parts)))
    return subsets


def resampled_weight_factors(pool: LabelledPool, seed: int, draws: int) -> FloatArray:
    """Return weight factors (draws, rows of the pool) that resample training rows within the labels of each set.

    A row has the same factors in every arm that contains it.
    """
    groups = _integer_codes(["\x1f".join((record.provenance.step, *record.labels)) for record in pool.records])
    return resample_training_rows(groups, _integer_codes(cluster_ids(pool.records)), seed, draws)


def _integer_codes(names: Sequence[str]) -> IntArray:
    return np.unique(np.array(names), return_inverse=True)[1]


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How often the random parts of an experiment are repeated.

    `training_draws`: resampled training rows of an arm. `random_subsets`: draws of a random arm. `cross_validations`:
    repeats of the five folds. `curve_draws`: subsets of the seeds for each point of the learning curve.
    """

    training_draws: int
    random_subsets: int
    cross_validations: int
    curve_draws: int


QUICK = Repetitions(training_draws=6, random_subsets=3, cross_validations=1, curve_draws=2)
FULL = Repetitions(training_draws=20, random_subsets=20, cross_validations=4, curve_draws=8)


class Experiment:
    """Trains arms and scores them on the same test rows; `test` and `dev` are rows of the pool."""

    def __init__(
        self,
        pool: LabelledPool,
        classifiers: Classifiers,
        *,
        test: IntArray,
        dev: IntArray,
        seed: int,
        repetitions: Repetitions,
    ) -> None:
        self.pool = pool
        self.targets = pool.targets
        self.classifiers = classifiers
        self.repetitions = repetitions
        self.truth: Truth = truth_of(self.targets[test], len(pool.labels))
        self._test = test
        self._dev = dev
        self._seed = seed
        self._test_weights = resample_test_rows(len(test), seed)
        self._factors: FloatArray | None = None

    def measure(self, arm: Arm, classifier: ClassifierName, *, resample_training: bool = True) -> ArmResult:
        """Return the result of an arm, with or without resampled training rows.

        A classifier of the user's own takes no sample weights, so that its training rows are never resampled.
        """
        training_set = arm.training_set(self.targets)
        training_sets = [training_set]
        if resample_training and classifier in CLASSIFIERS:
            factors = self._weight_factors()[:, training_set.rows]
            training_sets += [training_set.reweighted(draw) for draw in factors]
        probabilities = self._test_probabilities(classifier, training_sets)
        thresholds = self._thresholds(arm, classifier)
        return arm_result(
            arm.name, classifier, len(arm), arm.sample_weight, probabilities, self.truth, self._test_weights, thresholds
        )

    def macro_f1(self, arm: Arm, classifier: ClassifierName) -> float:
        """Return an arm's macro-F1 without an interval."""
        return self._macro_f1(classifier, arm.training_set(self.targets), self._thresholds(arm, classifier))

    def random_arm(
        self, name: str, classifier: ClassifierName, real: IntArray, raw: IntArray, selected: IntArray
    ) -> ArmResult:
        """Return the mean result of random subsets of `raw`, with as many texts of each label as in `selected`."""
        subsets = random_rows(raw, selected, self.targets, self._seed, self.repetitions.random_subsets)
        return mean_arm_result(
            name, [self.measure(Arm(name, real, rows), classifier, resample_training=False) for rows in subsets]
        )

    def learning_curve(self, seeds: ArmResult, rows: IntArray) -> list[CurvePoint]:
        """Return the learning curve of the seed rows; the last point is the result of all seeds."""
        curve = []
        draws = self.repetitions.curve_draws
        for subsets in seed_subsets(rows, self.targets, seed=self._seed, draws=draws):
            scores = []
            for subset in subsets:
                training_set = Arm("seeds", subset, NO_ROWS).training_set(self.targets)
                scores.append(self._macro_f1(seeds.classifier, training_set, None))
            sd = float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0
            curve.append(CurvePoint(len(subsets[0]), float(np.mean(scores)), sd))
        return [*curve, CurvePoint(len(rows), float(macro_f1(seeds.f1, self.truth)), 0.0)]

    def differences(self, results: Sequence[ArmResult]) -> list[ArmDifference]:
        """Return the difference of every compared pair of arms that was measured, by classifier."""
        by_name = {(result.arm, result.classifier): result for result in results}
        classifiers = list(dict.fromkeys(result.classifier for result in results))
        return [
            difference(by_name[arm, classifier], by_name[baseline, classifier], self.pool.labels, self.truth)
            for arm, baseline in COMPARED_ARMS
            for classifier in classifiers
            if (arm, classifier) in by_name and (baseline, classifier) in by_name
        ]

    def _test_probabilities(
        self, classifier: ClassifierName, training_sets: Sequence[TrainingSet]
    ) -> list[Float32Array]:
        """Return probabilities for the test rows; for one label a text 1 for the most probable label, else 0."""
        if self.truth.multi_label:
            return self.classifiers.probabilities(classifier, training_sets, self._test)
        predictions = self.classifiers.predictions(classifier, training_sets, self._test)
        return [one_hot(codes, len(self.pool.labels)) for codes in predictions]

    def _macro_f1(self, classifier: ClassifierName, training_set: TrainingSet, thresholds: FloatArray | None) -> float:
        (probabilities,) = self._test_probabilities(classifier, [training_set])
        predicted = predict(probabilities, multi_label=self.truth.multi_label, thresholds=thresholds)
        return float(macro_f1(f1_by_label(predicted, self.truth), self.truth))

    def _weight_factors(self) -> FloatArray:
        if self._factors is None:
            self._factors = resampled_weight_factors(self.pool, self._seed, self.repetitions.training_draws)
        return self._factors

    def _thresholds(self, arm: Arm, classifier: ClassifierName) -> FloatArray | None:
        """Return the thresholds chosen on the dev rows; None for one label a text, and without dev rows."""
        if not self.pool.multi_label or not len(self._dev):
            return None
        (probabilities,) = self.classifiers.probabilities(classifier, [arm.training_set(self.targets)], self._dev)
        return best_thresholds(probabilities, truth_of(self.targets[self._dev], len(self.pool.labels)))

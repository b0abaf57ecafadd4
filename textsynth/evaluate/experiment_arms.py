"""The arms of an evaluation: which rows a classifier learns from, so that two arms differ in one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.bootstrap import row_weights, train_weights
from textsynth.evaluate.classifiers import Classifiers, Codes, Floats, Kind, Scores, Training
from textsynth.evaluate.data import LabelledPool, clusters_of, first_labels
from textsynth.evaluate.learning_curve import CurvePoint, nested_subsets
from textsynth.evaluate.metrics import Truth, best_thresholds, decide, f1_by_label, macro_f1, one_hot, truth_of
from textsynth.evaluate.results import ArmResult, arm_result, difference, mean_arm_result
from textsynth.evaluate.verdict import ArmDifference

# arm, the arm it is compared with
COMPARED = (
    ("seeds_selected", "seeds"),
    ("seeds_raw", "seeds"),
    ("fitted", "seeds"),
    ("seeds_selected", "seeds_raw"),
    ("seeds_selected", "seeds_random"),
    ("selected", "raw"),
    ("selected", "random"),
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train: `real` and `synthetic` are rows of the pool, `weight` that of a synthetic text."""

    name: str
    real: Codes
    synthetic: Codes
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.real) + (len(self.synthetic) if self.weight else 0)

    def training(self, targets: Codes) -> Training:
        """Return what a classifier learns from; `targets` are those of the whole pool."""
        rows = np.concatenate([self.real, self.synthetic])
        weights = np.concatenate([np.ones(len(self.real)), np.full(len(self.synthetic), self.weight)])
        return Training(rows, targets[rows], weights)


def make_arms(seeds: Codes, selected: Codes, raw: Codes, whole: Codes, *, checked: bool) -> list[Arm]:
    """Return the arms that the given rows allow, in the order of a report; random ones and `fitted` come later."""
    none = np.zeros(0, np.int64)
    arms = [Arm("seeds", seeds, none)] if len(seeds) else []
    arms += [Arm("raw", none, raw)] if checked else []
    arms.append(Arm("selected", none, selected))
    if len(seeds):
        arms += [Arm("seeds_raw", seeds, raw)] if checked else []
        arms.append(Arm("seeds_selected", seeds, selected))
    arms += [Arm("all", whole, none)] if len(whole) else []
    return arms


def random_rows(raw: Codes, selected: Codes, targets: Codes, seed: int, draws: int) -> list[Codes]:
    """Return `draws` random subsets of the raw rows, of the selected rows' size and counts a label.

    Selected rows may be drawn: a subset is what picking blindly would have given. With several labels a text the
    counts are those of its first label.
    """
    first = first_labels(targets)
    random = np.random.default_rng([seed, 3])
    found = []
    for _ in range(draws):
        parts = []
        for label in np.unique(first[selected]):
            pool = raw[first[raw] == label]
            parts.append(random.choice(pool, size=int((first[selected] == label).sum()), replace=False))
        found.append(np.sort(np.concatenate(parts)))
    return found


def training_draws(pool: LabelledPool, seed: int, draws: int) -> Floats:
    """Return factors (draws, rows of the pool) for redrawn training rows: a row has the same in every arm it is in."""
    groups = _codes(["\x1f".join((record.provenance.step, *record.labels)) for record in pool.records])
    return train_weights(groups, _codes(clusters_of(pool.records)), seed, draws)


def _codes(names: Sequence[str]) -> Codes:
    return np.unique(np.array(names), return_inverse=True)[1]


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How many draws each part takes: of training rows, of random subsets, of seeds' folds, of the learning curve."""

    training: int
    random: int
    repeats: int
    curve: int


QUICK = Repetitions(training=6, random=3, repeats=1, curve=2)
FULL = Repetitions(training=20, random=20, repeats=4, curve=8)


class Experiment:
    """Measures arms; `test` and `dev` are rows of the pool."""

    def __init__(
        self, pool: LabelledPool, classifiers: Classifiers, *, test: Codes, dev: Codes, seed: int, effort: Repetitions
    ) -> None:
        self.pool = pool
        self.targets = pool.targets
        self.classifiers = classifiers
        self.effort = effort
        self.truth: Truth = truth_of(self.targets[test], len(pool.labels))
        self._test = test
        self._dev = dev
        self._seed = seed
        self._weights = row_weights(len(test), seed)
        self._factors: Floats | None = None

    def measure(self, arm: Arm, kind: Kind, *, redraw: bool = True) -> ArmResult:
        """Return an arm's outcome, with redrawn training rows if wanted."""
        training = arm.training(self.targets)
        trainings = [training]
        if redraw:
            trainings += [training.weighted(factors) for factors in self._drawn()[:, training.rows]]
        scores = self._scores(kind, trainings)
        thresholds = self._thresholds(arm, kind)
        return arm_result(arm.name, kind, len(arm), arm.weight, scores, self.truth, self._weights, thresholds)

    def macro_f1(self, arm: Arm, kind: Kind) -> float:
        """Return an arm's macro-F1 alone, without what an interval takes."""
        return self._macro_f1(kind, arm.training(self.targets), self._thresholds(arm, kind))

    def random_arms(self, name: str, kind: Kind, real: Codes, raw: Codes, selected: Codes) -> ArmResult:
        """Return the mean outcome of random subsets of `raw`, as many texts of each label as in `selected`."""
        draws = random_rows(raw, selected, self.targets, self._seed, self.effort.random)
        return mean_arm_result(name, [self.measure(Arm(name, real, rows), kind, redraw=False) for rows in draws])

    def curve(self, seeds: ArmResult, rows: Codes) -> list[CurvePoint]:
        """Return the learning curve of the seeds, the whole of them last."""
        points = []
        for parts in nested_subsets(rows, self.targets, seed=self._seed, draws=self.effort.curve):
            found = []
            for part in parts:
                training = Arm("seeds", part, np.zeros(0, np.int64)).training(self.targets)
                found.append(self._macro_f1(seeds.kind, training, None))
            points.append(
                CurvePoint(
                    len(parts[0]), float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
                )
            )
        return [*points, CurvePoint(len(rows), float(macro_f1(seeds.f1, self.truth)), 0.0)]

    def differences(self, outcomes: Sequence[ArmResult]) -> list[ArmDifference]:
        """Return the differences of every pair of arms that belong together and were measured."""
        by_name = {(one.arm, one.kind): one for one in outcomes}
        kinds = list(dict.fromkeys(one.kind for one in outcomes))
        return [
            difference(by_name[arm, kind], by_name[minus, kind], self.pool.labels, self.truth)
            for arm, minus in COMPARED
            for kind in kinds
            if (arm, kind) in by_name and (minus, kind) in by_name
        ]

    def _scores(self, kind: Kind, trainings: Sequence[Training]) -> list[Scores]:
        """Return scores for the test rows: with one label a text 1 for the likeliest and 0 for the others."""
        if self.truth.multi_label:
            return self.classifiers.scores(kind, trainings, self._test)
        best = self.classifiers.best(kind, trainings, self._test)
        return [one_hot(codes, len(self.pool.labels)) for codes in best]

    def _macro_f1(self, kind: Kind, training: Training, thresholds: Floats | None) -> float:
        (scores,) = self._scores(kind, [training])
        predicted = decide(scores, multi_label=self.truth.multi_label, thresholds=thresholds)
        return float(macro_f1(f1_by_label(predicted, self.truth), self.truth))

    def _drawn(self) -> Floats:
        if self._factors is None:
            self._factors = training_draws(self.pool, self._seed, self.effort.training)
        return self._factors

    def _thresholds(self, arm: Arm, kind: Kind) -> Floats | None:
        if not self.pool.multi_label or not len(self._dev):
            return None
        (scores,) = self.classifiers.scores(kind, [arm.training(self.targets)], self._dev)
        return best_thresholds(scores, truth_of(self.targets[self._dev], len(self.pool.labels)))

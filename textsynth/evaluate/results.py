"""What an arm scored: predictions, F1 of every label, and how both vary over redrawn test and training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.bootstrap import LEVEL, interval
from textsynth.evaluate.classifiers import Floats, Kind, Scores
from textsynth.evaluate.metrics import (
    Hits,
    Truth,
    accuracy,
    balanced_accuracy,
    decide,
    f1_by_label,
    macro_f1,
    micro_f1,
    precision_by_label,
    quadratic_kappa,
    recall_by_label,
)
from textsynth.evaluate.verdict import FEW, ArmDifference, ClassChange

TEST, TRAIN, DRAWS = "test rows", "training rows", "draws"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm with one classifier.

    `f1` holds each label's F1, (labels,); `redraws` the same over redrawn rows, (draws, labels), by what was redrawn.
    `predicted` are the predictions (test rows, labels), for several draws of an arm those of each.
    """

    arm: str
    kind: Kind
    rows: int
    weight: float
    predicted: tuple[Hits, ...]
    f1: Floats
    redraws: Mapping[str, Floats]


def arm_result(
    arm: str, kind: Kind, rows: int, weight: float, scores: Sequence[Scores], truth: Truth, test: Floats,
    thresholds: Floats | None = None,
) -> ArmResult:  # fmt: skip
    """Return an arm's outcome from its scores: the arm itself first, then with redrawn training rows."""
    predicted = [decide(one, multi_label=truth.multi_label, thresholds=thresholds) for one in scores]
    redraws = {TEST: f1_by_label(predicted[0], truth, test)}
    if len(predicted) > 2:
        redraws[TRAIN] = np.stack([f1_by_label(one, truth) for one in predicted[1:]])
    return ArmResult(arm, kind, rows, weight, (predicted[0],), f1_by_label(predicted[0], truth), redraws)


def mean_arm_result(arm: str, draws: Sequence[ArmResult]) -> ArmResult:
    """Return the mean over several draws of an arm; their spread counts as the mean's own uncertainty."""
    f1 = np.stack([one.f1 for one in draws])
    mean = f1.mean(axis=0)
    redraws: dict[str, Floats] = {TEST: np.mean([one.redraws[TEST] for one in draws], axis=0)}
    if len(draws) > 1:
        redraws[DRAWS] = mean + (f1 - mean) / np.sqrt(len(draws))
    first = draws[0]
    predicted = tuple(one.predicted[0] for one in draws)
    return ArmResult(arm, first.kind, first.rows, first.weight, predicted, mean, redraws)


def difference(one: ArmResult, minus: ArmResult, labels: Sequence[str], truth: Truth) -> ArmDifference:
    """Return one arm minus another; what both redraw is compared draw by draw.

    The intervals of the labels with at least 20 test rows hold together (Bonferroni).
    """
    gaps = _gaps(one, minus)
    whole = float(macro_f1(one.f1, truth) - macro_f1(minus.f1, truth))
    over = interval(whole, [macro_f1(gap, truth) for gap in gaps])
    tested = [int(rows) for rows in truth.rows]
    level = 1 - (1 - LEVEL) / max(1, sum(rows >= FEW for rows in tested))
    changes = [
        ClassChange(
            label,
            float(one.f1[code] - minus.f1[code]),
            interval(float(one.f1[code] - minus.f1[code]), [gap[:, code] for gap in gaps], level=level),
            tested[code],
        )
        for code, label in enumerate(labels)
        if tested[code]
    ]
    return ArmDifference(one.arm, minus.arm, one.kind, whole, over, tuple(changes))


def _gaps(one: ArmResult, minus: ArmResult) -> list[Floats]:
    found = []
    for redrawn in (TEST, TRAIN, DRAWS):
        mine, other = one.redraws.get(redrawn), minus.redraws.get(redrawn)
        if mine is not None and other is not None and len(mine) == len(other):
            found.append(mine - other)
        else:
            found += [some for some in (mine, other) if some is not None]
    return found


def arm_scores(one: ArmResult, labels: Sequence[str], truth: Truth, *, ordinal: bool) -> dict[str, object]:
    """Return an arm's figures by name, as they stand under `arms[name][classifier]`; means over its draws."""
    whole = float(macro_f1(one.f1, truth))
    low, high = interval(whole, [macro_f1(redrawn, truth) for redrawn in one.redraws.values()])
    precision = np.mean([precision_by_label(some, truth) for some in one.predicted], axis=0)
    recall = np.mean([recall_by_label(some, truth) for some in one.predicted], axis=0)
    tested = truth.rows
    found: dict[str, object] = {
        "macro_f1": whole,
        "accuracy": float(np.mean([accuracy(some, truth) for some in one.predicted])),
        "balanced_accuracy": float(np.mean([balanced_accuracy(some, truth) for some in one.predicted])),
        "micro_f1": float(np.mean([micro_f1(some, truth) for some in one.predicted])) if truth.multi_label else None,
        "kappa": float(np.mean([quadratic_kappa(some, truth) for some in one.predicted])) if ordinal else None,
        "interval": [max(low, 0.0), min(high, 1.0)],
        "per_class": {
            label: {
                "f1": float(one.f1[code]),
                "precision": float(precision[code]),
                "recall": float(recall[code]),
                "test": int(tested[code]),
            }
            for code, label in enumerate(labels)
            if tested[code]
        },
        "n": one.rows,
        "weight": one.weight,
    }
    if len(one.predicted) > 1:
        spread = np.std([macro_f1(f1_by_label(some, truth), truth) for some in one.predicted], ddof=1)
        found |= {"draws": len(one.predicted), "spread": float(spread)}
    return found

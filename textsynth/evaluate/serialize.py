"""An evaluation as JSON: the stable keys that scripts, the report and `--json` read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from textsynth.core.records import Record
from textsynth.evaluate.evaluate import Evaluation
from textsynth.evaluate.results import arm_scores
from textsynth.evaluate.verdict import ArmDifference, Verdict
from textsynth.store.evaluation import FORMAT

PLACES = 6


def as_json(found: Evaluation) -> dict[str, Any]:
    """Return the evaluation as plain values; numbers have six places, sets stand by name."""
    truth = found.bench.truth
    arms: dict[str, dict[str, object]] = {}
    for one in found.outcomes:
        arms.setdefault(one.arm, {})[one.kind] = arm_scores(one, found.labels, truth, ordinal=found.ordinal)
    told = {
        "version": FORMAT,
        "data": _data(found),
        "classifiers": list(dict.fromkeys(one.kind for one in found.outcomes)),
        "arms": arms,
        "differences": [_difference(one) for one in found.differences],
        "verdict": _verdict(found.verdict),
        "weights": {kind: asdict(one) for kind, one in found.weights.items()},
        "curve": {kind: [asdict(point) for point in points] for kind, points in found.curves.items()},
        "earned": [
            {
                "step": one.item,
                "dropped": one.dropped,
                "readmitted": one.readmitted,
                "classifier": one.classifier,
                "with": one.with_check,
                "without": one.without,
                "random": one.random,
                "random_spread": one.random_spread,
            }
            for one in found.earned
        ],
        "leaks": found.leaks.as_json(),
        "gap": found.gap.as_json(),
        "diversity": found.diversity.as_json(),
        "neighbours": [asdict(seen) for seen in found.seen],
        "notes": list(found.notes),
    }
    rounded = _rounded(told)
    assert isinstance(rounded, dict)
    return rounded


def _data(found: Evaluation) -> dict[str, object]:
    synthetic, real = found.synthetic, found.real
    sets = {**real.named(), "raw": synthetic.raw, "selected": synthetic.selected, "test": found.test}
    return {
        "name": synthetic.name,
        "synthetic": {"raw": len(synthetic.raw), "selected": len(synthetic.selected), "surplus": len(synthetic.spare)},
        **{name: len(rows) for name, rows in {"train": real.train, "dev": real.dev, "all": real.whole}.items()},
        "test": len(found.test),
        "test_left_out": list(found.left_out),
        "labels": list(found.labels),
        "multi_label": found.multi_label,
        "ordinal": found.ordinal,
        "label_counts": {name: _counts(rows, found.labels) for name, rows in sets.items()},
    }


def _counts(rows: Sequence[Record], labels: Sequence[str]) -> dict[str, int]:
    counts = Counter(label for row in rows for label in row.labels)
    return {label: counts[label] for label in labels}


def _difference(one: ArmDifference) -> dict[str, object]:
    return {
        "arm": one.arm,
        "minus": one.minus,
        "classifier": one.classifier,
        "difference": one.difference,
        "interval": list(one.interval),
        "per_class": {
            change.label: {
                "change": change.change,
                "interval": list(change.interval),
                "test": change.test,
                "few": change.few,
            }
            for change in one.per_class
        },
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    one = verdict.difference
    return {
        "effect": verdict.effect,
        "classifier": one.classifier if one else None,
        "arm": one.arm if one else None,
        "minus": one.minus if one else None,
        "difference": one.difference if one else None,
        "interval": list(one.interval) if one else None,
        "classes_better": verdict.better,
        "classes_worse": verdict.worse,
        "classes_few": verdict.few,
        "leaks": verdict.leaks,
        "sentences": list(verdict.sentences),
    }


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, PLACES)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value

"""Label losses: checks that drop most texts of one label while they keep most texts of the others.

Such a check may be wrong about the label, and the data set would lack it, or have only its easiest texts. The run says
so in its output, manifest, report and card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from textsynth.core.formatting import format_percent
from textsynth.core.records import DroppedRecord, Record
from textsynth.recipe import Recipe
from textsynth.report.pipeline import ADVICE
from textsynth.store.manifest import LabelLoss

LARGE_SHARE = 0.6
"""A check that drops a larger share of a label's texts is reported …"""
MAX_OTHER_SHARE = 0.5
"""… where it drops less than this share of the other labels' texts …"""
MIN_DROPPED = 5
"""… and at least this many texts of the label."""
DEFAULT_ADVICE = "look at the dropped texts of the label with `textsynth report`"
SEEDS_ADVICE = "add seeds of the label; "


def label_losses(recipe: Recipe, accepted: Sequence[Record], dropped: Sequence[DroppedRecord]) -> list[LabelLoss]:
    """Return the losses, in the order of the checks and then of the recipe's labels; [] for fewer than two labels.

    A text counts for the label that it was written for, whatever a labeller chose. A text enters a check if no earlier
    one dropped it.
    """
    if len(recipe.labels) < 2:
        return []
    filters = [(item.name, item.step) for item in recipe.filter]
    labellers = [(item.name, item.step) for item in recipe.label]
    entered = _count_labels(accepted, multi_label=recipe.multi_label)
    dropped_by: dict[str, Counter[str]] = {}
    for drop in dropped:
        if drop.section != "parse":
            counts = dropped_by.setdefault(drop.step, Counter())
            counts.update(_intended_labels(drop.record, multi_label=recipe.multi_label))
    losses: list[LabelLoss] = []
    # From the last check to the first: what entered a check is what left it and what it dropped.
    for name, step in reversed([*filters, *labellers]):
        dropped_here = dropped_by.get(name, Counter())
        entered += dropped_here
        component = type(step).__module__.rpartition(".")[2]
        for label in reversed(list(recipe.labels)):
            loss = _loss(name, component, label, entered, dropped_here)
            if loss is not None:
                losses.append(loss)
    return losses[::-1]


def _loss(
    step: str, component: str, label: str, entered: Mapping[str, int], dropped: Mapping[str, int]
) -> LabelLoss | None:  # fmt: skip
    count, total = dropped[label], entered[label]
    others, others_total = sum(dropped.values()) - count, sum(entered.values()) - total
    if count < MIN_DROPPED or count <= LARGE_SHARE * total or not others_total:
        return None
    other_share = others / others_total
    if other_share >= MAX_OTHER_SHARE:
        return None
    advice = (SEEDS_ADVICE if component == "agreement" else "") + ADVICE.get(component, DEFAULT_ADVICE)
    return {
        "step": step,
        "label": label,
        "dropped": count,
        "entered": total,
        "share": round(count / total, 4),
        "share_of_others": round(other_share, 4),
        "sentence": (
            f"{step} dropped {count:,} of {total:,} texts of the label {label} ({format_percent(count / total)}), but "
            f"only {format_percent(other_share)} of the others: {advice}"
        ),
    }


def _count_labels(records: Iterable[Record], *, multi_label: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    for record in records:
        counts.update(_intended_labels(record, multi_label=multi_label))
    return counts


def _intended_labels(record: Record, *, multi_label: bool) -> Sequence[str]:
    intended = record.field_text("intended_label")
    return (intended.split(", ") if multi_label else [intended]) if intended else record.labels

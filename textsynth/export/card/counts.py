"""The numbers of a data set: texts by label and split, what was dropped, what the checks measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from textsynth.core.records import REVIEW_DECISION, Record, reason_category
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult
from textsynth.text.normalize import words_of


def counts(outcome: RunResult, splits: Mapping[str, Sequence[Record]]) -> str:
    """Return the texts by label and split, and how long they are."""
    names = [name for name, rows in splits.items() if rows]
    if not names:
        return "No text was selected."
    whole = {name: len(splits[name]) for name in names}
    length = _length([record for name in names for record in splits[name]])
    if not outcome.labels:
        return f"{table(('split', 'texts'), [(escape(name), count) for name, count in whole.items()])}\n\n{length}"
    by_label = {name: Counter(label for row in splits[name] for label in row.labels) for name in names}
    rows: list[Sequence[object]] = [
        (escape(label), escape(meaning), *(by_label[name][label] for name in names))
        for label, meaning in outcome.labels.items()
    ]
    rows.append(("all", "", *whole.values()))
    return f"{table(('label', 'means', *map(escape, names)), rows)}\n\n{length}"


def funnel(outcome: RunResult) -> str:
    """Return what became of the candidates, and how many texts each check dropped for which reason."""
    waiting = sum(drop.section == "review" for drop in outcome.dropped)
    candidates = len(outcome.selected) + len(outcome.surplus) + len(outcome.dropped)
    told = (
        f"Of {candidates} candidates {len(outcome.selected)} were selected, {len(outcome.surplus)} were accepted but "
        f"not picked, {len(outcome.dropped) - waiting} were dropped and {waiting} wait for a person."
    )
    counted = Counter((drop.section, drop.step, reason_category(drop.reason)) for drop in outcome.dropped)
    rows = [(*map(escape, key), count) for key, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    idle = [item for section, item in outcome.checks if not any(key[1] == item for key in counted)]
    parts = [told, *_by_people(outcome)]
    if rows:
        parts.append(table(("section", "check", "reason", "texts"), rows))
    if idle:
        parts.append(f"Nothing was dropped by {', '.join(map(escape, idle))}.")
    return "\n\n".join(parts)


def review_counts(outcome: RunResult) -> str:
    """Return how many of the selected texts people have decided on, as `3 of 120`; "" for none."""
    number = sum(REVIEW_DECISION in record.fields for record in outcome.selected)
    return f"{number} of {len(outcome.selected)}" if number else ""


def _by_people(outcome: RunResult) -> list[str]:
    """Return a sentence on the texts that people decided on, where there are any."""
    said = Counter(
        record.fields[REVIEW_DECISION]
        for record in (*outcome.selected, *outcome.surplus)
        if REVIEW_DECISION in record.fields
    )
    gone = sum(drop.section == "person" for drop in outcome.dropped)
    if not said and not gone:
        return []
    number = said.total() + gone
    how = f"kept {said['keep']}, given other labels {said['relabel']}, dropped {gone}"
    return [f"People decided on {number} of them: {how}."]


def score_table(outcome: RunResult) -> str:
    """Return what the checks measured on the selected texts, by item; "" where they noted nothing."""
    found = score_summary(outcome.selected)
    if not found:
        return ""
    rows = [
        (escape(item), len(values), *(f"{quantile(values, share):.2f}" for share in (0.1, 0.5)), _mean(values))
        for item, values in found.items()
    ]
    told = "What the checks noted on the selected texts; each provenance has its own numbers."
    return f"{told}\n\n{table(('measure of', 'texts', 'one in ten is at most', 'median', 'mean'), rows)}"


def score_summary(records: Sequence[Record]) -> dict[str, list[float]]:
    """Return every measure's values, from the lowest, by item in the order of the alphabet."""
    found: dict[str, list[float]] = {}
    for record in records:
        for item, value in record.scores.items():
            found.setdefault(item, []).append(float(value))
    return {item: sorted(found[item]) for item in sorted(found)}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the sorted `values` do not exceed (nearest rank)."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _mean(values: Sequence[float]) -> str:
    return f"{math.fsum(values) / len(values):.2f}"


def _length(records: Sequence[Record]) -> str:
    words = sorted(len(words_of(record.text)) for record in records)
    low, middle, high = (quantile(words, share) for share in (0.1, 0.5, 0.9))
    return f"A text has {middle:g} words in the median; one in ten has at most {low:g}, nine in ten at most {high:g}."

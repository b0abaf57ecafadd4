"""The numbers of a data set: texts by label and split, what was dropped, and the scores of the selected texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from textsynth.core.records import REVIEW_DECISION, Record, reason_category
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult
from textsynth.text.normalize import words_of


def counts(result: RunResult, splits: Mapping[str, Sequence[Record]]) -> str:
    """Return the texts by label and split, and their lengths."""
    names = [name for name, rows in splits.items() if rows]
    if not names:
        return "No text was selected."
    totals = {name: len(splits[name]) for name in names}
    lengths = _lengths([text for name in names for record in splits[name] for text in result.task.texts(record)])
    if not result.labels:
        return f"{table(('split', 'texts'), [(escape(name), total) for name, total in totals.items()])}\n\n{lengths}"
    by_label = {name: Counter(label for row in splits[name] for label in row.labels) for name in names}
    rows: list[Sequence[object]] = [
        (escape(label), escape(description), *(by_label[name][label] for name in names))
        for label, description in result.labels.items()
    ]
    rows.append(("all", "", *totals.values()))
    return f"{table(('label', 'description', *map(escape, names)), rows)}\n\n{lengths}"


def funnel(result: RunResult) -> str:
    """Return the outcomes of the candidates, and how many texts each check dropped for which reason."""
    waiting = sum(drop.section == "review" for drop in result.dropped)
    candidates = len(result.selected) + len(result.surplus) + len(result.dropped)
    outcomes = (
        f"Of {candidates} candidates {len(result.selected)} were selected, {len(result.surplus)} were accepted but not "
        f"selected, {len(result.dropped) - waiting} were dropped and {waiting} wait for a person."
    )
    reasons = Counter((drop.section, drop.step, reason_category(drop.reason)) for drop in result.dropped)
    rows = [
        (*map(escape, key), count) for key, count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    without_drops = [check.name for check in result.checks if not any(key[1] == check.name for key in reasons)]
    parts = [outcomes, *_review_sentence(result)]
    if rows:
        parts.append(table(("section", "step", "reason", "texts"), rows))
    if without_drops:
        parts.append(f"Nothing was dropped by {', '.join(map(escape, without_drops))}.")
    return "\n\n".join(parts)


def review_counts(result: RunResult) -> str:
    """Return how many of the selected texts people have decided on, as `3 of 120`; "" for none."""
    number = sum(REVIEW_DECISION in record.fields for record in result.selected)
    return f"{number} of {len(result.selected)}" if number else ""


def _review_sentence(result: RunResult) -> list[str]:
    """Return a sentence on the texts that people decided on, where there are any."""
    decisions = Counter(
        record.fields[REVIEW_DECISION]
        for record in (*result.selected, *result.surplus)
        if REVIEW_DECISION in record.fields
    )
    dropped = sum(drop.section == "person" for drop in result.dropped)
    if not decisions and not dropped:
        return []
    number = decisions.total() + dropped
    split_up = f"kept {decisions['keep']}, given other labels {decisions['relabel']}, dropped {dropped}"
    return [f"People decided on {number} of them: {split_up}."]


def score_table(result: RunResult) -> str:
    """Return the scores of the selected texts by step; "" where there are none."""
    by_step = score_summary(result.selected)
    if not by_step:
        return ""
    rows = [
        (escape(step), len(values), *(f"{quantile(values, share):.2f}" for share in (0.1, 0.5)), _mean(values))
        for step, values in by_step.items()
    ]
    head = ("score of", "texts", "10th percentile", "median", "mean")
    return f"The scores of the selected texts; `provenance` has those of each text.\n\n{table(head, rows)}"


def score_summary(records: Sequence[Record]) -> dict[str, list[float]]:
    """Return the scores in ascending order, by step in alphabetical order."""
    values: dict[str, list[float]] = {}
    for record in records:
        for step, score in record.scores.items():
            values.setdefault(step, []).append(float(score))
    return {step: sorted(values[step]) for step in sorted(values)}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the sorted `values` do not exceed (nearest rank)."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _mean(values: Sequence[float]) -> str:
    return f"{math.fsum(values) / len(values):.2f}"


def _lengths(texts: Sequence[str]) -> str:
    words = sorted(len(words_of(text)) for text in texts)
    low, middle, high = (quantile(words, share) for share in (0.1, 0.5, 0.9))
    return f"The median length is {middle:g} words; one text in ten has at most {low:g}, nine in ten at most {high:g}."

"""The card's counts: texts by label and split, dropped texts by reason, and the scores of the selected texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from textsynth.core.formatting import pluralize
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult
from textsynth.export.splits import SplitCounts


def counts(result: RunResult, splits: Mapping[str, SplitCounts]) -> str:
    """Return the number of texts by label and split, and a sentence on their lengths in words.

    Where a text may have several labels, another sentence says how many have.
    """
    totals = {name: split.texts for name, split in splits.items() if split.texts}
    if not totals:
        return "No text was selected."
    texts = result.counts
    lengths = _lengths(texts.lengths)
    if not result.labels:
        return f"{table(('split', 'texts'), [(escape(name), total) for name, total in totals.items()])}\n\n{lengths}"
    rows: list[Sequence[object]] = [
        (escape(label), escape(description), *(splits[name].labels.get(label, 0) for name in totals))
        for label, description in result.labels.items()
    ]
    rows.append(("all", "", *totals.values()))
    parts = [table(("label", "description", *map(escape, totals)), rows), lengths]
    if result.multi_label:
        total = pluralize(sum(totals.values()), "text")
        parts.insert(1, f"{texts.several_labels} of {total} have several labels; a text counts for each of its labels.")
    return "\n\n".join(parts)


def funnel(result: RunResult) -> str:
    """Return the number of candidates by outcome, and of dropped texts by step and reason."""
    texts = result.counts
    waiting = texts.dropped_in("review")
    candidates = len(result.selected) + len(result.surplus) + len(result.dropped)
    outcomes = (
        f"Of {candidates} candidates: {len(result.selected)} selected, {len(result.surplus)} accepted but not "
        f"selected, {len(result.dropped) - waiting} dropped, {waiting} waiting for a person."
    )
    reasons = texts.drops
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
    """Return how many of the selected texts have a decision of a review, as `3 of 120`; "" for none."""
    number = result.counts.selected_decisions.total()
    return f"{number} of {len(result.selected)}" if number else ""


def _review_sentence(result: RunResult) -> list[str]:
    """Return a sentence on the decisions of reviews, [] where there are none."""
    decisions = result.counts.accepted_decisions
    dropped = result.counts.dropped_in("person")
    if not decisions and not dropped:
        return []
    number = decisions.total() + dropped
    by_decision = f"kept {decisions['keep']}, relabelled {decisions['relabel']}, dropped {dropped}"
    return [f"People decided on {number} of them: {by_decision}."]


def score_table(result: RunResult) -> str:
    """Return a table of the scores of the selected texts, a row per step; "" where there are no scores."""
    by_step = result.counts.scores
    if not by_step:
        return ""
    rows = [
        (escape(step), len(values), *(f"{quantile(values, share):.2f}" for share in (0.1, 0.5)), _mean(values))
        for step, values in by_step.items()
    ]
    head = ("score of", "texts", "10th percentile", "median", "mean")
    return f"The scores of the selected texts; config `provenance` has those of each text.\n\n{table(head, rows)}"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of sorted `values` at `share` (0 to 1): one of the values, by the nearest-rank method."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _mean(values: Sequence[float]) -> str:
    return f"{math.fsum(values) / len(values):.2f}"


def _lengths(lengths: Mapping[int, int]) -> str:
    words = [length for length, count in sorted(lengths.items()) for _ in range(count)]
    low, middle, high = (quantile(words, share) for share in (0.1, 0.5, 0.9))
    return f"The median length is {middle:g} words; one text in ten has at most {low:g}, nine in ten at most {high:g}."

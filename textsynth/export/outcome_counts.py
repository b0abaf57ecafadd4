"""Counts of a run's texts for the card and its figures, taken in one pass: the texts may be on the disk."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Record, reason_category
from textsynth.core.task import Task
from textsynth.text.normalize import word_count

DropReasons = Mapping[tuple[str, str, str], int]
"""The number of dropped texts by section, step and category of the reason."""


@dataclass(slots=True)
class OutcomeCounts:
    """What the card says about the texts of a run.

    Of the selected texts: how often each label occurs, `several_labels` of a text, `lengths` in words, the sorted
    `scores` by step, the steps of those that no model wrote, in the order of their first text, and whether a model
    wrote any. `selected_decisions` and `accepted_decisions` count decisions of a review. `drops` are the reasons.
    """

    labels: Counter[str] = field(default_factory=Counter)
    several_labels: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    scores: dict[str, Sequence[float]] = field(default_factory=dict)
    steps_without_model: list[str] = field(default_factory=list)
    model_generated: bool = False
    selected_decisions: Counter[object] = field(default_factory=Counter)
    accepted_decisions: Counter[object] = field(default_factory=Counter)
    drops: DropReasons = field(default_factory=dict)

    def dropped_in(self, section: str) -> int:
        """Return the number of texts that were dropped in a section."""
        return sum(count for (name, _, _), count in self.drops.items() if name == section)


def count_drops(dropped: Sequence[DroppedRecord]) -> Counter[tuple[str, str, str]]:
    """Return the number of dropped texts by section, step and category of the reason."""
    return Counter((drop.section, drop.step, reason_category(drop.reason)) for drop in dropped)


def count_outcomes(
    task: Task, selected: Sequence[Record], surplus: Sequence[Record], drops: DropReasons
) -> OutcomeCounts:
    """Return the counts of a run's texts."""
    counts = OutcomeCounts(drops=drops)
    labels: Counter[tuple[str, ...]] = Counter()
    steps: Counter[str] = Counter()
    scores: dict[str, array[float]] = {}
    for record in selected:
        labels[record.labels] += 1
        for text in task.texts(record):
            counts.lengths[word_count(text)] += 1
        for step, score in record.scores.items():
            scores.setdefault(step, array("d")).append(score)
        if record.provenance.request_key:
            counts.model_generated = True
        else:
            steps[record.provenance.step] += 1
        if REVIEW_DECISION in record.fields:
            counts.selected_decisions[record.fields[REVIEW_DECISION]] += 1
    for names, number in labels.items():
        counts.several_labels += number * (len(names) > 1)
        for name in names:
            counts.labels[name] += number
    counts.steps_without_model = list(steps)
    counts.scores = {step: array("d", sorted(scores[step])) for step in sorted(scores)}
    counts.accepted_decisions += counts.selected_decisions
    counts.accepted_decisions.update(
        record.fields[REVIEW_DECISION] for record in surplus if REVIEW_DECISION in record.fields
    )
    return counts

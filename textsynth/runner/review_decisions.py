"""Applies the decisions of earlier reviews, `review.jsonl` in the run's folder, to the candidates of a run.

A text that reviewers drop is dropped before the filters. A text that they keep or relabel goes through filters and
labellers like every other, so that the answers in the journal still fit: a verdict that would send it to review lets it
pass, a verdict that drops it still does. The reviewers' labels are set at the end. A text on which they disagree waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from textsynth.core.formatting import pluralize
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Record, Verdict
from textsynth.store.decisions import Decision, consensus
from textsynth.store.manifest import ReviewOutcome

SECTION, STEP = "person", "review"
DROPPED_BY_REVIEWER = "a person dropped it"
REVIEWERS_DISAGREE = "people disagree"
PASSED_ALL_CHECKS = "the checks would keep it"
Consensus = Literal["keep", "drop", "relabel", "differ"]


class ReviewDecisions:
    """The reviewers' consensus on each text, by its id.

    `decisions` maps a text's id to each reviewer's decision. `labels` are the recipe's; a relabelling to other labels,
    or to several without `multi_label`, is unusable and has no effect.
    """

    def __init__(
        self,
        decisions: Mapping[str, Mapping[str, Decision]],
        labels: Collection[str] = (),
        *,
        multi_label: bool = False,
    ) -> None:
        self._consensus: dict[str, Consensus] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._unusable = 0
        for record_id, by_reviewer in decisions.items():
            agreed = consensus(by_reviewer)
            if agreed is None:
                self._consensus[record_id] = "differ"
            elif agreed.decision != "relabel":
                self._consensus[record_id] = "drop" if agreed.decision == "drop" else "keep"
            elif set(agreed.labels) <= set(labels) and (multi_label or len(agreed.labels) == 1):
                self._consensus[record_id] = "relabel"
                self._labels[record_id] = tuple(name for name in labels if name in agreed.labels)
            else:
                self._unusable += 1

    def __bool__(self) -> bool:
        return bool(self._consensus or self._unusable)

    def dropped(self, records: Sequence[Record]) -> list[DroppedRecord]:
        """Return a drop for each of the records that reviewers drop."""
        if not self._consensus:
            return []
        return [
            DroppedRecord(record, SECTION, STEP, DROPPED_BY_REVIEWER)
            for record in records
            if self._consensus.get(record.id) == "drop"
        ]

    def let_pass(self, record: Record, verdict: Verdict) -> bool:
        """Whether the verdict sends a record to review that reviewers have kept or relabelled."""
        return verdict.needs_review and self._consensus.get(record.id) in ("keep", "relabel")

    def with_disagreement(self, drop: DroppedRecord) -> DroppedRecord:
        """Return the drop; where it waits for review and reviewers disagree on the text, its reason says so."""
        if drop.section != "review" or self._consensus.get(drop.record.id) != "differ":
            return drop
        return replace(drop, reason=f"{REVIEWERS_DISAGREE}: {drop.reason}")

    def after(self, passed: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
        """Return the records that passed all filters and labellers, as reviewed, and drops where reviewers disagree."""
        if not self._consensus:
            return list(passed), []
        accepted: list[Record] = []
        disputed: list[DroppedRecord] = []
        for record in passed:
            match self._consensus.get(record.id):
                case "differ":
                    disputed.append(DroppedRecord(record, "review", STEP, PASSED_ALL_CHECKS))
                case "keep" | "relabel" as decision:
                    accepted.append(self._as_reviewed(record, decision))
                case _:
                    accepted.append(record)
        return accepted, disputed

    def outcome_counts(self, accepted: Sequence[Record], dropped: Sequence[DroppedRecord]) -> ReviewOutcome:
        """Return what became of the reviewed texts; the `absent` ones were no candidates of this run."""
        counts: Counter[str] = Counter()
        for record in accepted if self._consensus else ():
            if record.id in self._consensus:
                counts["kept" if self._consensus[record.id] == "keep" else "relabelled"] += 1
        outcome_of_section = {SECTION: "dropped", "review": "differ"}
        for drop in dropped if self._consensus else ():
            if drop.record.id in self._consensus:
                counts[outcome_of_section.get(drop.section, "overruled")] += 1
        return {
            "kept": counts["kept"],
            "relabelled": counts["relabelled"],
            "dropped": counts["dropped"],
            "differ": counts["differ"],
            "overruled": counts["overruled"],
            "absent": len(self._consensus) - counts.total(),
            "unusable": self._unusable,
        }

    def _as_reviewed(self, record: Record, decision: str) -> Record:
        """Return the record with the reviewers' labels; fields keep their decision and the intended label."""
        labels = self._labels.get(record.id, record.labels)
        intended = {} if labels == record.labels else {"intended_label": ", ".join(record.labels)}
        fields = {**intended, **record.fields, REVIEW_DECISION: decision}
        return Record(record.text, record.provenance, labels, fields, record.scores)


NO_DECISIONS = ReviewDecisions({})


def review_notes(outcome: ReviewOutcome) -> list[str]:
    """Return one sentence about the decisions that took effect, and one for each reason why others did not."""
    counts = {"kept": outcome["kept"], "relabelled": outcome["relabelled"], "dropped": outcome["dropped"]}
    effective = [f"{count:,} {name}" for name, count in counts.items() if count]
    notes = [f"review decisions: {', '.join(effective)}"] if effective else []
    if outcome["differ"]:
        verb = "waits" if outcome["differ"] == 1 else "wait"
        notes.append(f"people disagree on {pluralize(outcome['differ'], 'text')}, which {verb}")
    if outcome["overruled"]:
        notes.append(f"a check dropped {pluralize(outcome['overruled'], 'text')} on which people had decided")
    if outcome["absent"]:
        decisions = pluralize(outcome["absent"], "review decision")
        notes.append(f"{decisions} without effect: the text is no candidate of this run")
    if outcome["unusable"]:
        decisions = pluralize(outcome["unusable"], "review decision")
        notes.append(f"{decisions} without effect: the recipe does not list the label")
    return notes

"""What people decided, at work in a run: `review.jsonl` of its folder taken in, text by text, in plan order.

A text that people drop is dropped before it is judged. One that they keep, or give other labels, is judged like all
others, so that every answer that a run has of it fits: a verdict that would send it to a person lets it pass, a check
that drops it still does. The labels of people are put in at the end. A text on which people differ waits.
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

SECTION, ITEM = "person", "review"
DROPPED = "a person dropped it"
DIFFER = "people disagree"
Say = Literal["keep", "drop", "relabel", "differ"]


class ReviewDecisions:
    """Decisions by the id of a text; `labels` are the recipe's, and a text may have several only with `many`.

    A decision for a label that is not among them is no decision any more.
    """

    def __init__(
        self, standing: Mapping[str, Mapping[str, Decision]], labels: Collection[str] = (), *, multi_label: bool = False
    ) -> None:
        self._says: dict[str, Say] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._unusable = 0
        for id_, by_person in standing.items():
            last = consensus(by_person)
            if last is None:
                self._says[id_] = "differ"
            elif last.decision != "relabel":
                self._says[id_] = "drop" if last.decision == "drop" else "keep"
            elif set(last.labels) <= set(labels) and (multi_label or len(last.labels) == 1):
                self._says[id_] = "relabel"
                self._labels[id_] = tuple(name for name in labels if name in last.labels)
            else:
                self._unusable += 1

    def __bool__(self) -> bool:
        return bool(self._says or self._unusable)

    def dropped(self, records: Sequence[Record]) -> list[DroppedRecord]:
        """Return a drop for each of the records that people drop."""
        if not self._says:
            return []
        return [
            DroppedRecord(record, SECTION, ITEM, DROPPED) for record in records if self._says.get(record.id) == "drop"
        ]  # fmt: skip

    def let_pass(self, record: Record, verdict: Verdict) -> bool:
        """Whether a verdict would send to a person what a person has let pass."""
        return verdict.needs_review and self._says.get(record.id) in ("keep", "relabel")

    def told(self, drop: DroppedRecord) -> DroppedRecord:
        """Return a drop that waits, with a word of it where people differ."""
        if drop.section != "review" or self._says.get(drop.record.id) != "differ":
            return drop
        return replace(drop, reason=f"{DIFFER}: {drop.reason}")

    def after(self, passed: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
        """Return what passed every check, as people left it, and what waits because they differ."""
        if not self._says:
            return list(passed), []
        kept: list[Record] = []
        waits: list[DroppedRecord] = []
        for record in passed:
            match self._says.get(record.id):
                case "differ":
                    waits.append(DroppedRecord(record, "review", ITEM, "the checks would keep it"))
                case "keep" | "relabel" as say:
                    kept.append(self._marked(record, say))
                case _:
                    kept.append(record)
        return kept, waits

    def _marked(self, record: Record, say: str) -> Record:
        labels = self._labels.get(record.id, record.labels)
        intended = {} if labels == record.labels else {"intended_label": ", ".join(record.labels)}
        fields = {**intended, **record.fields, REVIEW_DECISION: say}
        return Record(record.text, record.provenance, labels, fields, record.scores)

    def outcome_counts(self, accepted: Sequence[Record], dropped: Sequence[DroppedRecord]) -> ReviewOutcome:
        """Return what became of the texts that people decided on; `absent` ones were no candidates of the run."""
        came: Counter[str] = Counter()
        for record in accepted if self._says else ():
            if record.id in self._says:
                came["kept" if self._says[record.id] == "keep" else "relabelled"] += 1
        ended = {SECTION: "dropped", "review": "differ"}
        for drop in dropped if self._says else ():
            if drop.record.id in self._says:
                came[ended.get(drop.section, "overruled")] += 1
        return {
            "kept": came["kept"],
            "relabelled": came["relabelled"],
            "dropped": came["dropped"],
            "differ": came["differ"],
            "overruled": came["overruled"],
            "absent": len(self._says) - came.total(),
            "unusable": self._unusable,
        }


NO_DECISIONS = ReviewDecisions({})


def review_notes(told: ReviewOutcome) -> list[str]:
    """Return a sentence for the decisions taken in, and one for those that are not, whose lines stay in the file."""
    taken = [f"{told[one]:,} {one}" for one in ("kept", "relabelled", "dropped") if told[one]]
    notes = [f"people decided: {', '.join(taken)}"] if taken else []
    if told["differ"]:
        notes.append(
            f"people disagree on {pluralize(told['differ'], 'text')}, which wait" + "s" * (told["differ"] == 1)
        )
    if told["overruled"]:
        notes.append(f"a check dropped {pluralize(told['overruled'], 'text')} on which people had decided")
    if told["absent"]:
        notes.append(f"{pluralize(told['absent'], 'decision')} of people: the text did not come up in this run")
    if told["unusable"]:
        notes.append(f"{pluralize(told['unusable'], 'decision')} of people: the recipe has no such label now")
    return notes

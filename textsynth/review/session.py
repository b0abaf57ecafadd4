"""A review session: one person works through the queue; decisions are read from and written to disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.formatting import escape_control, pluralize
from textsynth.review.agreement import pairwise_agreement
from textsynth.review.queue import QueueEntry, ReviewQueue
from textsynth.store.decisions import (
    FILE,
    Decision,
    DecisionIndex,
    Decisions,
    Kind,
    add_decisions,
    consensus,
    read_decisions,
)

MAX_NAME_CHARACTERS = 100
PAST_TENSE = {"keep": "kept", "drop": "dropped", "relabel": "relabelled"}


class ReviewSession:
    """The queue as seen by `reviewer`, and the decisions of that person. Raises UsageError for an invalid name.

    It is not thread-safe; other processes may add decisions at any time.
    """

    def __init__(self, run: Path, queue: ReviewQueue, reviewer: str) -> None:
        self.reviewer = reviewer.strip()
        too_long = len(self.reviewer) > MAX_NAME_CHARACTERS
        if not self.reviewer or too_long or escape_control(self.reviewer) != self.reviewer or "\n" in self.reviewer:
            raise UsageError(
                f"--by is {reviewer[:MAX_NAME_CHARACTERS]!r}; it must be the name of a person, of at most "
                f"{MAX_NAME_CHARACTERS} characters"
            )
        self._run = run
        self._queue = queue
        self._size_by_pending = Counter(entry.pending for entry in queue.entries.values())
        self._touched: set[str] = set()
        self._reset()
        self._refresh()
        self.truncated_file = self._decisions.truncated

    def state(self) -> dict[str, Any]:
        """Return what the page needs at the start: the order of the texts, their decisions, the labels, the next step.

        `order` has four parts: texts without a decision, texts on which people disagree, texts that only others have
        decided on, and texts that this person has decided on. Each part is in the order of the queue.
        """
        self._refresh()
        manifest = self._queue.manifest
        decisions = {id_: self._index.of(id_) for id_ in self._queue.entries}
        order = sorted(decisions, key=lambda id_: self._rank(decisions[id_]))
        return {
            "run_name": manifest["name"],
            "reviewer": self.reviewer,
            "labels": [
                {"name": name, "description": escape_control(description)}
                for name, description in manifest["labels"].items()
            ],
            "multi_label": self._queue.multi_label,
            "order": order,
            "status": {id_: self._status(decisions[id_]) for id_ in order if decisions[id_]},
            "next_command": self._next_command(),
            **self._progress(),
        }

    def entry(self, id_: str) -> dict[str, Any]:
        """Return one text for the page, with control characters escaped. Raises UsageError for an unknown id."""
        entry = self._entry(id_)
        values = asdict(entry)
        for name in ("text", "source_text", "reason"):
            values[name] = None if values[name] is None else escape_control(values[name])
        values["attributes"] = {name: escape_control(str(value)) for name, value in entry.attributes.items()}
        self._refresh()
        return {**values, "status": self._status(self._index.of(id_))}

    def decide(self, id_: str, decision: object, labels: object = ()) -> dict[str, Any]:
        """Save a decision on a text, and return the changes for the page.

        Raises UsageError if it is not valid, RunError if it cannot be written.
        """
        entry = self._entry(id_)
        if not isinstance(decision, str) or decision not in PAST_TENSE:
            raise UsageError(f"decision is {decision!r}{did_you_mean(str(decision), PAST_TENSE)}")
        new_labels = self._check_labels(entry, labels) if decision == "relabel" else entry.labels
        self._write(Decision(id_, cast(Kind, decision), new_labels, self.reviewer, _now(), entry.text))
        return self._change(id_)

    def undo(self) -> dict[str, Any]:
        """Undo the person's latest decision on a text of the queue, and return the changes for the page.

        Raises UsageError if there is none.
        """
        self._refresh()
        last = next((line for line in reversed(self._decisions.lines) if self._can_undo(line)), None)
        if last is None:
            raise UsageError(f"{self.reviewer} has not decided on any text in this queue")
        self._write(Decision(last.id, "undo", (), self.reviewer, _now(), last.text))
        return self._change(last.id)

    def summary(self) -> dict[str, Any]:
        """Return the result of the session for a script: decisions by kind, remaining texts, agreement of people."""
        self._refresh()
        own = [self._index.of(id_).get(self.reviewer) for id_ in self._touched]
        counts = Counter(PAST_TENSE[decision.decision] for decision in own if decision is not None)
        progress = self._progress()
        return {
            "folder": str(self._run),
            "by": self.reviewer,
            "decided": {name: counts[name] for name in PAST_TENSE.values()},
            "left": progress["remaining"]["pending"],
            "selected": progress["remaining"]["selected"],
            "pairs": progress["agreement"],
        }

    def summary_text(self) -> str:
        """Return the result of the session as a sentence."""
        summary = self.summary()
        counts = ", ".join(f"{count:,} {name}" for name, count in summary["decided"].items() if count)
        number = sum(summary["decided"].values())
        parts = [f"{self.reviewer} decided on {pluralize(number, 'text')}" + (f": {counts}" if counts else "")]
        parts.append(f"{pluralize(summary['left'], 'text')} wait{'s' * (summary['left'] == 1)} for a decision")
        parts += [_agreement_text(pair) for pair in summary["pairs"]]
        if self._settled:
            parts.append(f"{self._next_command()} applies the decisions")
        return escape_control("; ".join(parts))

    def _next_command(self) -> str:
        return f"textsynth run {self._queue.manifest['recipe']['name']}"

    def _progress(self) -> dict[str, Any]:
        """Return how many pending and selected texts remain to be decided, and the agreement of pairs of people."""
        settled = Counter(self._queue.entries[id_].pending for id_ in self._settled)
        shared = {id_: self._index.of(id_) for id_ in self._shared}
        return {
            "remaining": {
                "pending": self._size_by_pending[True] - settled[True],
                "selected": self._size_by_pending[False] - settled[False],
            },
            "agreement": [{**asdict(pair), "people": list(pair.people)} for pair in pairwise_agreement(shared)],
        }

    def _status(self, by_person: Mapping[str, Decision]) -> dict[str, Any]:
        """Return the decisions on a text; those of others are hidden until this person has decided."""
        own = by_person.get(self.reviewer)
        others = [decision for person, decision in by_person.items() if person != self.reviewer]
        return {
            "own_decision": None if own is None else _decision_json(own),
            "other_reviewers": len(others),
            "disagreement": bool(by_person) and consensus(by_person) is None,
            "other_decisions": [] if own is None else [_decision_json(decision) for decision in others],
        }

    def _rank(self, by_person: Mapping[str, Decision]) -> int:
        """Return the part of `order` that a text belongs to, 0 to 3; see `state`."""
        if not by_person:
            return 0
        if consensus(by_person) is None:
            return 1
        return 3 if self.reviewer in by_person else 2

    def _can_undo(self, line: Decision) -> bool:
        is_current = line.by == self.reviewer and self._index.of(line.id).get(self.reviewer) is line
        return is_current and line.id in self._queue.entries

    def _change(self, id_: str) -> dict[str, Any]:
        self._touched.add(id_)
        self._refresh()
        return {"id": id_, "status": self._status(self._index.of(id_)), **self._progress()}

    def _entry(self, id_: str) -> QueueEntry:
        if id_ not in self._queue.entries:
            raise UsageError(f"the queue has no text {id_[:40]!r}")
        return self._queue.entries[id_]

    def _check_labels(self, entry: QueueEntry, labels: object) -> tuple[str, ...]:
        """Return the labels in the order of the recipe. Raises UsageError if they are not valid for the text."""
        allowed = self._queue.manifest["labels"]
        if not isinstance(labels, Sequence) or isinstance(labels, str) or not labels:
            raise UsageError(f"relabel needs a list of labels, got {labels!r:.60}")
        for name in labels:
            if not isinstance(name, str) or name not in allowed:
                raise UsageError(f"there is no label {name!r:.60}{did_you_mean(str(name), allowed)}")
        if len(labels) > 1 and not self._queue.multi_label:
            raise UsageError(f"the text {entry.id} takes one label, got {len(labels)}")
        return tuple(name for name in allowed if name in labels)

    def _write(self, line: Decision) -> None:
        add_decisions(self._run, [line])

    def _reset(self) -> None:
        self._file_stamp: tuple[int, int, int] = (0, 0, 0)
        self._decisions = Decisions()
        self._index = DecisionIndex()
        self._settled: set[str] = set()  # texts of the queue that have a decision on which people agree
        self._shared: set[str] = set()  # texts on which more than one person has decided

    def _refresh(self) -> None:
        """Read the lines that anybody has added to the file since; if the file was replaced, read all of it."""
        try:
            stat = (self._run / FILE).stat()
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        except FileNotFoundError:
            stamp = (0, 0, 0)
        if stamp == self._file_stamp:
            return
        if stamp[0] != self._file_stamp[0] or stamp[1] < self._decisions.size:
            self._reset()
        previous = len(self._decisions.lines)
        self._decisions = read_decisions(self._run, self._decisions)
        added = self._decisions.lines[previous:]
        self._index.add(added)
        for id_ in {line.id for line in added}:
            self._classify(id_)
        self._file_stamp = stamp

    def _classify(self, id_: str) -> None:
        by_person = self._index.of(id_)
        settled = id_ in self._queue.entries and consensus(by_person) is not None
        (self._settled.add if settled else self._settled.discard)(id_)
        (self._shared.add if len(by_person) > 1 else self._shared.discard)(id_)


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {"by": decision.by, "decision": decision.decision, "labels": list(decision.labels)}


def _agreement_text(pair: Mapping[str, Any]) -> str:
    kappa = pair["kappa"]
    kappa_text = "no kappa, as all decisions are the same" if kappa is None else f"Cohen's kappa {kappa:.2f}"
    people = " and ".join(pair["people"])
    return f"{people} agree on {pair['same']:,} of {pluralize(pair['texts'], 'text')} ({kappa_text})"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

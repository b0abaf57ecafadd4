"""A sitting: one person before the queue, with all decisions on disk, those of others too."""

from __future__ import annotations

import threading
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

NAME_AT_MOST = 100
PAST = {"keep": "kept", "drop": "dropped", "relabel": "relabelled"}


class ReviewSession:
    """What the person `by` sees of a queue, and does with it. Raises UsageError for a name that is none."""

    def __init__(self, run: Path, queue: ReviewQueue, by: str) -> None:
        self.by = by.strip()
        if not 0 < len(self.by) <= NAME_AT_MOST or escape_control(self.by) != self.by or "\n" in self.by:
            raise UsageError(f"--by is {by[:NAME_AT_MOST]!r}; it names a person, in at most {NAME_AT_MOST} characters")
        self._run = run
        self._queue = queue
        self._waits = Counter(one.waits for one in queue.entries.values())
        self._touched: set[str] = set()
        self._lock = threading.Lock()
        self._forget()
        self._refresh()
        self.torn = self._decisions.truncated

    def state(self) -> dict[str, Any]:
        """Return all that the page needs to begin: the order, what is decided, the labels, what to do at the end.

        `order` has first what nobody has decided on, then what people differ on, what only others have decided on, and
        what this person has; each part in the queue's order.
        """
        self._refresh()
        manifest = self._queue.manifest
        by_text = {one: self._standing.of(one) for one in self._queue.entries}
        order = sorted(by_text, key=lambda one: self._turn(by_text[one]))
        return {
            "name": manifest["name"],
            "by": self.by,
            "labels": [{"name": name, "means": escape_control(means)} for name, means in manifest["labels"].items()],
            "multi_label": self._queue.multi_label,
            "order": order,
            "status": {one: self._status(by_text[one]) for one in order if by_text[one]},
            "next": f"textsynth run {manifest['recipe']['name']}",
            **self._progress(),
        }

    def entry(self, id_: str) -> dict[str, Any]:
        """Return all of one text for the page, control characters written out. Raises UsageError for another id."""
        one = self._entry(id_)
        told = {**asdict(one), "disagrees": one.disagrees}
        for name in ("text", "source", "reason"):
            told[name] = None if told[name] is None else escape_control(told[name])
        told["attributes"] = {name: escape_control(str(value)) for name, value in one.attributes.items()}
        self._refresh()
        return {**told, "status": self._status(self._standing.of(id_))}

    def decide(self, id_: str, decision: object, labels: object = ()) -> dict[str, Any]:
        """Write down what the person says of a text, and return what the page should show now.

        Raises UsageError for what is no decision, RunError where the disk does not take it.
        """
        one = self._entry(id_)
        if not isinstance(decision, str) or decision not in PAST:
            raise UsageError(f"decision is {decision!r}{did_you_mean(str(decision), PAST)}")
        named = self._labels_of(one, labels) if decision == "relabel" else one.labels
        self._write(Decision(id_, cast(Kind, decision), named, self.by, _now(), one.text))
        return self._changed(id_)

    def undo(self) -> dict[str, Any]:
        """Take the person's latest decision on a text of the queue back, and return what the page should show now.

        Raises UsageError where there is none.
        """
        self._refresh()
        lines = reversed(self._decisions.lines)
        counts = (one for one in lines if one.by == self.by and self._standing.of(one.id).get(self.by) is one)
        last = next((one for one in counts if one.id in self._queue.entries), None)
        if last is None:
            raise UsageError(f"{self.by} has decided on no text of this queue")
        self._write(Decision(last.id, "undo", (), self.by, _now(), last.text))
        return self._changed(last.id)

    def told(self) -> dict[str, Any]:
        """Return for a script what came of the sitting: decisions by kind, what is left, how people agree."""
        self._refresh()
        mine = [self._standing.of(one).get(self.by) for one in self._touched]
        done = Counter(PAST[one.decision] for one in mine if one is not None)
        decided = {name: done[name] for name in PAST.values()}
        return {"folder": str(self._run), "by": self.by, "decided": decided, **self._progress()}

    def sentence(self) -> str:
        """Return what came of the sitting in a sentence."""
        told = self.told()
        done = ", ".join(f"{count:,} {name}" for name, count in told["decided"].items() if count)
        number = sum(told["decided"].values())
        parts = [f"{self.by} decided on {pluralize(number, 'text')}" + (f": {done}" if done else "")]
        parts.append(f"{pluralize(told['left'], 'text')} wait{'s' * (told['left'] == 1)} for a decision")
        parts += [_pair_told(pair) for pair in told["pairs"]]
        if self._decided:
            parts.append(f"textsynth run {self._queue.manifest['recipe']['name']} takes the decisions in")
        return escape_control("; ".join(parts))

    def _progress(self) -> dict[str, Any]:
        """Return how many waiting texts lack a decision, how many selected ones, and how pairs of people agree."""
        done = Counter(self._queue.entries[one].waits for one in self._decided)
        shared = {one: self._standing.of(one) for one in self._shared}
        told = [{**asdict(pair), "people": list(pair.people)} for pair in pairwise_agreement(shared)]
        return {"left": self._waits[True] - done[True], "selected": self._waits[False] - done[False], "pairs": told}

    def _status(self, by_person: Mapping[str, Decision]) -> dict[str, Any]:
        """Return what is decided on a text; what others say is told only to one who has decided."""
        mine = by_person.get(self.by)
        others = [one for name, one in by_person.items() if name != self.by]
        return {
            "mine": None if mine is None else _brief(mine),
            "others": len(others),
            "differ": bool(by_person) and consensus(by_person) is None,
            "said": [] if mine is None else [_brief(one) for one in others],
        }

    def _turn(self, by_person: Mapping[str, Decision]) -> int:
        if not by_person:
            return 0
        if consensus(by_person) is None:
            return 1
        return 3 if self.by in by_person else 2

    def _changed(self, id_: str) -> dict[str, Any]:
        self._touched.add(id_)
        self._refresh()
        return {"id": id_, "status": self._status(self._standing.of(id_)), **self._progress()}

    def _entry(self, id_: str) -> QueueEntry:
        if id_ not in self._queue.entries:
            raise UsageError(f"the queue has no text {id_[:40]!r}")
        return self._queue.entries[id_]

    def _labels_of(self, one: QueueEntry, labels: object) -> tuple[str, ...]:
        known = self._queue.manifest["labels"]
        if not isinstance(labels, Sequence) or isinstance(labels, str) or not labels:
            raise UsageError(f"relabel takes a list of labels, got {labels!r:.60}")
        for name in labels:
            if not isinstance(name, str) or name not in known:
                raise UsageError(f"there is no label {name!r:.60}{did_you_mean(str(name), known)}")
        if len(labels) > 1 and not self._queue.multi_label:
            raise UsageError(f"the text {one.id} takes one label, got {len(labels)}")
        return tuple(name for name in known if name in labels)

    def _write(self, line: Decision) -> None:
        add_decisions(self._run, [line])

    def _forget(self) -> None:
        self._seen: tuple[int, int, int] = (0, 0, 0)
        self._decisions = Decisions()
        self._standing = DecisionIndex()
        self._decided: set[str] = set()  # texts of the queue on which people agree
        self._shared: set[str] = set()  # texts on which more than one person has decided

    def _refresh(self) -> None:
        """Take in what was added to the file since, by whoever it was; another file in its place is read from new."""
        with self._lock:
            try:
                found = (self._run / FILE).stat()
                seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            except FileNotFoundError:
                seen = (0, 0, 0)
            if seen == self._seen:
                return
            if seen[0] != self._seen[0] or seen[1] < self._decisions.size:
                self._forget()
            before = len(self._decisions.lines)
            self._decisions = read_decisions(self._run, self._decisions)
            new = self._decisions.lines[before:]
            self._standing.add(new)
            for one in {line.id for line in new}:
                self._sort(one)
            self._seen = seen

    def _sort(self, id_: str) -> None:
        by_person = self._standing.of(id_)
        settled = id_ in self._queue.entries and consensus(by_person) is not None
        (self._decided.add if settled else self._decided.discard)(id_)
        (self._shared.add if len(by_person) > 1 else self._shared.discard)(id_)


def _brief(one: Decision) -> dict[str, Any]:
    return {"by": one.by, "decision": one.decision, "labels": list(one.labels)}


def _pair_told(pair: Mapping[str, Any]) -> str:
    kappa = "no kappa, as both always say the same" if pair["kappa"] is None else f"Cohen's kappa {pair['kappa']:.2f}"
    return f"{' and '.join(pair['people'])} agree on {pair['same']:,} of {pluralize(pair['texts'], 'text')} ({kappa})"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

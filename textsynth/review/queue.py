"""The queue: texts of a run in the order in which a person should look at them.

First those that wait: where intended and chosen label differ, then by confidence, the least first; ties stand in plan
order. Then, where they are wanted, the selected texts, the least sure first.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.task import Task
from textsynth.review.pending import PendingText, read_pending
from textsynth.store.dataset import DatasetReader, check_complete, row_context, row_text, run_task
from textsynth.store.manifest import Manifest, read_manifest

CHOSE_ANOTHER = "the model chose another label: "
SELECTED_AT_MOST = 2000


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A text in the queue. `waits` is False for a selected one.

    `labels` are those it has, `intended` and `chosen` what was asked for and what a model chose (() where nobody has).
    `item`, `reason`, `measured` and `limit` say why it waits; `source` is what it rewrites; `maker` is the item that
    wrote it; `confidence` is the labeller's, else the agreement with the seeds, else None.
    """

    id: str
    text: str
    source: str | None
    waits: bool
    labels: tuple[str, ...]
    intended: tuple[str, ...]
    chosen: tuple[str, ...]
    maker: str
    attributes: Mapping[str, str]
    measures: Mapping[str, float]
    confidence: float | None
    item: str = ""
    reason: str = ""
    measured: float | None = None
    limit: float | None = None

    @property
    def disagrees(self) -> bool:
        """Whether a model chose other labels than were asked for."""
        return bool(self.chosen and self.intended) and set(self.chosen) != set(self.intended)


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The texts to look at, by id in their order; `many` says that a text may have several labels.

    Of `selected` texts only the 2,000 least sure are among them.
    """

    manifest: Manifest
    entries: Mapping[str, QueueEntry]
    multi_label: bool
    selected: int = 0


def read_queue(run: Path, *, selected: bool = False) -> ReviewQueue:
    """Return what waits in a finished run, and then its selected texts if they are wanted.

    Raises UsageError where there is no finished run, or its data set is damaged.
    """
    manifest = read_manifest(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    labels = manifest["labels"]
    dropped = DatasetReader(run / "dataset" / "dropped")
    rows = dropped.rows_at([place for place, section in enumerate(dropped.values("section")) if section == "review"])
    known = read_pending(run)
    waiting = [_waiting(task, row, known.get(row["id"]), labels) for row in rows]
    order = {one.id: known[one.id].place if one.id in known else len(known) + at for at, one in enumerate(waiting)}
    waiting.sort(key=lambda one: (not one.disagrees, _sureness(one.confidence), order[one.id]))
    least_sure = _least_sure(run) if selected else []
    chosen = [_selected(task, row, passport, labels) for row, passport in least_sure]
    cells = [*(row["label"] for row in rows), *(passport["label"] for _, passport in least_sure)]
    return ReviewQueue(
        manifest,
        {one.id: one for one in (*waiting, *chosen)},
        multi_label=any(isinstance(cell, list) for cell in cells),
        selected=manifest["counts"]["selected"] if selected else 0,
    )


def _waiting(task: Task, row: Mapping[str, Any], known: PendingText | None, labels: Mapping[str, str]) -> QueueEntry:
    quoted = row["reason"].partition(CHOSE_ANOTHER)[2]
    return QueueEntry(
        **_behind(row),
        text=row_text(task, row),
        source=row_context(task, row),
        waits=True,
        intended=_named(known.intended if known else "", labels) or _labels(row["label"]),
        chosen=_named(known.chosen if known else quoted, labels),
        maker=row["generator"],
        item=row["step"],
        reason=row["reason"],
        measured=row["score"],
        limit=row["limit"],
    )


def _selected(task: Task, row: Mapping[str, Any], passport: Mapping[str, Any], labels: Mapping[str, str]) -> QueueEntry:
    return QueueEntry(
        **_behind(passport),
        text=row_text(task, row),
        source=row_context(task, row),
        waits=False,
        intended=_named(passport["intended_label"] or "", labels) or _labels(passport["label"]),
        chosen=_named(passport["predicted_label"] or "", labels),
        maker=passport["step"],
    )


def _behind(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a provenance and a row among the dropped tell alike."""
    return {
        "id": row["id"],
        "labels": _labels(row["label"]),
        "attributes": json.loads(row["attributes"] or "{}"),
        "scores": json.loads(row["scores"] or "{}"),
        "confidence": row["confidence"],
    }


def _least_sure(run: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the selected texts with their provenance, the least sure first; ties stand in the order of their ids."""
    data, passports = DatasetReader(run / "dataset" / "data"), DatasetReader(run / "dataset" / "provenance")
    told = zip(passports.values("id"), passports.values("confidence"), strict=True)
    sure = ((_sureness(confidence), one) for one, confidence in told)
    wanted = [one for _, one in heapq.nsmallest(SELECTED_AT_MOST, sure)]
    rows, behind = _by_id(data, wanted), _by_id(passports, wanted)
    return [(rows[one], behind[one]) for one in wanted]


def _by_id(rows: DatasetReader, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    ids = set(wanted)
    places = [place for place, one in enumerate(rows.values("id")) if one in ids]
    return {row["id"]: row for row in rows.rows_at(places)}


def _labels(label: object) -> tuple[str, ...]:
    return tuple(map(str, label)) if isinstance(label, list) else () if label is None else (str(label),)


def _named(told: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels of `a, b`; a label whose own name has a comma is one."""
    if not told:
        return ()
    return (told,) if told in labels else tuple(told.split(", "))


def _sureness(confidence: float | None) -> float:
    return math.inf if confidence is None else confidence

"""The review queue: the texts of a run in the order in which people should see them.

Pending texts come first: those whose predicted labels differ from the intended ones, then by confidence, lowest first;
ties are in plan order. On request, selected texts follow, lowest confidence first; where a labeller looked for wrong
labels, those that are probably wrong come first.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.task import Task
from textsynth.review.pending import PendingText, read_pending
from textsynth.store.dataset import DatasetReader, check_complete, row_context, row_text, run_task
from textsynth.store.manifest import Manifest, read_manifest

MAX_SELECTED = 2000


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A text in the queue. `pending` is False for a selected text.

    `labels` are its current labels, `intended_labels` the requested ones, `predicted_labels` those of a model (() if
    there are none). `step`, `reason`, `score` and `limit` say why it is pending. `source_text` is the text that it
    rewrites. `generator` is the step that made it. `confidence` is that of the labeller, else the agreement with the
    seeds, else None.
    """

    id: str
    text: str
    source_text: str | None
    pending: bool
    labels: tuple[str, ...]
    intended_labels: tuple[str, ...]
    predicted_labels: tuple[str, ...]
    generator: str
    attributes: Mapping[str, str]
    scores: Mapping[str, float]
    confidence: float | None
    step: str = ""
    reason: str = ""
    score: float | None = None
    limit: float | None = None

    @property
    def labels_differ(self) -> bool:
        """Whether a model predicted other labels than the intended ones."""
        return bool(
            self.predicted_labels and self.intended_labels and set(self.predicted_labels) != set(self.intended_labels)
        )


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The texts to review, by id and in order; with `multi_label`, a text may have several labels.

    `selected` is the number of selected texts of the run, or 0 if they were not requested; only the MAX_SELECTED ones
    with the lowest confidence are in the queue.
    """

    manifest: Manifest
    entries: Mapping[str, QueueEntry]
    multi_label: bool
    selected: int = 0


def read_queue(run: Path, *, selected: bool = False) -> ReviewQueue:
    """Return the pending texts of a finished run, followed by its selected texts on request.

    Raises UsageError if there is no finished run in the folder, or if its data set is damaged.
    """
    manifest = read_manifest(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    labels = manifest["labels"]
    dropped = DatasetReader(run / "dataset" / "dropped")
    rows = dropped.rows_at([index for index, section in enumerate(dropped.values("section")) if section == "review"])
    pending = read_pending(run)
    entries = [_pending_entry(task, row, pending.get(row["id"]), labels) for row in rows]
    position = {
        entry.id: pending[entry.id].position if entry.id in pending else len(pending) + index
        for index, entry in enumerate(entries)
    }
    entries.sort(key=lambda entry: (not entry.labels_differ, _sort_key(entry.confidence), position[entry.id]))
    least_confident = _least_confident(run, manifest.get("label_errors", {})) if selected else []
    entries += [_selected_entry(task, row, provenance, labels) for row, provenance in least_confident]
    label_cells = [*(row["label"] for row in rows), *(provenance["label"] for _, provenance in least_confident)]
    return ReviewQueue(
        manifest,
        {entry.id: entry for entry in entries},
        multi_label=any(isinstance(cell, list) for cell in label_cells),
        selected=manifest["counts"]["selected"] if selected else 0,
    )


def _pending_entry(
    task: Task, row: Mapping[str, Any], pending: PendingText | None, labels: Mapping[str, str]
) -> QueueEntry:
    """Return the entry of a row of dropped texts."""
    return QueueEntry(
        **_common_fields(row),
        text=row_text(task, row),
        source_text=row_context(task, row),
        pending=True,
        intended_labels=_split_labels(pending.intended_label if pending else "", labels) or _labels(row["label"]),
        predicted_labels=_split_labels(pending.predicted_label if pending else "", labels),
        generator=row["generator"],
        step=row["step"],
        reason=row["reason"],
        score=row["score"],
        limit=row["limit"],
    )


def _selected_entry(
    task: Task, row: Mapping[str, Any], provenance: Mapping[str, Any], labels: Mapping[str, str]
) -> QueueEntry:
    return QueueEntry(
        **_common_fields(provenance),
        text=row_text(task, row),
        source_text=row_context(task, row),
        pending=False,
        intended_labels=_split_labels(provenance["intended_label"] or "", labels) or _labels(provenance["label"]),
        predicted_labels=_split_labels(provenance["predicted_label"] or "", labels),
        generator=provenance["step"],
    )


def _common_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that rows of provenance and of dropped texts share."""
    return {
        "id": row["id"],
        "labels": _labels(row["label"]),
        "attributes": json.loads(row["attributes"] or "{}"),
        "scores": json.loads(row["scores"] or "{}"),
        "confidence": row["confidence"],
    }


def _least_confident(run: Path, error_steps: Collection[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the selected texts with their provenance, lowest confidence first; ties are in the order of their ids.

    Where the steps `error_steps` looked for wrong labels, a text has at most the confidence that they leave it.
    """
    data, provenance = DatasetReader(run / "dataset" / "data"), DatasetReader(run / "dataset" / "provenance")
    columns = (provenance.values(name) for name in ("id", "confidence", "scores"))
    ranked = (
        (_doubt_key(confidence, scores, error_steps), id_) for id_, confidence, scores in zip(*columns, strict=True)
    )
    ids = [id_ for _, id_ in heapq.nsmallest(MAX_SELECTED, ranked)]
    rows, provenance_rows = _rows_by_id(data, ids), _rows_by_id(provenance, ids)
    return [(rows[id_], provenance_rows[id_]) for id_ in ids]


def _rows_by_id(reader: DatasetReader, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    id_set = set(ids)
    indices = [index for index, id_ in enumerate(reader.values("id")) if id_ in id_set]
    return {row["id"]: row for row in reader.rows_at(indices)}


def _labels(label: object) -> tuple[str, ...]:
    return tuple(map(str, label)) if isinstance(label, list) else () if label is None else (str(label),)


def _split_labels(text: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels in a text such as `a, b`; a single label whose name contains a comma is not split."""
    if not text:
        return ()
    return (text,) if text in labels else tuple(text.split(", "))


def _doubt_key(confidence: float | None, scores: str | None, error_steps: Collection[str]) -> float:
    """Return the confidence, or the probability that the label is right by a step that looks for errors, if lower."""
    measured: dict[str, float] = json.loads(scores or "{}") if error_steps else {}
    return min([_sort_key(confidence), *(1 - measured[step] for step in error_steps if step in measured)])


def _sort_key(confidence: float | None) -> float:
    return math.inf if confidence is None else confidence

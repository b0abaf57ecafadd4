"""What became of each text of a part: selected, or dropped by the first filter that does.

The checks of the text itself are in the work folder, with the selected texts that are similar to it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textsynth.core.protocols import DuplicateFilter
from textsynth.core.records import NO_FIELDS, DroppedRecord, Provenance, Record, Verdict
from textsynth.core.sorted_runs import id_text
from textsynth.runner.setup import REQUIRED_COLUMNS
from textsynth.sharded.plan import Plan
from textsynth.sharded.texts import ROW_BITS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class _Similar:
    """A selected text that is similar: its similarity, its place in the order of all texts, and its id."""

    similarity: float
    order: int
    id: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A text with its checks: the index of the first filter that drops it, and that verdict."""

    record: Record
    position: int
    failed: int
    verdict: Verdict
    scores: Sequence[tuple[int, float]]
    is_selected: bool


def outcomes(plan: Plan, part: int) -> tuple[list[Record], list[DroppedRecord]]:
    """Return the selected records of a part, and the dropped ones with the filter that dropped each."""
    table = plan.work.read_part([f"texts-{part}"], 0)
    is_selected = selected_rows(plan, part, table)
    similar = _similar_texts(plan, part)
    selected: list[Record] = []
    dropped: list[DroppedRecord] = []
    for number, rows in _classes(plan, table, is_selected).items():
        near = similar.get(part << ROW_BITS | number, [])
        original = None if plan.first_duplicate is None else next((row for row in rows if row.is_selected), None)
        for row in rows:
            if row.is_selected:
                selected.append(_scored(plan, row, len(plan.recipe.filter)))
            else:
                dropped.append(_drop(plan, row, original, near))
    return selected, dropped


def selected_rows(plan: Plan, part: int, table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows of `texts-PART` are selected.

    Those that pass their own checks, or, where texts are compared, the first of them of each normal form, if no
    selected text before it is similar.
    """
    passes: NDArray[np.bool_] = table.column("failed").to_numpy() == len(plan.recipe.filter) + 1
    if plan.first_duplicate is None:
        return passes
    classes, positions = table.column("class").to_numpy(), table.column("position").to_numpy()
    rows = np.flatnonzero(passes)
    rows = rows[np.unique(classes[rows], return_index=True)[1]]
    if plan.near is not None:
        similar = plan.work.read_part(["similar"], part)
        earliest = np.full(1 + int(classes.max(initial=0)), np.iinfo(np.uint64).max, np.uint64)
        numbers = similar.column("node").to_numpy() & np.uint64((1 << ROW_BITS) - 1)
        np.minimum.at(earliest, numbers.astype(np.intp), similar.column("order").to_numpy())
        rows = rows[positions[rows] < earliest[classes[rows]]]
    is_selected = np.zeros(len(table), bool)
    is_selected[rows] = True
    return is_selected


def _drop(plan: Plan, row: _Row, original: _Row | None, near: Sequence[_Similar]) -> DroppedRecord:
    """Return why a text is dropped, by the first filter that does.

    `original` is the selected text of the same normal form, `near` are the selected similar texts of another one.
    """
    verdicts: dict[int, Verdict] = {}
    if row.verdict.reason is not None:
        verdicts[row.failed] = row.verdict
    is_copy = original is not None and original.position < row.position
    if original is not None and is_copy and plan.exact is not None:
        verdicts[plan.exact] = _verdict(plan, plan.exact, original.record.id, 1.0)
    if plan.near is not None:
        earlier = [text for text in near if text.order < row.position]
        if original is not None and is_copy:
            earlier.append(_Similar(1.0, original.position, original.record.id))
        if earlier:
            best = min(earlier, key=lambda text: (-text.similarity, text.order))
            verdicts[plan.near] = _verdict(plan, plan.near, best.id, best.similarity)
    index = min(verdicts)
    verdict = verdicts[index]
    is_filter = index < len(plan.recipe.filter)
    section, step = ("filter", plan.recipe.filter[index].name) if is_filter else ("label", REQUIRED_COLUMNS)
    return DroppedRecord(
        _scored(plan, row, index),
        "review" if verdict.needs_review else section,
        step,
        verdict.reason or "",
        verdict.score,
        verdict.limit,
        verdict.duplicate_of,
    )


def _verdict(plan: Plan, index: int, duplicate_of: str, similarity: float) -> Verdict:
    step = plan.recipe.filter[index].step
    if not isinstance(step, DuplicateFilter):
        raise TypeError(f"{plan.recipe.filter[index].name} compares no texts")
    return step.duplicate_verdict(duplicate_of, similarity)


def _scored(plan: Plan, row: _Row, limit: int) -> Record:
    """Return the record with the scores of the filters before the one with the index `limit`."""
    names = [item.name for item in plan.recipe.filter]
    return row.record.with_scores({names[index]: score for index, score in row.scores if index < limit})


def _similar_texts(plan: Plan, part: int) -> Mapping[int, list[_Similar]]:
    similar: dict[int, list[_Similar]] = defaultdict(list)
    if plan.near is not None:
        table = plan.work.read_part(["similar"], part)
        columns = [table.column(name).to_pylist() for name in ("node", "similarity", "order", "id")]
        for node, similarity, order, number in zip(*columns, strict=True):
            similar[node].append(_Similar(similarity, order, id_text(number)))
    return similar


def _classes(plan: Plan, table: pa.Table, is_selected: NDArray[np.bool_]) -> Mapping[int, list[_Row]]:
    """Return the texts of a part by their normal form, in order."""
    names = [item.name for item in plan.recipe.generate]
    classes: dict[int, list[_Row]] = defaultdict(list)
    columns = table.to_pydict()
    for *row, selected in zip(*columns.values(), is_selected.tolist(), strict=True):
        cells = dict(zip(columns, row, strict=True))
        provenance = Provenance(names[cells["generator"]], index=cells["index"])
        fields = NO_FIELDS if cells["fields"] is None else json.loads(cells["fields"])
        record = Record(cells["text"], provenance, tuple(cells["labels"]), fields)
        verdict = Verdict(cells["reason"], cells["score"], cells["limit"], cells["duplicate_of"], cells["needs_review"])
        scores = json.loads(cells["scores"]) if cells["scores"] else ()
        classes[cells["class"]].append(_Row(record, cells["position"], cells["failed"], verdict, scores, selected))
    return classes

"""Columns of a table, whatever file it came from, into records: shared by `rows` and `hub`.

A file reader makes a `Table`; `records` checks every cell that is used and says where the first bad one stands.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.core.options import Count, Texts
from textsynth.core.protocols import Source
from textsynth.core.records import NO_FIELDS, JsonValue, Provenance, Record

MAX_CELL = 1_000_000
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SourceTable:
    """What a file holds: `names` of its columns, `column(name)` their cells in the file's order, as read.

    `number(i)` is the line (or row, as `unit` says) of the i-th row, from 1; `codes` maps a column to the names that
    its integers stand for.
    """

    where: str
    names: Sequence[str]
    column: Callable[[str], Sequence[object]]
    number: Callable[[int], int]
    unit: str = "line"
    codes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def at(self, row: int) -> str:
        """Return where the row stands: `seeds.csv:7`, or `seeds.parquet: row 7`."""
        number = self.number(row)
        return f"{self.where}:{number}" if self.unit == "line" else f"{self.where}: {self.unit} {number}"

    def cells(self, name: str, role: str) -> Sequence[object]:
        """Return a column's cells; `role` says what it is wanted for. Raises SourceError with the nearest name."""
        if name not in self.names:
            told = f"; `{role}: COLUMN` in the source names it" if role in ("text", "label") else ""
            raise SourceError(f"{self.where}: no column {name!r} for the {role}{did_you_mean(name, self.names)}{told}")
        return self.column(name)


def from_one(row: int) -> int:
    """Return the number of a row where rows are counted from 1, as people do."""
    return row + 1


class TableSource(Source):
    """The options that every source with columns has."""

    text: str = Field(default="text", description="column with the text (a document, for summarization)")
    label: str | None = Field(
        default=None,
        description="column with the label; left out: `label` where there is one; null: the rows have no labels",
    )
    fields: dict[str, str] | Texts = Field(
        default=(), description="further columns to keep: a list of them, or a map of field: column"
    )
    separator: str | None = Field(default=None, min_length=1, description="what parts several labels in one cell")
    rename: dict[str, str] = Field(default={}, description="label in the file: label in the recipe")
    per_label: Count | None = Field(default=None, ge=1, description="keep a seeded sample of this many rows a label")
    limit: Count | None = Field(default=None, ge=1, description="read only this many rows, from the first on")

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names in `fields`."""
        return tuple(self.fields)

    @property
    def may_have_labels(self) -> bool:
        """Whether rows may have labels: yes, unless `label: null` says that they have none."""
        return "label" not in self.model_fields_set or self.label is not None

    def with_columns(self, text: str, fields: Mapping[str, str]) -> TableSource:
        """Return the source with these columns where it names no text column of its own."""
        if "text" in self.model_fields_set or (text == self.text and not fields):
            return self
        own = self.fields if isinstance(self.fields, dict) else {name: name for name in self.fields}
        return self.model_copy(update={"text": text, "fields": {**fields, **own}})

    def label_column(self, names: Sequence[str]) -> str | None:
        """Return the column that holds the labels, or None where the rows have none."""
        if self.label is not None or "label" in self.model_fields_set:
            return self.label
        return "label" if "label" in names and self.text != "label" else None

    def records(self, table: SourceTable, *, name: str, seed: int) -> list[Record]:
        """Return the table's rows as records of the item `name`, in their order.

        `draw` numbers the rows of equal text by their labels and fields, so that no id depends on the order of rows.
        Raises SourceError on the first cell that cannot be used.
        """
        texts = _texts(table, self.text)
        if not texts:
            raise SourceError(f"{table.where}: no rows but the header; at least one is needed")
        column = self.label_column(table.names)
        labels = [()] * len(texts) if column is None else _labels(table, column, self)
        fields = _fields(table, self.fields, len(texts))
        draws = _draws(texts, labels, fields)
        # origins are frozen, so that rows share them: 2 µs a row
        origins = {draw: Provenance(name, index=draw) for draw in set(draws)}
        rows = zip(texts, labels, fields, draws, strict=True)
        found = [Record(text, origins[draw], own, more) for text, own, more, draw in rows]
        if self.per_label is None:
            return found
        if column is None:
            raise SourceError(
                f"{table.where}: per_label needs a column with labels{did_you_mean('label', table.names)}"
            )
        return _sample(found, self.per_label, seed)


def _texts(table: SourceTable, column: str) -> list[str]:
    cells = table.cells(column, "text")
    texts: list[str] = []
    for row, cell in enumerate(cells):
        if not isinstance(cell, str):
            raise SourceError(f"{table.at(row)}: {column!r} is {_told(cell)}, and must be text")
        if not cell or cell.isspace():
            raise SourceError(f"{table.at(row)}: {column!r} is blank ({cell!r}); give it a text or take the row out")
        texts.append(cell)
    if _UNUSABLE.search("".join(texts)) or max(map(len, texts), default=0) > MAX_CELL:
        _refuse(table, column, texts)
    return texts


def _refuse(table: SourceTable, column: str, texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        if len(text) > MAX_CELL:
            told = f"has {len(text):,} characters, and at most {MAX_CELL:,} are read; cut it or take the row out"
            raise SourceError(f"{table.at(row)}: {column!r} {told}")
        found = _UNUSABLE.search(text)
        if found is not None:
            what = "a NUL" if found.group() == "\0" else "half a surrogate pair"
            raise SourceError(f"{table.at(row)}: {column!r} holds {what} ({found.group()!r}), which is no text")


def _labels(table: SourceTable, column: str, options: TableSource) -> list[tuple[str, ...]]:
    cells = table.cells(column, "label")
    names = table.codes.get(column, ())
    known: dict[object, tuple[str, ...]] = {}
    labels: list[tuple[str, ...]] = []
    for row, cell in enumerate(cells):
        # True == 1 for a dict, and a list is no key
        key = cell if type(cell) is str else (type(cell), repr(cell))
        own = known.get(key)
        if own is None:
            own = known[key] = _one_row(cell, table.at(row), column, names, options)
        labels.append(own)
    if options.limit is None:
        _check_rename(table, column, options.rename, known)
    return labels


def _one_row(cell: object, at: str, column: str, names: Sequence[str], options: TableSource) -> tuple[str, ...]:
    if isinstance(cell, list):
        parts = cell
    elif isinstance(cell, str) and options.separator is not None:
        parts = [part.strip() for part in cell.split(options.separator) if part.strip()]
    else:
        parts = [cell]
    return tuple(dict.fromkeys(_label(part, at, column, names, options.rename) for part in parts))


def _label(cell: object, at: str, column: str, names: Sequence[str], rename: Mapping[str, str]) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        if 0 <= cell < len(names):
            cell = names[cell]
        elif str(cell) in rename:
            cell = str(cell)
        else:
            told = f'write names, or name it in the recipe: rename: {{"{cell}": NAME}}'
            raise SourceError(f"{at}: the label in {column!r} is the number {cell}, and must be a name; {told}")
    if not isinstance(cell, str):
        raise SourceError(f"{at}: the label in {column!r} is {_told(cell)}, and must be text")
    if not cell.strip():
        told = "give it a label, or read the rows without labels (label: null)"
        raise SourceError(f"{at}: the label in {column!r} is blank ({cell!r}); {told}")
    if _UNUSABLE.search(cell):
        raise SourceError(f"{at}: the label in {column!r} holds a character that is no text: {cell!r}")
    return rename.get(cell, cell)


def _check_rename(
    table: SourceTable, column: str, rename: Mapping[str, str], known: Mapping[object, tuple[str, ...]]
) -> None:
    if not rename:
        return
    found = {label for labels in known.values() for label in labels}
    for old, new in rename.items():
        if new not in found:
            raise SourceError(
                f"{table.where}: rename has {old!r}, which is no label in {column!r}{did_you_mean(old, found)}"
            )


def _fields(table: SourceTable, wanted: Mapping[str, str] | Sequence[str], rows: int) -> list[Mapping[str, JsonValue]]:
    named = dict(wanted) if isinstance(wanted, Mapping) else {one: one for one in wanted}
    if not named:
        return [NO_FIELDS] * rows
    columns = [_field(table, one, column) for one, column in named.items()]
    return [dict(zip(named, values, strict=True)) for values in zip(*columns, strict=True)]


def _field(table: SourceTable, name: str, column: str) -> list[str]:
    values = []
    for row, cell in enumerate(table.cells(column, f"field {name!r}")):
        if isinstance(cell, (list, dict)):
            raise SourceError(f"{table.at(row)}: {column!r} is {_told(cell)}, and a field must be text or a number")
        value = cell if isinstance(cell, str) else "" if cell is None else str(cell)
        if len(value) > MAX_CELL or _UNUSABLE.search(value):
            _refuse(table, column, ["" for _ in range(row)] + [value])
        values.append(value)
    return values


def _draws(
    texts: Sequence[str], labels: Sequence[tuple[str, ...]], fields: Sequence[Mapping[str, JsonValue]]
) -> list[int]:
    draws = [0] * len(texts)
    if len(set(texts)) == len(texts):
        return draws
    rows: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        rows[text].append(row)
    for equal in rows.values():
        if len(equal) > 1:
            equal.sort(key=lambda row: (labels[row], sorted(fields[row].items())))
            for draw, row in enumerate(equal):
                draws[row] = draw
    return draws


def _sample(records: Sequence[Record], per_label: int, seed: int) -> list[Record]:
    """Take records by the hash of seed and id: a row more in the file changes one pick, not all."""
    order = sorted(records, key=lambda one: hashlib.sha256(f"{seed}:{one.id}".encode()).digest())
    taken: Counter[str] = Counter()
    picked: set[str] = set()
    for record in order:
        if any(taken[label] < per_label for label in record.labels):
            picked.add(record.id)
            taken.update(record.labels)
    return [record for record in records if record.id in picked]


def _told(cell: object) -> str:
    kinds = {type(None): "empty (null)", bool: "true or false", list: "a list", dict: "an object"}
    kind = kinds.get(type(cell), "a number" if isinstance(cell, (int, float)) else type(cell).__name__)
    return kind if cell is None else f"{kind} ({str(cell)[:40]})"

"""Tables and their conversion to records, shared by the sources `rows`, `hub` and `in_memory`.

A file reader returns a `SourceTable`. `TableSource.table_rows` checks every cell that is used, and raises SourceError
with the position of the first invalid one.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import Field

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.core.options import Count, Texts
from textsynth.core.protocols import Source
from textsynth.core.records import JsonValue, Record
from textsynth.core.source_rows import SourceRows
from textsynth.sources.packed_texts import MIN_PACKED, PackedTexts
from textsynth.text.labels import one_form

MAX_CELL_CHARACTERS = 1_000_000
_INVALID_CHARACTER = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The content of a file: `names` of its columns, and `column(name)`, which returns a column's cells in file order.

    `where` is the file's name in error messages. `number(i)` is the line (or row, or item, as `unit` says) of the row
    with index i, counted from 1. `label_names` maps a column of integer labels to the names of its values.
    """

    where: str
    names: Sequence[str]
    column: Callable[[str], Sequence[object]]
    number: Callable[[int], int]
    unit: str = "line"
    label_names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def position(self, row: int) -> str:
        """Return the position of a row for an error message: `seeds.csv:7`, or `seeds.parquet: row 7`."""
        number = self.number(row)
        return f"{self.where}:{number}" if self.unit == "line" else f"{self.where}: {self.unit} {number}"

    def cells(self, name: str, role: str) -> Sequence[object]:
        """Return a column's cells; `role` is the column's purpose. Raises SourceError with the nearest column name."""
        if name not in self.names:
            hint = f"; set it with `{role}: COLUMN` in the source" if role in ("text", "label") else ""
            raise SourceError(f"{self.where}: no column {name!r} for the {role}{did_you_mean(name, self.names)}{hint}")
        return self.column(name)


def one_based(row: int) -> int:
    """Return the number, counted from 1, of the row with this index."""
    return row + 1


class TableSource(Source):
    """The options that all sources with columns share."""

    text: str = Field(default="text", description="column with the text (a document, for summarization)")
    label: str | None = Field(
        default=None,
        description="column with the label; default: `label` if there is such a column; null: the rows have no labels",
    )
    fields: dict[str, str] | Texts = Field(
        default=(), description="further columns to keep: a list of them, or a map of field: column"
    )
    separator: str | None = Field(
        default=None, min_length=1, description="string that separates several labels in one cell"
    )
    rename: dict[str, str] = Field(default={}, description="label in the file: label in the recipe")
    per_label: Count | None = Field(
        default=None, ge=1, description="keep a random sample of this many rows per label (seeded)"
    )
    limit: Count | None = Field(default=None, ge=1, description="read only this many rows, starting with the first")

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
        """Return the column that holds the labels, None if the rows have none."""
        if self.label is not None or "label" in self.model_fields_set:
            return self.label
        return "label" if "label" in names and self.text != "label" else None

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in order; see `rows`."""
        return list(self.rows(base, name=name, seed=seed))

    def table_rows(self, table: SourceTable, *, name: str, seed: int, is_part: bool = False) -> Sequence[Record]:
        """Return the rows of a table as records of the source `name`, in order; each is made when it is used.

        `is_part` says that the table is one of several, so that a label in `rename` may be in another one.

        `Provenance.index` numbers the rows of equal text in the order of their labels and fields, so that no id depends
        on the order of the rows. Raises SourceError with the position of the first cell that is not valid.
        """
        texts = _texts(table, self.text)
        if not texts:
            raise SourceError(f"{table.where}: the file has no rows; at least one is needed")
        column = self.label_column(table.names)
        labels = None if column is None else _labels(table, column, self, is_part=is_part)
        fields = _fields(table, self.fields) if self.fields else None
        rows = SourceRows(name, texts, labels, fields, lambda: _duplicate_indices(texts, labels, fields))
        if self.per_label is None:
            return rows
        if column is None:
            raise SourceError(
                f"{table.where}: per_label needs a column with labels{did_you_mean('label', table.names)}"
            )
        return _sample_per_label(list(rows), self.per_label, seed)


def _texts(table: SourceTable, column: str) -> Sequence[str]:
    """Return the cells of a column, each of which must be a text; packed where there are many."""
    cells = table.cells(column, "text")
    rows = 0
    for block in cells.blocks() if isinstance(cells, PackedTexts) else (cells,):
        _check_texts(block, table, rows, column)
        rows += len(block)
    texts = cast("Sequence[str]", cells)
    if isinstance(texts, PackedTexts):
        return texts
    return PackedTexts(texts) if len(texts) >= MIN_PACKED else list(texts)


def _check_texts(cells: Sequence[object], table: SourceTable, first_row: int, column: str) -> None:
    """Raise SourceError for the first cell that is no text or blank, else for the first that is too long or invalid."""
    # Nearly all columns are good, which is found out three times faster than by looking at one cell after another.
    is_good = set(map(type, cells)) <= {str} and all(map(str.strip, cast("Sequence[str]", cells)))
    for row, cell in enumerate(() if is_good else cells, first_row):
        if not isinstance(cell, str):
            raise SourceError(f"{table.position(row)}: {column!r} is {_describe(cell)}; it must be text")
        if not cell.strip():
            raise SourceError(
                f"{table.position(row)}: {column!r} is blank ({cell!r}); write a text there or remove the row"
            )
    texts = cast("Sequence[str]", cells)
    if _has_invalid_character("".join(texts)) or max(map(len, texts), default=0) > MAX_CELL_CHARACTERS:
        for row, text in enumerate(texts, first_row):
            _check_cell(text, table, row, column)


def _has_invalid_character(text: str) -> bool:
    return "\0" in text or (not text.isascii() and _INVALID_CHARACTER.search(text) is not None)


def _check_cell(text: str, table: SourceTable, row: int, column: str) -> None:
    """Raise SourceError if the text is too long or contains a character that is not valid in a text."""
    if len(text) > MAX_CELL_CHARACTERS:
        raise SourceError(
            f"{table.position(row)}: {column!r} has {len(text):,} characters; the limit is {MAX_CELL_CHARACTERS:,}: "
            "shorten it or remove the row"
        )
    invalid = _INVALID_CHARACTER.search(text)
    if invalid is not None:
        name = "a NUL character" if invalid.group() == "\0" else "an unpaired surrogate"
        raise SourceError(
            f"{table.position(row)}: {column!r} contains {name} ({invalid.group()!r}), which is not valid text"
        )


def _labels(table: SourceTable, column: str, options: TableSource, *, is_part: bool) -> list[tuple[str, ...]]:
    names = table.label_names.get(column, ())
    cached: dict[object, tuple[str, ...]] = {}
    rows: list[tuple[str, ...]] = []
    for row, cell in enumerate(table.cells(column, "label")):
        # The type is part of the key because True == 1; the repr is used because a list is not hashable.
        key = cell if type(cell) is str else (type(cell), repr(cell))
        labels = cached.get(key)
        if labels is None:
            labels = cached[key] = _split_labels(cell, table.position(row), column, names, options)
        rows.append(labels)
    if options.rename and options.limit is None and not is_part:
        _check_rename(table, column, options.rename, {label for labels in cached.values() for label in labels})
    return rows


def _split_labels(
    cell: object, position: str, column: str, names: Sequence[str], options: TableSource
) -> tuple[str, ...]:
    """Return the labels in one cell, each once: a list, several labels with `separator` between them, or one label."""
    if isinstance(cell, list):
        parts = cell
    elif isinstance(cell, str) and options.separator is not None:
        parts = [part.strip() for part in cell.split(options.separator) if part.strip()]
    else:
        parts = [cell]
    return tuple(dict.fromkeys(_label(part, position, column, names, options.rename) for part in parts))


def _label(cell: object, position: str, column: str, names: Sequence[str], rename: Mapping[str, str]) -> str:
    where = f"{position}: the label in {column!r}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        if 0 <= cell < len(names):
            cell = names[cell]
        elif str(cell) in rename:
            cell = str(cell)
        else:
            raise SourceError(
                f"{where} is the number {cell}; it must be a name: write names in the file, or map the number in the "
                f'recipe: rename: {{"{cell}": NAME}}'
            )
    if isinstance(cell, float):
        cell = _renamed_number(cell, where, rename)
    if not isinstance(cell, str):
        missing = "; write a label there, or set label: null to read no labels" if cell is None else "; it must be text"
        raise SourceError(f"{where} is {_describe(cell)}{missing}")
    if not cell.strip():
        raise SourceError(f"{where} is blank ({cell!r}); write a label there, or set label: null to read no labels")
    if _INVALID_CHARACTER.search(cell):
        raise SourceError(f"{where} contains a character that is not valid text: {cell!r}")
    label = one_form(cell)
    return one_form(rename.get(cell, rename.get(label, label)))


def _renamed_number(cell: float, where: str, rename: Mapping[str, str]) -> str:
    """Return the entry of `rename` for a number with a fraction: 1.0 is `"1.0"` or `"1"` there."""
    spellings = [str(cell), *([str(int(cell))] if math.isfinite(cell) and cell == int(cell) else [])]
    spelling = next((text for text in spellings if text in rename), None)
    if spelling is not None:
        return spelling
    if math.isnan(cell):
        raise SourceError(f"{where} is empty (NaN); write a label there, or set label: null to read no labels")
    raise SourceError(
        f"{where} is the number {cell}; it must be a name: write names in the file, or map the number in the "
        f'recipe: rename: {{"{spellings[-1]}": NAME}}'
    )


def _check_rename(table: SourceTable, column: str, rename: Mapping[str, str], labels: set[str]) -> None:
    for old, new in rename.items():
        if new not in labels:
            raise SourceError(
                f"{table.where}: rename: {old!r} is not a label in the column {column!r}{did_you_mean(old, labels)}"
            )


def _fields(table: SourceTable, fields: Mapping[str, str] | Sequence[str]) -> list[Mapping[str, JsonValue]]:
    columns = dict(fields) if isinstance(fields, Mapping) else {name: name for name in fields}
    values = [_field(table, name, column) for name, column in columns.items()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _field(table: SourceTable, name: str, column: str) -> list[str]:
    values = []
    for row, cell in enumerate(table.cells(column, f"field {name!r}")):
        if isinstance(cell, (list, dict)):
            raise SourceError(
                f"{table.position(row)}: {column!r} is {_describe(cell)}; a field must be text or a number"
            )
        value = cell if isinstance(cell, str) else "" if cell is None else str(cell)
        _check_cell(value, table, row, column)
        values.append(value)
    return values


def _duplicate_indices(
    texts: Sequence[str],
    labels: Sequence[tuple[str, ...]] | None,
    fields: Sequence[Mapping[str, JsonValue]] | None,
) -> array[int] | None:
    """Return, for each row, its index among the rows of equal text, ordered by labels and fields; None where all are 0.

    Rows whose labels and fields are equal, too, are in their order.
    """
    repeated = _rows_of_repeated(texts)
    if not repeated:
        return None
    indices = array("I", bytes(array("I").itemsize * len(texts)))
    rows_of: dict[str, list[int]] = {}
    for row in repeated:
        rows_of.setdefault(texts[row], []).append(row)
    for rows in rows_of.values():
        rows.sort(key=lambda row: (labels[row] if labels else (), sorted(fields[row].items()) if fields else []))
        for index, row in enumerate(rows):
            indices[row] = index
    return indices


def _rows_of_repeated(texts: Sequence[str]) -> Sequence[int]:
    """Return the rows of texts that occur more than once, in order, and of the few other ones with an equal hash."""
    if not isinstance(texts, PackedTexts):
        if len(set(texts)) == len(texts):
            return ()
        counts = Counter(texts)
        return [row for row, text in enumerate(texts) if counts[text] > 1]
    import numpy as np  # a set of millions of texts takes more memory than the source

    hashes = np.fromiter(map(hash, texts), np.int64, len(texts))
    ordered = np.sort(hashes)
    rows: list[int] = np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]]).nonzero()[0].tolist()
    return rows


def _sample_per_label(records: Sequence[Record], per_label: int, seed: int) -> list[Record]:
    """Return a sample of `per_label` records per label (fewer if there are fewer), in their order.

    Records are ranked by the hash of seed and id, so that one more row in the file leaves most of the sample unchanged.
    A record with several labels is taken as long as one of them lacks records, so another of them may get more.
    """
    ranked = sorted(records, key=lambda record: hashlib.sha256(f"{seed}:{record.id}".encode()).digest())
    counts: Counter[str] = Counter()
    sampled: set[str] = set()
    for record in ranked:
        if any(counts[label] < per_label for label in record.labels):
            sampled.add(record.id)
            counts.update(record.labels)
    return [record for record in records if record.id in sampled]


def _describe(cell: object) -> str:
    kinds = {type(None): "empty (null)", bool: "true or false", list: "a list", dict: "an object"}
    kind = kinds.get(type(cell), "a number" if isinstance(cell, (int, float)) else type(cell).__name__)
    return kind if cell is None else f"{kind} ({str(cell)[:40]})"

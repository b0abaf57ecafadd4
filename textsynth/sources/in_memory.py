"""Rows passed in Python: a list of dicts, a pandas DataFrame or a Hugging Face Dataset.

The recipe stores the sha256 of their content, which shows whether another run had the same rows; the rows themselves
are not stored. A recipe file cannot use this source: there, `rows` reads a file.

Does not catch: rows whose text does not match their label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import Field, PrivateAttr

from textsynth.core.errors import SourceError
from textsynth.core.records import Record
from textsynth.sources.columns import SourceTable, TableSource, one_based


class Tabular(Protocol):
    """A pandas DataFrame or a `datasets.Dataset`, described without importing either package."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The numbers of rows and columns."""


Rows = Sequence[Mapping[str, Any]] | Tabular


class MissingCell(Enum):
    """The value of a cell that is missing in one row of a list of dicts.

    Its string is part of the content hash, so changing it would change the sha256 of such rows.
    """

    CELL = "Absent.CELL"

    def __str__(self) -> str:
        return self.value


MISSING = MissingCell.CELL
ROWS_NOT_LOADED = (
    "its rows were passed in Python and are not loaded: pass them again, or write them to a file and set its path"
)


class InMemory(TableSource):
    """Holds rows passed in Python; `text`, `label` and `fields` name the columns. Create it with `InMemory.of`."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the sha256 of the content of the rows")

    _table: SourceTable | None = PrivateAttr(None)

    @classmethod
    def of(cls, rows: Rows, **options: Any) -> Self:  # noqa: ANN401
        """Return a source of `rows`; `options` map their columns: `text="utterance", label="intent"`.

        `rows` is a list of dicts with the same keys, a pandas DataFrame, or a `datasets.Dataset`, whose integer labels
        become their names. Raises SourceError for anything else, RecipeError for an invalid option.
        """
        table = table_of(rows)
        source = cls(sha256=_content_hash(table), **options)
        source._table = table
        return source

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if the rows are not loaded, else None."""
        return ROWS_NOT_LOADED if self._table is None else None

    def column_names(self, base: Path) -> tuple[str, ...]:
        """Return the names of the columns, () where the rows are not loaded."""
        return () if self._table is None else tuple(self._table.names)

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the rows as records, in order. Raises SourceError with the row."""
        if self._table is None:
            raise SourceError(f"sources.{name}: {ROWS_NOT_LOADED}")
        return self.table_rows(_named_table(self._table, name, self.limit), name=name, seed=seed)


def table_of(rows: Any) -> SourceTable:  # noqa: ANN401
    """Return rows as a table; see `InMemory.of`."""
    kind = _kind(rows)
    if kind == "pandas.DataFrame":
        return _table_of_frame(rows)
    if kind == "datasets.Dataset":
        return _table_of_dataset(rows)
    if kind == "datasets.DatasetDict":
        raise SourceError(f"rows must be one split of a data set, found a DatasetDict with {', '.join(rows)}")
    if isinstance(rows, Sequence) and not isinstance(rows, str) and all(isinstance(row, Mapping) for row in rows):
        return _table_of_dicts(rows)
    raise SourceError(f"rows must be a list of dicts, a pandas DataFrame or a datasets.Dataset, found {rows!r:.60}")


def is_rows(value: object) -> bool:
    """Return whether a value is meant as rows, valid or not."""
    if _kind(value).startswith(("pandas.", "datasets.")):
        return True
    return isinstance(value, Sequence) and not isinstance(value, str)


def _kind(value: object) -> str:
    """Return `pandas.DataFrame` and the like, without importing either package; "" for any other type."""
    for base in type(value).__mro__:
        package = base.__module__.split(".")[0]
        if package in {"pandas", "datasets"} and base.__name__ in {"DataFrame", "Dataset", "DatasetDict"}:
            return f"{package}.{base.__name__}"
    return ""


def _table_of_dicts(rows: Sequence[Mapping[str, object]]) -> SourceTable:
    if not rows:
        raise SourceError("rows is an empty list; at least one row is needed")
    columns: dict[str, list[object]] = {str(key): [] for row in rows for key in row}
    for row in rows:
        for name, cells in columns.items():
            cells.append(row.get(name, MISSING))

    return SourceTable("rows", list(columns), columns.__getitem__, one_based, "row")


def _table_of_frame(frame: Any) -> SourceTable:  # noqa: ANN401
    names = [str(name) for name in frame.columns]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise SourceError(f"rows: two columns are called {repeated!r}; rename one of them")

    def read_column(name: str) -> Sequence[object]:
        cells = frame.iloc[:, names.index(name)]
        pairs = zip(cells.tolist(), cells.isna().tolist(), strict=True)
        return [None if is_na else _as_list(cell) for cell, is_na in pairs]

    return SourceTable("rows", names, read_column, one_based, "row")


def _as_list(cell: Any) -> object:  # noqa: ANN401
    """Return a numpy array, which is how pandas reads a list from parquet, as a list; anything else unchanged."""
    return cell.tolist() if type(cell).__module__ == "numpy" else cell


def _table_of_dataset(dataset: Any) -> SourceTable:  # noqa: ANN401
    def read_column(name: str) -> Sequence[object]:
        cells: Sequence[object] = dataset[name][:]
        return cells

    features = {name: getattr(feature, "feature", feature) for name, feature in dataset.features.items()}
    label_names = {name: feature.names for name, feature in features.items() if getattr(feature, "names", None)}
    return SourceTable("rows", dataset.column_names, read_column, one_based, "row", label_names)


def _content_hash(table: SourceTable) -> str:
    content = hashlib.sha256(json.dumps([list(table.names), dict(table.label_names)]).encode())
    for name in table.names:
        content.update(json.dumps(table.column(name), default=str).encode())
    return content.hexdigest()


def _named_table(table: SourceTable, where: str, limit: int | None) -> SourceTable:
    """Return the first `limit` rows of the table under the name of the source."""

    def read_column(name: str) -> Sequence[object]:
        cells = table.column(name)[:limit]
        if MISSING in cells:
            raise SourceError(f"{where}: row {cells.index(MISSING) + 1} has no {name!r}, which other rows have")
        return cells

    return replace(table, where=where, column=read_column)

"""Rows given in Python: a list of dicts, a pandas DataFrame or a Hugging Face Dataset.

The recipe keeps the sha256 of their content in their place, so that another run can be seen to have had the same
rows; the rows themselves are kept nowhere. A recipe file cannot have this item: there, `rows` names a file.

Does not catch: rows whose text says something else than their label.
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
from textsynth.sources.columns import SourceTable, TableSource, from_one


class Tabular(Protocol):
    """A pandas DataFrame or a `datasets.Dataset`, said without loading either."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The numbers of rows and columns."""


Rows = Sequence[Mapping[str, Any]] | Tabular


class Unloaded(Enum):
    """What stands for a cell that a row of a list of dicts does not have."""

    CELL = "absent"


ABSENT = Unloaded.CELL
NOT_HERE = "its rows were given in Python and are not here: give them again, or write them to a file and name it"


class InMemory(TableSource):
    """Holds rows that a script has; columns are mapped by `text`, `label` and `fields`. Make it with `Given.of`."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the sha256 of the rows' content")

    _table: SourceTable | None = PrivateAttr(None)

    @classmethod
    def of(cls, rows: Rows, **options: Any) -> Self:  # noqa: ANN401
        """Return the source of `rows`; `options` map their columns: `text="utterance", label="intent"`.

        `rows` is a list of dicts that all have the columns used, a pandas DataFrame or a `datasets.Dataset`, whose
        label integers become their names. Raises SourceError for anything else, RecipeError for a wrong option.
        """
        table = table_of(rows)
        given = cls(sha256=_hash(table), **options)
        given._table = table
        return given

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence where the rows are not here, else None."""
        return NOT_HERE if self._table is None else None

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in their order. Raises SourceError with the row."""
        if self._table is None:
            raise SourceError(f"sources.{name}: {NOT_HERE}")
        return self.records(_read_as(self._table, name, self.limit), name=name, seed=seed)


def table_of(rows: Any) -> SourceTable:  # noqa: ANN401
    """Return rows as a table; see `Given.of`."""
    kind = _kind(rows)
    if kind == "pandas.DataFrame":
        return _of_frame(rows)
    if kind == "datasets.Dataset":
        return _of_dataset(rows)
    if kind == "datasets.DatasetDict":
        raise SourceError(f"rows are one split of a data set, found a DatasetDict with {', '.join(rows)}")
    if isinstance(rows, Sequence) and not isinstance(rows, str) and all(isinstance(row, Mapping) for row in rows):
        return _of_dicts(rows)
    raise SourceError(f"rows are a list of dicts, a pandas DataFrame or a datasets.Dataset, found {rows!r:.60}")


def is_rows(value: object) -> bool:
    """Whether a value is meant as rows, right or wrong."""
    if _kind(value).startswith(("pandas.", "datasets.")):
        return True
    return isinstance(value, Sequence) and not isinstance(value, str)


def _kind(value: object) -> str:
    """Return `pandas.DataFrame` and the like without loading either package."""
    for one in type(value).__mro__:
        package = one.__module__.split(".")[0]
        if package in {"pandas", "datasets"} and one.__name__ in {"DataFrame", "Dataset", "DatasetDict"}:
            return f"{package}.{one.__name__}"
    return ""


def _of_dicts(rows: Sequence[Mapping[str, object]]) -> SourceTable:
    if not rows:
        raise SourceError("rows are an empty list; at least one is needed")
    cells: dict[str, list[object]] = {str(key): [] for row in rows for key in row}
    for row in rows:
        for name, column in cells.items():
            column.append(row.get(name, ABSENT))

    return SourceTable("rows", list(cells), cells.__getitem__, from_one, "row")


def _of_frame(table: Any) -> SourceTable:  # noqa: ANN401
    names = [str(name) for name in table.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SourceError(f"rows: two columns are called {twice!r}: rename one")

    def column(name: str) -> Sequence[object]:
        cells = table.iloc[:, names.index(name)]
        pairs = zip(cells.tolist(), cells.isna().tolist(), strict=True)
        return [None if gone else _plain(cell) for cell, gone in pairs]

    return SourceTable("rows", names, column, from_one, "row")


def _plain(cell: Any) -> object:  # noqa: ANN401
    """Return an array, as pandas reads a list from parquet, as a list."""
    return cell.tolist() if type(cell).__module__ == "numpy" else cell


def _of_dataset(table: Any) -> SourceTable:  # noqa: ANN401
    def column(name: str) -> Sequence[object]:
        cells: Sequence[object] = table[name][:]
        return cells

    features = {name: getattr(feature, "feature", feature) for name, feature in table.features.items()}
    codes = {name: feature.names for name, feature in features.items() if getattr(feature, "names", None)}
    return SourceTable("rows", table.column_names, column, from_one, "row", codes)


def _hash(table: SourceTable) -> str:
    told = hashlib.sha256(json.dumps([list(table.names), dict(table.codes)]).encode())
    for name in table.names:
        told.update(json.dumps(table.column(name), default=str).encode())
    return told.hexdigest()


def _read_as(table: SourceTable, where: str, limit: int | None) -> SourceTable:
    def column(name: str) -> Sequence[object]:
        cells = table.column(name)[:limit]
        if ABSENT in cells:
            raise SourceError(f"{where}: row {cells.index(ABSENT) + 1} has no {name!r}, which others have")
        return cells

    return replace(table, where=where, column=column)

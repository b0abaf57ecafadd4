"""The rows of one config of a run's data set, read by column: a row is made only where it is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


class Rows:
    """All parquet files of a folder, in the order of their names; a folder that is not there has no rows.

    `splits` has the name of the file's split for each row. Labels come as names. Raises UsageError for a damaged file.
    """

    def __init__(self, folder: Path) -> None:
        tables = [(path, _read(path)) for path in sorted(folder.glob("*.parquet"))]
        self._table = _joined([table for _, table in tables])
        self.splits = [path.stem.split("-")[0] for path, table in tables for _ in range(table.num_rows)]
        self.names: list[str] = [] if self._table is None else _label_names(self._table.schema.metadata or {})

    def __len__(self) -> int:
        return len(self.splits)

    def column(self, name: str) -> list[Any]:
        """Return a column's cells, [] where there is no such column."""
        if self._table is None or name not in self._table.column_names:
            return []
        cells: list[Any] = self._table.column(name).to_pylist()
        return [self._named(cell) for cell in cells] if name == "label" and self.names else cells

    def take(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `places`, in that order."""
        if self._table is None or not places:
            return []
        rows: list[dict[str, Any]] = self._table.take(list(places)).to_pylist()
        for row in rows:
            if self.names and "label" in row:
                row["label"] = self._named(row["label"])
        return rows

    def _named(self, cell: int | list[int] | None) -> str | list[str] | None:
        if isinstance(cell, list):
            return [self.names[code] for code in cell]
        return None if cell is None else self.names[cell]


def label_text(label: object) -> str:
    """Return the label or labels of a row as one text, "" for none."""
    return ", ".join(map(str, label)) if isinstance(label, list) else str(label or "")


def text_of(row: Mapping[str, Any]) -> str:
    """Return the text of a row that a run wrote or judged, whatever its task calls it; else the raw answer."""
    return str(row.get("paraphrase") or row.get("summary") or row.get("text") or row.get("raw") or "")


def source_of(row: Mapping[str, Any]) -> str | None:
    """Return what the row's text rewrites: the document, or the original of a paraphrase."""
    return row.get("document") or (row.get("text") if row.get("paraphrase") else None) or row.get("source")


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as fault:
        told = str(fault).splitlines()[0]
        raise UsageError(f"{path}: the data set is damaged ({told}); run the recipe again") from fault


def _joined(tables: Sequence[pa.Table]) -> pa.Table | None:
    import pyarrow as pa

    return pa.concat_tables(tables) if tables else None


def _label_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    told = json.loads(metadata.get(b"huggingface", b"{}"))
    label = told.get("info", {}).get("features", {}).get("label", {})
    names = label.get("names") or label.get("feature", {}).get("names") or []
    return [str(name) for name in names]

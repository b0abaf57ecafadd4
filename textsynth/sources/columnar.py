"""Parquet files as tables; integer labels keep the names that `datasets` stores in the file's metadata."""

from __future__ import annotations

import json
from pathlib import Path

from textsynth.core.errors import SourceError
from textsynth.sources.columns import SourceTable, one_based


def parquet_table(path: Path, where: str, limit: int | None) -> SourceTable:
    """Return the first `limit` rows (None: all) of an existing file. Raises SourceError if it is not parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise SourceError(f"{where}: the file is empty (0 bytes); at least one row is needed")
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{where}: not a readable parquet file: {str(error).splitlines()[0]}") from error
    table = table if limit is None else table.slice(0, limit)
    label_names = class_names(table.schema.metadata or {})

    def read_column(name: str) -> list[object]:
        cells: list[object] = table.column(name).to_pylist()
        return cells

    return SourceTable(where, table.column_names, read_column, one_based, "row", label_names)


def class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the label names that `datasets` stores in a parquet file's metadata, by column; {} if there are none."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return {}
    names: dict[str, list[str]] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inner, dict) and isinstance(inner.get("names"), list):
            names[column] = inner["names"]
    return names

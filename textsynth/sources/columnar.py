"""Parquet files into tables; label integers keep the names that `datasets` wrote beside them."""

from __future__ import annotations

import json
from pathlib import Path

from textsynth.core.errors import SourceError
from textsynth.sources.columns import SourceTable, from_one


def parquet_table(path: Path, where: str, limit: int | None) -> SourceTable:
    """Return the first `limit` rows (None: all) of a file that exists. Raises SourceError if it is no parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise SourceError(f"{where}: the file is empty (0 bytes); at least one row is needed")
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as fault:
        raise SourceError(f"{where}: no readable parquet file: {str(fault).splitlines()[0]}") from fault
    table = table if limit is None else table.slice(0, limit)
    codes = class_names(table.schema.metadata or {})

    def column(name: str) -> list[object]:
        cells: list[object] = table.column(name).to_pylist()
        return cells

    return SourceTable(where, table.column_names, column, from_one, "row", codes)


def class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the label names that `datasets` wrote into a parquet file's metadata, by column."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found: dict[str, list[str]] = {}
    for name, feature in features.items() if isinstance(features, dict) else ():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inner, dict) and isinstance(inner.get("names"), list):
            found[name] = inner["names"]
    return found

"""Writes a table of a data set as parquet, without the secrets of the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from textsynth.export.run_result import RunResult
from textsynth.export.tables import AnyTable
from textsynth.store.arrow_columns import arrow_column

# Rows per row group, and in memory at once while a file is written.
ROWS_PER_GROUP = 50_000
TEXT_COLUMNS = ("text", "source_text", "raw_answer")
FILE_NAME = "{split}-{number:05}-of-{count:05}.parquet"
"""The name of one of the files of a split."""
KEPT_COLUMNS = ("id", "label", "intended_label", "predicted_label", "split", "family", "step", "section")


def write_parquet(file: BinaryIO, table: AnyTable, result: RunResult) -> None:
    """Write the rows of a table, a part of them at a time, into an open file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for columns in table.parts(ROWS_PER_GROUP):
            cells = _without_secrets(columns, result)
            arrays = [arrow_column(cells[field.name], field.type) for field in table.schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=table.schema))


def _without_secrets(columns: Mapping[str, Sequence[object]], result: RunResult) -> dict[str, Sequence[object]]:
    """Return the columns without the recipe's secrets; texts of models keep ordinary words that are one elsewhere."""
    secrets = result.secrets
    if not secrets:
        return dict(columns)
    texts = {*result.task.columns, *TEXT_COLUMNS}
    return {
        name: cells
        if name in KEPT_COLUMNS
        else [
            (secrets.redact_answer(cell) if name in texts else secrets.redact(cell)) if isinstance(cell, str) else cell
            for cell in cells
        ]
        for name, cells in columns.items()
    }

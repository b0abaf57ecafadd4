"""Helpers of the tests of sources: write a file, and read it as a recipe would."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textsynth.core.errors import SourceError
from textsynth.core.records import Record
from textsynth.sources.rows import Rows

CSV = b"text,label\nwhere is my card,card_arrival\nI lost it,lost_card\n"
JSONL = b'{"text": "where is my card", "label": "card_arrival"}\n'


def rows_source(path: str, **options: object) -> Rows:
    """Return the source as a recipe creates it: from strict JSON."""
    return Rows.model_validate_json(json.dumps({"path": path, **options}))


def read(folder: Path, name: str, data: bytes, **options: object) -> list[Record]:
    """Write a file and return its records."""
    (folder / name).write_bytes(data)
    return rows_source(name, **options).read(folder, name="seeds", seed=7)


def read_error(folder: Path, name: str, data: bytes, **options: object) -> str:
    """Write an invalid file and return the error, which must be one sentence that starts with the file's name."""
    with pytest.raises(SourceError) as caught:
        read(folder, name, data, **options)
    message = str(caught.value)
    assert message.startswith(name)
    assert "\n" not in message
    assert len(message) < 300
    return message


def parquet(columns: dict[str, object]) -> bytes:
    """Return a parquet file with these columns."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())

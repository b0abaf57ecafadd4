"""How tests of sources write a file and read it as a recipe would."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textsynth.core.errors import SourceError
from textsynth.core.records import Record
from textsynth.sources.rows import Rows

GOOD = b"text,label\nwhere is my card,card_arrival\nI lost it,lost_card\n"
PLAIN = b'{"text": "where is my card", "label": "card_arrival"}\n'


def source(path: str, **options: object) -> Rows:
    """Return the source as a recipe makes it: through strict JSON."""
    return Rows.model_validate_json(json.dumps({"path": path, **options}))


def read(folder: Path, name: str, data: bytes, **options: object) -> list[Record]:
    """Write a file and return its records."""
    (folder / name).write_bytes(data)
    return source(name, **options).read(folder, name="seeds", seed=7)


def refused(folder: Path, name: str, data: bytes, **options: object) -> str:
    """Write a file that is refused and return the one sentence that says why, which begins with the file's name."""
    with pytest.raises(SourceError) as caught:
        read(folder, name, data, **options)
    told = str(caught.value)
    assert told.startswith(name)
    assert "\n" not in told
    assert len(told) < 300
    return told


def parquet(table: dict[str, object]) -> bytes:
    """Return a parquet file with these columns."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink)
    return bytes(sink.getvalue().to_pybytes())

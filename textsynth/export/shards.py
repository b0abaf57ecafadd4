"""The data set of a run as files of at most a number of rows each, in any folder that fsspec opens.

The files have the columns, the features and the order of the run's own; the card lists them by a pattern, so that
`load_dataset` reads the folder as it reads that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.core.errors import UsageError
from textsynth.export.dataset import CARD, FOLDERS
from textsynth.export.parquet import FILE_NAME
from textsynth.store.dataset_hash import parquet_files
from textsynth.store.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def write_shards(dataset: Path, out: Storage, rows_per_file: int | None, *, replace: bool = False) -> list[str]:
    """Write the data set in the folder `dataset` (a run's `dataset/`) to `out`; return the names of the files.

    Each file has `rows_per_file` rows, the last one of a split fewer; None: the files of the run. With `replace`, the
    parquet files of an earlier data set there are removed at the end. Raises UsageError where there is no data set, or
    where `out` is not empty.
    """
    if not (dataset / CARD).is_file():
        raise UsageError(f"{dataset}: has no data set; run the recipe first")
    earlier = _earlier_files(out)
    if out.names() and not replace:
        raise UsageError(f"{out.url}: is not empty; --replace writes the data set in place of the one there")
    card = (dataset / CARD).read_text(encoding="utf-8")
    names: list[str] = []
    for name in parquet_files(dataset):
        written = list(_write_shards_of(dataset, name, out, rows_per_file))
        if len(written) > 1:
            card = card.replace(f"path: {name}\n", f"path: {_prefix(name)}-*.parquet\n")
        names += written
    for path in sorted((dataset / "figures").glob("*.svg")):
        names.append(f"figures/{path.name}")
        with out.writing(names[-1]) as file:
            file.write(path.read_bytes())
    out.write_text(CARD, card)
    out.remove(*(name for name in earlier if name not in names))
    return [CARD, *names]


def _write_shards_of(dataset: Path, name: str, out: Storage, rows_per_file: int | None) -> Iterator[str]:
    """Write the rows of one file of a run; yield the name of each file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(dataset / name) as source:
        rows = source.metadata.num_rows
        size = rows if rows_per_file is None else rows_per_file
        count = max(1, -(-rows // size))
        batches = _Rows(source, size)
        for number in range(count):
            shard = FILE_NAME.format(split=_prefix(name), number=number, count=count)
            with out.writing(shard) as file, pq.ParquetWriter(file, source.schema_arrow, compression="zstd") as writer:
                for batch in batches.take(size):
                    writer.write_batch(batch)
            yield shard


class _Rows:
    """The rows of a file, taken in order in batches that end where a shard ends."""

    def __init__(self, source: pq.ParquetFile, size: int) -> None:
        self._batches = source.iter_batches(min(size, 10_000))
        self._rest: pa.RecordBatch | None = None

    def take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the next `rows` rows, fewer at the end."""
        while rows:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                return
            self._rest = batch.slice(rows) if len(batch) > rows else None
            batch = batch.slice(0, rows)
            rows -= len(batch)
            yield batch


def _prefix(name: str) -> str:
    """Return the folder and the split of a file: `data/train` for `data/train-00000-of-00001.parquet`."""
    return name.rsplit("-", 3)[0]


def _earlier_files(out: Storage) -> list[str]:
    return [
        f"{folder}/{name}"
        for folder in FOLDERS.values()
        for name in out.folder(folder).names()
        if name.endswith(".parquet")
    ]

"""A folder on a disk or in an object store, by a path or URL of fsspec: where shards are read and written.

Intermediate tables are Arrow files of one batch for each part, so that a task reads one part of each file. A file
appears under its name when it is complete, and its existence says that the task that writes it is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textsynth.core.errors import RunError, UsageError, write_error_reason

if TYPE_CHECKING:
    import pyarrow as pa

NOTE = b"textsynth"
SUFFIX = ".arrow"


@dataclass(frozen=True)
class Storage:
    """A folder by its path or URL (`out`, `s3://bucket/out`, `memory://out`); files have names relative to it."""

    url: str

    @cached_property
    def _root(self) -> tuple[Any, str]:
        import fsspec

        try:
            filesystem, path = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{self.url}: cannot be opened: {str(error).splitlines()[0]}") from error
        return filesystem, str(path).rstrip("/")

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return Storage, (self.url,)  # the connection is made again in each process

    @property
    def is_local(self) -> bool:
        """Whether the files are on a disk of this machine, or one that is mounted here."""
        return "file" in _protocols(self._root[0])

    @property
    def is_shared(self) -> bool:
        """Whether another process sees the files."""
        return "memory" not in _protocols(self._root[0])

    def folder(self, name: str) -> Storage:
        """Return a folder in this one."""
        return Storage(f"{self.url.rstrip('/')}/{name}")

    def path(self, name: str) -> str:
        """Return the path of a file as the file system has it."""
        return f"{self._root[1]}/{name}"

    def names(self) -> list[str]:
        """Return the names of what is in the folder, sorted; [] where it does not exist."""
        filesystem, root = self._root
        filesystem.invalidate_cache()
        if not filesystem.exists(root):
            return []
        if not filesystem.isdir(root):
            raise UsageError(f"{self.url}: is a file; name a folder")
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in filesystem.ls(root, detail=False))

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        filesystem, _ = self._root
        return bool(filesystem.exists(self.path(name)))

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing; it appears under its name when the block ends. Raises RunError."""
        filesystem, _ = self._root
        temporary = f"{name}.{secrets.token_hex(4)}.part" if self.is_local else name
        try:
            filesystem.makedirs(self.path(name).rpartition("/")[0], exist_ok=True)
            with filesystem.open(self.path(temporary), "wb") as file:
                yield file
            if temporary != name:
                os.replace(self.path(temporary), self.path(name))  # noqa: PTH105 — the paths are those of fsspec
        except OSError as error:
            raise RunError(f"{self.url}/{name}: cannot be written: {write_error_reason(error)}") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        with self.writing(name) as file:
            file.write(text.encode("utf-8", "replace"))

    def read_text(self, name: str) -> str:
        """Return the content of a text file."""
        filesystem, _ = self._root
        content: bytes = filesystem.cat_file(self.path(name))
        return content.decode("utf-8", "replace")

    def remove(self, *names: str) -> None:
        """Remove files; those that do not exist are skipped."""
        filesystem, _ = self._root
        for name in names:
            if filesystem.exists(self.path(name)):
                filesystem.rm_file(self.path(name))

    def remove_all(self) -> None:
        """Remove the folder with everything in it."""
        filesystem, root = self._root
        if filesystem.exists(root):
            filesystem.rm(root, recursive=True)

    # ---- tables in parts

    def write_parts(
        self, name: str, columns: Mapping[str, Any], part_of: NDArray[np.int64] | None, note: Mapping[str, Any] = {}
    ) -> None:
        """Write a table, with the rows of each part as one batch; `part_of` has the part of each row, None: one part.

        `note` is what `note` returns. There are as many batches as the highest part needs.
        """
        import pyarrow as pa

        table = pa.table(dict(columns)).replace_schema_metadata({NOTE: json.dumps(dict(note)).encode()})
        ends = [len(table)]
        if part_of is not None:
            table = table.take(pa.array(np.argsort(part_of, kind="stable")))
            ends = np.cumsum(np.bincount(part_of)).tolist() if len(part_of) else []
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with self.writing(name + SUFFIX) as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
            for start, end in zip([0, *ends], ends, strict=False):
                writer.write_batch(_one_batch(table.slice(start, end - start)))

    def read_part(self, names: Sequence[str], part: int) -> pa.Table:
        """Return the rows of one part from all of the files, in their order."""
        import pyarrow as pa

        batches = []
        schema = None
        for name in names:
            with self._reading(name) as reader:
                schema = reader.schema
                if part < reader.num_record_batches:
                    batches.append(reader.get_batch(part))
        return pa.Table.from_batches(batches, schema=schema).replace_schema_metadata(None)

    def note(self, name: str) -> dict[str, Any] | None:
        """Return the note of a table; None where it was not written yet."""
        if not self.exists(name + SUFFIX):
            return None
        with self._reading(name) as reader:
            note: dict[str, Any] = json.loads(reader.schema.metadata[NOTE])
            return note

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[Any]:
        import pyarrow as pa

        filesystem, _ = self._root
        path = self.path(name + SUFFIX)
        try:
            with pa.memory_map(path) if self.is_local else filesystem.open(path, "rb") as file:
                yield pa.ipc.open_file(file)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise RunError(
                f"{self.url}/{name}{SUFFIX}: cannot be read: {reason}; remove the folder {self.url}"
            ) from error


def open_folder(path: str) -> Storage:
    """Return the folder with this path or URL; a path is one of this process, wherever the folder is used."""
    return Storage(path if "://" in path else str(Path(path).absolute()))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _protocols(filesystem: Any) -> tuple[str, ...]:  # noqa: ANN401 — fsspec has no types
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)

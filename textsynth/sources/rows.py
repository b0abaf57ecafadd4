"""Rows of files: csv, tsv, jsonl, json, txt (one text per line), each also .gz, and parquet.

`path` names a file, a folder of files, or a pattern such as `rows/part-*.parquet`; or these at a URL that fsspec opens,
such as `s3://bucket/rows`, where the package for its protocol is installed. Several files are read in the order of
their names, and each must have the columns that are used.

Does not catch: rows whose text does not match their label, or labels that are not in the recipe (the recipe's own
check compares them).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from textsynth.core.errors import SourceError
from textsynth.core.protocols import SourceFile, SourceOrigin
from textsynth.core.records import Record
from textsynth.sources.columns import TableSource
from textsynth.sources.files import content_hash
from textsynth.sources.folder import read_file, read_rows
from textsynth.sources.locations import Location, is_url, local_paths, missing_files, source_files


class Rows(TableSource):
    """Reads the rows of a file, or of several; `text`, `label` and `fields` name the columns."""

    path: Location = Field(
        description="a file, a folder of files or a pattern (`rows/*.parquet`), relative to the recipe, or a URL; "
        "the suffix of a file gives its type"
    )

    @property
    def location(self) -> str:
        """The path, the pattern or the URL."""
        return str(self.path)

    @property
    def origin(self) -> SourceOrigin:
        """The path."""
        return SourceOrigin(path=self.location)

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if no file is there, else None; reads nothing, and does not look at a URL."""
        return missing_files(self.location, base)

    def column_names(self, base: Path) -> tuple[str, ...]:
        """Return the names of the columns, () where the file cannot be read or is at a URL."""
        if is_url(self.location):
            return ()
        try:
            return tuple(read_rows(self.location, base, limit=1).names)
        except SourceError:
            return ()

    def content_hash(self, base: Path) -> str | None:
        """Return the hash of the file, or of the folder's files; None for files at a URL."""
        if is_url(self.location):
            return None
        paths = local_paths(self.location, base)
        hashes = {str(path): content_hash(path) for path in paths}
        if len(paths) == 1 or None in hashes.values():
            return hashes[str(paths[0])] if len(paths) == 1 else None
        return hashlib.sha256(json.dumps(list(hashes.items())).encode()).hexdigest()

    def shard_files(self, base: Path) -> Sequence[SourceFile] | None:
        """Return the files; None where `limit` or `per_label` selects from all rows."""
        if self.limit is not None or self.per_label is not None:
            return None
        return source_files(self.location, base)

    def read_shard(self, file: SourceFile, base: Path, *, name: str) -> Sequence[Record]:
        """Return the rows of one file. Raises SourceError with file and line."""
        return self.table_rows(read_file(file), name=name, seed=0, is_part=True)

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the rows as records, in file order. Raises SourceError with file and line."""
        return self.table_rows(read_rows(self.location, base, limit=self.limit), name=name, seed=seed)

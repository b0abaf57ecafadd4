"""Rows of a file: csv, tsv, jsonl, json, txt (one text per line), each also .gz, and parquet; or of a folder of them.

The files of a folder are read in the order of their names.

Does not catch: rows whose text does not match their label, or labels that are not in the recipe (the recipe's own
check compares them).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from textsynth.core.errors import SourceError
from textsynth.core.protocols import SourceOrigin
from textsynth.core.records import Record
from textsynth.sources.columns import TableSource
from textsynth.sources.files import content_hash, located, missing_file, read_table
from textsynth.sources.folder import data_files, read_rows


class Rows(TableSource):
    """Reads the rows of a file, or of the files in a folder; `text`, `label` and `fields` name the columns."""

    path: Path = Field(description="the file, or a folder of files, relative to the recipe; its suffix gives the type")

    @property
    def origin(self) -> SourceOrigin:
        """The path."""
        return SourceOrigin(path=str(self.path))

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if the file does not exist, else None; reads nothing."""
        return missing_file(located(base / self.path), str(self.path))

    def column_names(self, base: Path) -> tuple[str, ...]:
        """Return the names of the columns, () where the file cannot be read."""
        try:
            return tuple(read_rows(located(base / self.path), where=str(self.path), limit=1).names)
        except SourceError:
            return ()

    def content_hash(self, base: Path) -> str | None:
        """Return the hash of the file, or of the folder's files."""
        return content_hash(located(base / self.path))

    def shard_files(self, base: Path) -> Sequence[Path] | None:
        """Return the file, or the files of the folder; None where `limit` or `per_label` selects from all rows."""
        if self.limit is not None or self.per_label is not None:
            return None
        return data_files(located(base / self.path), where=str(self.path))

    def read_shard(self, file: Path, base: Path, *, name: str) -> Sequence[Record]:
        """Return the rows of one file. Raises SourceError with file and line."""
        where = str(self.path) if file == located(base / self.path) else f"{str(self.path).rstrip('/')}/{file.name}"
        return self.table_rows(read_table(file, where=where), name=name, seed=0, is_part=True)

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the rows as records, in file order. Raises SourceError with file and line."""
        table = read_rows(located(base / self.path), where=str(self.path), limit=self.limit)
        return self.table_rows(table, name=name, seed=seed)

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
from textsynth.sources.files import content_hash, located, missing_file
from textsynth.sources.folder import read_rows


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

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the rows as records, in file order. Raises SourceError with file and line."""
        table = read_rows(located(base / self.path), where=str(self.path), limit=self.limit)
        return self.table_rows(table, name=name, seed=seed)

"""Rows of a file: csv, tsv, jsonl, json, txt (one text a line), each also .gz, and parquet; or a folder of them.

A folder's files are read one after the other, by their names.

Does not catch: rows whose text says something else than their label, or labels that the recipe does not have (the
recipe's check compares them).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from textsynth.core.protocols import SourceOrigin
from textsynth.core.records import Record
from textsynth.sources.columns import TableSource
from textsynth.sources.files import missing_file
from textsynth.sources.folder import read_rows


class Rows(TableSource):
    """Reads the rows of a file, or of the files of a folder; columns are mapped by `text`, `label` and `fields`."""

    path: Path = Field(description="the file or folder of files, relative to the recipe; a suffix says what it is")

    @property
    def origin(self) -> SourceOrigin:
        """The path."""
        return SourceOrigin(path=str(self.path))

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if the file does not exist, else None; reads nothing."""
        return missing_file(base / self.path, str(self.path))

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in the file's order. Raises SourceError with file and line."""
        table = read_rows(base / self.path, where=str(self.path), limit=self.limit)
        return self.records(table, name=name, seed=seed)

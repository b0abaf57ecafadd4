"""Files as tables: csv, tsv, txt, json, jsonl (each also .gz) and parquet, recognized by their suffix.

Every error in a file is one SourceError with its position. Nothing is guessed, and no row is skipped except blank
lines.
"""

from __future__ import annotations

import gzip
import zlib
from itertools import islice
from pathlib import Path

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.sources.columnar import parquet_table
from textsynth.sources.columns import SourceTable
from textsynth.sources.delimited import csv_table
from textsynth.sources.objects import json_table, jsonl_table

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
MAX_FILES_LISTED = 10_000
MAX_UNPACKED_BYTES = 2**30


def read_table(path: Path, *, where: str, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of a file; `where` is its name in error messages.

    Raises SourceError if the file is missing, unreadable, not UTF-8, or not what its suffix says.
    """
    missing = missing_file(path, where)
    if missing is not None:
        raise SourceError(missing)
    if path.is_dir():
        raise SourceError(f"{where}: is a folder, not a file{did_you_mean(path.stem, _files_in(path))}")
    if not path.is_file():
        raise SourceError(f"{where}: is not a regular file")
    suffix, gzipped = _file_type(path, where)
    if suffix == ".parquet":
        return parquet_table(path, where, limit)
    text = _decode(_read_bytes(path, where, gzipped=gzipped), where)
    if suffix in {".csv", ".tsv"}:
        return csv_table(text, where, "\t" if suffix == ".tsv" else ",", limit)
    if suffix == ".txt":
        return _text_table(text, where, limit)
    return json_table(text, where, limit) if suffix == ".json" else jsonl_table(text, where, limit)


def missing_file(path: Path, where: str) -> str | None:
    """Return one sentence if nothing exists at `path`, with the nearest name in its folder; else None."""
    try:
        if path.exists():
            return None
        if not path.parent.is_dir():
            return f"{where}: no such file, and no folder {str(path.parent)!r}"
    except OSError as error:
        return f"{where}: cannot be accessed: {error.strerror or error}"
    return f"{where}: no such file in {str(path.parent)!r}{did_you_mean(path.name, _files_in(path.parent))}"


def _file_type(path: Path, where: str) -> tuple[str, bool]:
    """Return the suffix that says what the file contains, in lower case, and whether the file is compressed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    suffix = "".join((suffixes[:-1] if gzipped else suffixes)[-1:])
    if suffix not in SUFFIXES or (gzipped and suffix == ".parquet"):
        raise SourceError(
            f"{where}: unknown file type {path.suffix!r}; the supported types are {', '.join(SUFFIXES)}, all except "
            "parquet also as .gz"
        )
    return suffix, gzipped


def _read_bytes(path: Path, where: str, *, gzipped: bool) -> bytes:
    try:
        if not gzipped:
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(MAX_UNPACKED_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{where}: not a complete gzip file ({error}); compress it again") from error
    except OSError as error:
        raise SourceError(f"{where}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_UNPACKED_BYTES:
        raise SourceError(f"{where}: unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; split it into several files")
    return data


def _decode(data: bytes, where: str) -> str:
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise SourceError(f"{where}: the file is empty ({len(data)} bytes); at least one row is needed")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise SourceError(f"{where}: the encoding is UTF-16 (the file starts with {data[:2]!r}); save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        invalid = data[error.start : error.start + 1]
        raise SourceError(f"{where}:{line}: not UTF-8, found the byte {invalid!r}; save the file as UTF-8") from error
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise SourceError(f"{where}:{line}: contains a NUL character, which is not valid text")
    return text


def _text_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return a table with one column, `text`, and a row for each line that is not blank."""
    lines = [
        (number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ][:limit]
    return SourceTable(where, ("text",), lambda _: [line for _, line in lines], lambda row: lines[row][0])


def _files_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in islice(folder.iterdir(), MAX_FILES_LISTED) if path.is_file())
    except OSError:
        return []

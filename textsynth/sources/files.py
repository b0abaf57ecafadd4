"""Files into tables: csv, tsv, txt, json, jsonl (each also .gz) and parquet, by suffix.

Every fault of a file is one SourceError that says where it stands; nothing is guessed and no row is skipped but
blank lines.
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


def read_table(path: Path, *, where: str, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of the file; `where` is what errors call it.

    Raises SourceError: the file is missing, unreadable, no UTF-8, or not what its suffix says.
    """
    missing = missing_file(path, where)
    if missing is not None:
        raise SourceError(missing)
    if not path.is_file():
        told = f"is a folder{did_you_mean(path.stem, _files_in(path))}" if path.is_dir() else "is no regular file"
        raise SourceError(f"{where}: {told}")
    suffixes = [one.lower() for one in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:]
    kind = suffix[0] if suffix else ""
    if kind not in SUFFIXES or (packed and kind == ".parquet"):
        told = ", ".join(SUFFIXES)
        raise SourceError(
            f"{where}: unknown kind of file {path.suffix!r}; the kinds are {told}, all but parquet also as .gz"
        )
    if kind == ".parquet":
        return parquet_table(path, where, limit)
    text = _decode(_bytes(path, where, packed=packed), where)
    if kind in {".csv", ".tsv"}:
        return csv_table(text, where, "\t" if kind == ".tsv" else ",", limit)
    if kind == ".txt":
        return _txt(text, where, limit)
    return json_table(text, where, limit) if kind == ".json" else jsonl_table(text, where, limit)


def missing_file(path: Path, where: str) -> str | None:
    """Return one sentence if nothing stands at `path`, with the nearest name in its folder; else None."""
    try:
        if path.exists():
            return None
        if not path.parent.is_dir():
            return f"{where}: no such file, and no folder {str(path.parent)!r}"
    except OSError as fault:
        return f"{where}: cannot be looked for: {fault.strerror or fault}"
    return f"{where}: no such file in {str(path.parent)!r}{did_you_mean(path.name, _files_in(path.parent))}"


def _bytes(path: Path, where: str, *, packed: bool) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if packed else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise SourceError(f"{where}: no whole gzip file ({fault}); pack it again") from fault
    except OSError as fault:
        raise SourceError(f"{where}: cannot be read: {fault.strerror or fault}") from fault


def _decode(data: bytes, where: str) -> str:
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise SourceError(f"{where}: the file is empty ({len(data)} bytes); at least one row is needed")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise SourceError(f"{where}: is UTF-16 (it begins with {data[:2]!r}), and must be UTF-8; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        bad = data[fault.start : fault.start + 1]
        raise SourceError(f"{where}:{line}: not UTF-8, found the byte {bad!r}; save the file as UTF-8") from fault
    nul = text.find("\0")
    if nul >= 0:
        raise SourceError(f"{where}:{text.count(chr(10), 0, nul) + 1}: holds a NUL character, which is no text")
    return text


def _txt(text: str, where: str, limit: int | None) -> SourceTable:
    lines = [(n, line.removesuffix("\r")) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    lines = lines[:limit]
    return SourceTable(where, ("text",), lambda _: [line for _, line in lines], lambda row: lines[row][0])


def _files_in(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in islice(folder.iterdir(), 10_000) if one.is_file())
    except OSError:
        return []

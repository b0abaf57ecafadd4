"""Files as tables: csv, tsv, txt, json, jsonl (each also .gz) and parquet, recognized by their suffix.

A gzip file, JSON Lines, a JSON list and UTF-16 with a byte order mark are recognized by their content as well. Every
error in a file is one SourceError with its position. Nothing is guessed, and no row is skipped except blank
lines.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import re
import unicodedata
import zlib
from array import array
from itertools import islice
from pathlib import Path

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.sources.columnar import parquet_table
from textsynth.sources.columns import SourceTable, one_based
from textsynth.sources.delimited import csv_table
from textsynth.sources.objects import is_json_lines, is_json_list, json_table, jsonl_table

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
MAX_FILES_LISTED = 10_000
_CONTENT = re.compile("[^\ufeff \t\r\n]")
_GZIP = b"\x1f\x8b\x08"
# Files whose suffix does not say what they are, by their first bytes.
_OTHER_TYPES = {
    b"PK\x03\x04": "an Excel workbook or another zip archive, not text; save its table as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of an old version, not text; save its table as CSV (UTF-8)",
    b"PAR1": "a parquet file; name it .parquet",
    b"ARROW1": "an Arrow file; save it as parquet",
    b"SQLite format 3": "a SQLite database; export its table as CSV",
    b"%PDF-": "a PDF; copy its text into a file of rows",
    b"{\\rtf": "a document in Rich Text Format; save it as plain text (UTF-8)",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it, or compress it with gzip",
    b"\xfd7zXZ": "compressed with xz; decompress it, or compress it with gzip",
    b"version https://git-lfs.": "a pointer of Git LFS, not the data; get them with `git lfs pull`",
    b"BZh": "compressed with bzip2; decompress it, or compress it with gzip",
}
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
        _refuse_other_type(_first_bytes(path), where, expected=b"PAR1")
        return parquet_table(path, where, limit)
    text = _decode(_read_bytes(path, where, gzipped=gzipped), where)
    if suffix in {".csv", ".tsv"}:
        _refuse_other_text(text, where)
        return csv_table(text, where, "\t" if suffix == ".tsv" else ",", limit)
    text = _with_line_feeds(text)
    if suffix == ".txt":
        return _text_table(text, where, limit)
    is_list = suffix == ".json" and not is_json_lines(text)
    return json_table(text, where, limit) if is_list or is_json_list(text) else jsonl_table(text, where, limit)


def located(path: Path) -> Path:
    """Return the path, or that of the only file whose name differs in the Unicode form of its letters alone.

    A name with accents that was written on a Mac is often decomposed (NFD), and looks the same.
    """
    if path.name.isascii() or os.path.lexists(path) or not path.parent.is_dir():
        return path
    name = unicodedata.normalize("NFC", path.name)
    same = [each for each in _files_in(path.parent) if unicodedata.normalize("NFC", each) == name]
    return path.with_name(same[0]) if len(same) == 1 else path


def content_hash(path: Path) -> str | None:
    """Return the sha256 of a file, or of the names and contents of all files in a folder; None where one is unreadable.

    Hidden files count, as a reader may use them.
    """
    files = sorted(each for each in path.rglob("*") if not each.is_dir()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    if not all(each.is_file() for each in files):  # a named pipe would be waited for
        return None
    try:
        for file in files:
            with file.open("rb") as content:
                digest.update(
                    f"{file.relative_to(path)}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode()
                )
    except (OSError, UnicodeEncodeError):
        return None
    return digest.hexdigest()


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
        with path.open("rb") as file:
            is_gzip = gzipped or file.read(len(_GZIP)) == _GZIP
        if not is_gzip:
            return path.read_bytes()
        with gzip.open(path) as unpacked:
            data = unpacked.read(MAX_UNPACKED_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        if not _first_bytes(path).startswith(_GZIP):
            raise SourceError(f"{where}: the file is not compressed; remove .gz from its name") from error
        raise SourceError(f"{where}: not a complete gzip file ({error}); compress it again") from error
    except OSError as error:
        raise SourceError(f"{where}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_UNPACKED_BYTES:
        raise SourceError(f"{where}: unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; split it into several files")
    if data.startswith(_GZIP):
        raise SourceError(f"{where}: the file is compressed twice; decompress it once")
    return data


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(100)
    except OSError:
        return b""  # the reader says why


def _refuse_other_type(data: bytes, where: str, *, expected: bytes = b"") -> None:
    """Raise SourceError where the first bytes are those of a type that cannot be read under this name."""
    for start, kind in _OTHER_TYPES.items():
        if start != expected and data.startswith(start):
            raise SourceError(f"{where}: the file is {kind}")


def _refuse_other_text(text: str, where: str) -> None:
    """Raise SourceError where a file with the name of a table holds JSON or a web page."""
    start = text[:1_000].lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        raise SourceError(f"{where}: the file is a web page, not a table; download the data themselves")
    if start[:1] in {"{", "["} and (is_json_list(text) or is_json_lines(text)):
        raise SourceError(f"{where}: the file is JSON, not a table; name it {'.json' if start[0] == '[' else '.jsonl'}")


def _decode(data: bytes, where: str) -> str:
    content = data.removeprefix(b"\xef\xbb\xbf")
    if not content or content.isspace():
        raise SourceError(f"{where}: the file is empty ({len(data)} bytes); at least one row is needed")
    _refuse_other_type(data, where)
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return _decode_utf16(data, where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        invalid = data[error.start : error.start + 1]
        raise SourceError(f"{where}:{line}: not UTF-8, found the byte {invalid!r}; save the file as UTF-8") from error
    return _checked(text, where)


def _with_line_feeds(text: str) -> str:
    """Return the text with line feeds if all of its lines end in carriage returns, as old Mac programs write them."""
    return text if "\n" in text else text.replace("\r", "\n")


def _decode_utf16(data: bytes, where: str) -> str:
    """Return the text of a file with the byte order mark of UTF-16, as spreadsheets write "Unicode text"."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise SourceError(f"{where}: the encoding is UTF-32 (the file starts with {data[:4]!r}); save it as UTF-8")
    try:
        return _checked(data.decode("utf-16"), where)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{where}: the file starts like UTF-16, but is not valid UTF-16 at byte {error.start}; save it as UTF-8"
        ) from error


def _checked(text: str, where: str) -> str:
    """Return the text unchanged. Raises SourceError where it has no content or a NUL character."""
    if _CONTENT.search(text) is None:
        raise SourceError(f"{where}: the file has no text; at least one row is needed")
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        hint = "; the file may be in UTF-16: save it as UTF-8" if nul < len("\0\0") else ""
        raise SourceError(f"{where}:{line}: contains a NUL character, which is not valid text{hint}")
    return text


def _text_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return a table with one column, `text`, and a row for each line that is not blank."""
    lines = text.split("\n") if limit is None else _first_lines(text, limit)
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
    while lines and not lines[-1].strip():
        lines.pop()
    if all(map(str.strip, lines)):
        return SourceTable(where, ("text",), lambda _: lines, one_based)
    numbers = array("Q", (number for number, line in enumerate(lines, start=1) if line.strip()))
    rows = [line for line in lines if line.strip()]
    return SourceTable(where, ("text",), lambda _: rows, numbers.__getitem__)


def _first_lines(text: str, limit: int) -> list[str]:
    """Return the lines of a text up to the one with which `limit` of them are not blank."""
    lines: list[str] = []
    for line in io.StringIO(text, newline="\n"):
        lines.append(line.removesuffix("\n"))
        limit -= bool(line.strip())
        if limit <= 0:
            break
    return lines


def _files_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in islice(folder.iterdir(), MAX_FILES_LISTED) if path.is_file())
    except OSError:
        return []

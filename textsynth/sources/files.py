"""Files into tables: csv, tsv, txt, json, jsonl (each also .gz) and parquet, by suffix.

Every fault of a file is one SourceError that says where it stands; nothing is guessed and no row is skipped but
blank lines.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NoReturn

from textsynth.errors import SourceError, nearest
from textsynth.sources.columns import MAX_CELL, Table

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
MAX_LINE = 10 * MAX_CELL


def read_table(path: Path, *, where: str, limit: int | None = None) -> Table:
    """Return the first `limit` rows (None: all) of the file; `where` is what errors call it.

    Raises SourceError: the file is missing, unreadable, no UTF-8, or not what its suffix says.
    """
    suffixes = [one.lower() for one in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:]
    kind = suffix[0] if suffix else ""
    if kind not in SUFFIXES or (packed and kind == ".parquet"):
        told = ", ".join(SUFFIXES)
        raise SourceError(
            f"{where}: unknown kind of file {path.suffix!r}; the kinds are {told}, all but parquet also as .gz"
        )
    if path.is_dir():
        raise SourceError(f"{where}: is a folder, not a file{nearest(path.stem, _files_in(path))}")
    if kind == ".parquet":
        return _parquet(path, where, limit)
    text = _decode(_bytes(path, where, packed=packed), where)
    if kind in {".csv", ".tsv"}:
        return _csv(text, where, "\t" if kind == ".tsv" else ",", limit)
    if kind == ".txt":
        return _txt(text, where, limit)
    return _json(text, where, limit) if kind == ".json" else _jsonl(text, where, limit)


def _files_in(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in islice(folder.iterdir(), 10_000) if one.is_file())
    except OSError:
        return []


def missing_file(path: Path, where: str) -> str | None:
    """Return one sentence if nothing stands at `path`, with the nearest name in its folder; else None."""
    if path.exists():
        return None
    if not path.parent.is_dir():
        return f"{where}: no such file, and no folder {str(path.parent)!r}"
    return f"{where}: no such file in {str(path.parent)!r}{nearest(path.name, _files_in(path.parent))}"


def _bytes(path: Path, where: str, *, packed: bool) -> bytes:
    missing = missing_file(path, where)
    if missing is not None:
        raise SourceError(missing)
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if packed else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise SourceError(f"{where}: no whole gzip file ({fault}); pack it again") from fault
    except OSError as fault:
        raise SourceError(f"{where}: cannot be read: {fault.strerror or fault}") from fault


def _decode(data: bytes, where: str) -> str:
    if not data.strip():
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


def _csv(text: str, where: str, delimiter: str, limit: int | None) -> Table:
    rows = _csv_rows(text, where, delimiter, None if limit is None else limit + 1)
    header = rows[0]
    _check_header(header, where, delimiter)
    lines = functools.cache(lambda: _csv_lines(text, delimiter))
    if set(map(len, rows)) != {len(header)}:
        row = next(index for index, row in enumerate(rows) if len(row) != len(header))
        told = f"{len(rows[row])} cells where the header has {len(header)} columns"
        raise SourceError(f"{where}:{lines()[row]}: {told}; a cell that holds {delimiter!r} must be quoted")
    place = {name: index for index, name in reversed(list(enumerate(header)))}
    del rows[0]

    def column(name: str) -> list[object]:
        index = place[name]
        return [row[index] for row in rows]

    return Table(where, header, column, lambda row: lines()[row + 1])


def _csv_rows(text: str, where: str, delimiter: str, limit: int | None) -> list[list[str]]:
    """Return the rows that are not blank, the header too."""
    try:
        with _long_cells():
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            return list(islice(filter(None, reader), limit))
    except csv.Error as fault:
        line = _csv_lines(text, delimiter)[-1]
        raise SourceError(f"{where}:{line}: {_csv_fault(str(fault), delimiter)}") from fault


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells have MAX_CELL characters; the limit is the csv module's own and is put back."""
    old = csv.field_size_limit(MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(old)


def _csv_lines(text: str, delimiter: str) -> list[int]:
    """Return the line at which each row that is not blank starts, up to the first that cannot be read.

    A second reading, done only where an error has to say its line: so the first one is twice as fast.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[int] = []
    start = 1
    try:
        with _long_cells():
            for row in reader:
                if row:
                    lines.append(start)
                start = reader.line_num + 1
    except csv.Error:
        lines.append(start)
    return lines


def _csv_fault(fault: str, delimiter: str) -> str:
    if "field limit" in fault:
        return f"a cell of this row has more than {MAX_CELL:,} characters; is a quote left open?"
    if "end of data" in fault:
        return "a quoted cell of this row is never closed; close it, and double every quote inside"
    if "expected after" in fault:
        return (
            f"a quoted cell is followed by something other than {delimiter!r}; double every quote inside a quoted cell"
        )
    return f"this row is no CSV ({fault})"


def _check_header(header: Sequence[str], where: str, delimiter: str) -> None:
    twice = [name for name, times in Counter(header).items() if times > 1 and name]
    if twice:
        raise SourceError(f"{where}:1: the header names the column {twice[0]!r} twice; each name must be there once")
    if len(header) != 1:
        return
    for other, told in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if other != delimiter and other in header[0]:
            wanted = "tabs" if delimiter == "\t" else "commas"
            fix = {"\t": "name it .tsv", ",": "name it .csv"}.get(other, f"save it with {wanted}")
            raise SourceError(f"{where}:1: its columns are parted by {told} ({header[0][:60]!r}), not {wanted}; {fix}")


def _txt(text: str, where: str, limit: int | None) -> Table:
    lines = [(n, line.removesuffix("\r")) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    lines = lines[:limit]
    return Table(where, ("text",), lambda _: [line for _, line in lines], lambda row: lines[row][0])


class _TwiceError(ValueError):
    """A JSON object has a key twice, or a number that JSON does not have."""


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise _TwiceError(f"the key {twice!r} is there twice")
    return found


def _constant(name: str) -> NoReturn:
    raise _TwiceError(f"{name} is no JSON number; write null or leave it out")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)


def _decode_json(text: str, where: str, line: int) -> object:
    try:
        return _DECODER.decode(text)
    except _TwiceError as fault:
        raise SourceError(f"{where}:{line}: {fault}") from fault
    except json.JSONDecodeError as fault:
        at = f"{where}:{line + fault.lineno - 1}"
        found = text[max(0, fault.pos - 10) : fault.pos + 20]
        raise SourceError(f"{at}: no JSON, column {fault.colno}: {fault.msg}, found {found!r}") from fault
    except (RecursionError, ValueError) as fault:
        raise SourceError(f"{where}:{line}: JSON that cannot be read: {fault}") from fault


def _jsonl(text: str, where: str, limit: int | None) -> Table:
    # only \n parts lines: U+2028 and the like may stand inside a JSON string
    numbered = ((n, line) for n, line in enumerate(text.split("\n"), start=1) if line and not line.isspace())
    lines: list[int] = []
    rows: list[dict[str, object]] = []
    for number, line in islice(numbered, limit):
        if len(line) > MAX_LINE:
            raise SourceError(f"{where}:{number}: the line has {len(line):,} characters; at most {MAX_LINE:,} are read")
        found = _decode_json(line, where, number)
        if not isinstance(found, dict):
            raise SourceError(f"{where}:{number}: {_kind(found)} where each line must be an object {{…}}")
        lines.append(number)
        rows.append(found)
    return _objects(rows, where, lines, "line")


def _json(text: str, where: str, limit: int | None) -> Table:
    found = _decode_json(text, where, 1)
    if not isinstance(found, list):
        raise SourceError(f"{where}:1: {_kind(found)} where the file must be a list of objects [{{…}}, …]")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise SourceError(f"{where}: item {number}: {_kind(row)} where each item must be an object {{…}}")
    rows = found[:limit]
    return _objects(rows, where, range(1, len(rows) + 1), "item")


def _objects(rows: Sequence[dict[str, object]], where: str, numbers: Sequence[int], unit: str) -> Table:
    names = list(dict.fromkeys(key for row in rows for key in row))

    def column(name: str) -> list[object]:
        for index, row in enumerate(rows):
            if name not in row:
                raise SourceError(f"{table.at(index)}: no key {name!r}{nearest(name, row)}")
        return [row[name] for row in rows]

    table = Table(where, names, column, lambda row: numbers[row], unit)
    return table


def _kind(found: object) -> str:
    kinds = {list: "a list", dict: "one object", str: "a text", type(None): "null", bool: "true or false"}
    return f"found {kinds.get(type(found), 'a number')} ({str(found)[:40]})"


def _parquet(path: Path, where: str, limit: int | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = missing_file(path, where)
    if missing is not None:
        raise SourceError(missing)
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as fault:
        raise SourceError(f"{where}: no readable parquet file: {str(fault).splitlines()[0]}") from fault
    table = table if limit is None else table.slice(0, limit)
    codes = class_names(table.schema.metadata or {})

    def column(name: str) -> list[object]:
        cells: list[object] = table.column(name).to_pylist()
        return cells

    return Table(where, table.column_names, column, lambda row: row + 1, "row", codes)


def class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the label names that `datasets` wrote into a parquet file's metadata, by column."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for name, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inner, dict) and isinstance(inner.get("names"), list):
            found[name] = inner["names"]
    return found

"""JSON and JSON lines into tables: strict about keys and numbers, each fault with its line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NoReturn

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.sources.columns import MAX_CELL, SourceTable

MAX_LINE = 10 * MAX_CELL


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


def jsonl_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return the objects of the first `limit` lines (None: all). Raises SourceError with the line."""
    # only \n parts lines: U+2028 and the like may stand inside a JSON string
    found = ((n, line) for n, line in enumerate(text.split("\n"), start=1) if line and not line.isspace())
    numbered = list(islice(found, limit))
    lines = [line for _, line in numbered]
    rows = _all_at_once(lines)
    if rows is None:
        rows = [_object(line, where, number) for number, line in numbered]
    return _objects(rows, where, [number for number, _ in numbered], "line")


def _all_at_once(lines: Sequence[str]) -> list[dict[str, object]] | None:
    """Return the objects, or None where a line has a fault: twice as fast as line by line."""
    if max(map(len, lines), default=0) > MAX_LINE or any(line[0] != "{" for line in lines):
        return None
    try:
        # a string cannot hold the line break, so that none of them can run on into the next line
        rows: list[dict[str, object]] = _DECODER.decode("[" + ",\n".join(lines) + "]")
    except (ValueError, RecursionError):
        return None
    return rows if len(rows) == len(lines) and set(map(type, rows)) == {dict} else None


def _object(line: str, where: str, number: int) -> dict[str, object]:
    if len(line) > MAX_LINE:
        raise SourceError(f"{where}:{number}: the line has {len(line):,} characters; at most {MAX_LINE:,} are read")
    found = _decode_json(line, where, number)
    if not isinstance(found, dict):
        raise SourceError(f"{where}:{number}: {_kind(found)} where each line must be an object {{…}}")
    return found


def json_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return the first `limit` objects (None: all) of a list. Raises SourceError with the line or item."""
    found = _decode_json(text, where, 1)
    if not isinstance(found, list):
        raise SourceError(f"{where}:1: {_kind(found)} where the file must be a list of objects [{{…}}, …]")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise SourceError(f"{where}: item {number}: {_kind(row)} where each item must be an object {{…}}")
    rows = found[:limit]
    return _objects(rows, where, range(1, len(rows) + 1), "item")


def _objects(rows: Sequence[dict[str, object]], where: str, numbers: Sequence[int], unit: str) -> SourceTable:
    if not rows:
        raise SourceError(f"{where}: no rows; at least one is needed")
    names = list(dict.fromkeys(key for row in rows for key in row))

    def column(name: str) -> list[object]:
        for index, row in enumerate(rows):
            if name not in row:
                raise SourceError(f"{table.at(index)}: no key {name!r}{did_you_mean(name, row)}")
        return [row[name] for row in rows]

    table = SourceTable(where, names, column, lambda row: numbers[row], unit)
    return table


def _kind(found: object) -> str:
    kinds = {list: "a list", dict: "one object", str: "a text", type(None): "null", bool: "true or false"}
    return f"found {kinds.get(type(found), 'a number')} ({str(found)[:40]})"

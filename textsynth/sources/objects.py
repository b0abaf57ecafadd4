"""JSON and JSON Lines files as tables, with strict checks of keys and numbers; each error names its line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NoReturn

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.sources.columns import MAX_CELL_CHARACTERS, SourceTable

MAX_LINE_CHARACTERS = 10 * MAX_CELL_CHARACTERS


class _StrictJsonError(ValueError):
    """A JSON object has a key twice, or a number that JSON does not allow."""


def _object_from_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _StrictJsonError(f"the key {repeated!r} occurs twice")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise _StrictJsonError(f"{name} is not a JSON number; write null or leave the key out")


_DECODER = json.JSONDecoder(object_pairs_hook=_object_from_pairs, parse_constant=_refuse_constant)


def is_json_lines(text: str) -> bool:
    """Return whether a text is JSON Lines: an object on its first line, and another one on the next."""
    lines = [line for line in text.lstrip().split("\n", 20)[:20] if line.strip()]
    return len(lines) > 1 and all(line.strip()[0] == "{" and line.strip()[-1] == "}" for line in lines[:2])


def is_json_list(text: str) -> bool:
    """Return whether a text is one JSON list of objects, over one line or several."""
    start = text.lstrip()[:200].replace(" ", "").replace("\n", "").replace("\r", "").replace("\t", "")
    return start[:2] in {"[{", "[]"} and text.rstrip()[-1] == "]"


def jsonl_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return the objects on the first `limit` lines (None: all). Raises SourceError with the line."""
    # Only \n separates lines: U+2028 and similar characters may occur inside a JSON string.
    numbered = enumerate(text.split("\n"), start=1)
    selected = list(islice(((number, line) for number, line in numbered if line and not line.isspace()), limit))
    rows = _parse_lines_at_once([line for _, line in selected])
    if rows is None:
        rows = [_parse_line(line, where, number) for number, line in selected]
    return _object_table(rows, where, [number for number, _ in selected], "line")


def json_table(text: str, where: str, limit: int | None) -> SourceTable:
    """Return the first `limit` objects (None: all) of a list. Raises SourceError with the line or item."""
    items = _decode_json(text, where, 1)
    if not isinstance(items, list):
        raise SourceError(f"{where}:1: found {_describe(items)}; the file must contain a list of objects [{{…}}, …]")
    for number, row in enumerate(items, start=1):
        if not isinstance(row, dict):
            raise SourceError(f"{where}: item {number}: found {_describe(row)}; each item must be an object {{…}}")
    rows = items[:limit]
    return _object_table(rows, where, range(1, len(rows) + 1), "item")


def _parse_lines_at_once(lines: Sequence[str]) -> list[dict[str, object]] | None:
    """Return the objects, None if a line is not valid: this is twice as fast as parsing line by line."""
    if max(map(len, lines), default=0) > MAX_LINE_CHARACTERS or any(line[0] != "{" for line in lines):
        return None
    try:
        # A JSON string cannot contain a line break, so no line can continue on the next one.
        rows: list[dict[str, object]] = _DECODER.decode("[" + ",\n".join(lines) + "]")
    except (ValueError, RecursionError):
        return None
    return rows if len(rows) == len(lines) and set(map(type, rows)) == {dict} else None


def _parse_line(line: str, where: str, number: int) -> dict[str, object]:
    if len(line) > MAX_LINE_CHARACTERS:
        raise SourceError(
            f"{where}:{number}: the line has {len(line):,} characters; the limit is {MAX_LINE_CHARACTERS:,}"
        )
    value = _decode_json(line, where, number, is_line=True)
    if not isinstance(value, dict):
        raise SourceError(f"{where}:{number}: found {_describe(value)}; each line must be an object {{…}}")
    return value


def _hint(line: str) -> str:
    """Return what to do about a line of a file that is no JSON Lines, where that can be seen."""
    text = line.strip()
    if text in {"{", "[", "[{"} or text.endswith(("[", "{")):
        return "; each line must be a whole object: write the objects in one line each, or as one list [{…}, …]"
    return "; each line must be an object without a comma behind it" if text.endswith("},") else ""


def _decode_json(text: str, where: str, line: int, *, is_line: bool = False) -> object:
    """Return the value of a JSON text that starts on `line`. Raises SourceError with the line of the error."""
    try:
        return _DECODER.decode(text)
    except _StrictJsonError as error:
        raise SourceError(f"{where}:{line}: {error}") from error
    except json.JSONDecodeError as error:
        position = f"{where}:{line + error.lineno - 1}"
        excerpt = text[max(0, error.pos - 10) : error.pos + 20]
        hint = _hint(text) if is_line else ""
        raise SourceError(
            f"{position}: invalid JSON at column {error.colno}: {error.msg}, found {excerpt!r}{hint}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise SourceError(f"{where}:{line}: the JSON cannot be parsed: {error}") from error


def _object_table(rows: Sequence[dict[str, object]], where: str, numbers: Sequence[int], unit: str) -> SourceTable:
    if not rows:
        raise SourceError(f"{where}: the file has no rows; at least one is needed")
    names = list(dict.fromkeys(key for row in rows for key in row))

    def read_column(name: str) -> list[object]:
        for index, row in enumerate(rows):
            if name not in row:
                raise SourceError(f"{table.position(index)}: no key {name!r}{did_you_mean(name, row)}")
        return [row[name] for row in rows]

    table = SourceTable(where, names, read_column, lambda row: numbers[row], unit)
    return table


def _describe(value: object) -> str:
    kinds = {list: "a list", dict: "one object", str: "a string", type(None): "null", bool: "true or false"}
    return f"{kinds.get(type(value), 'a number')} ({str(value)[:40]})"

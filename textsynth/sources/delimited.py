"""CSV and TSV into tables: strict about quotes, rows and header, each fault with its line."""

from __future__ import annotations

import csv
import functools
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from textsynth.core.errors import SourceError
from textsynth.sources.columns import MAX_CELL, SourceTable

_FIRST_LINE = re.compile(r"\s*([^\r\n]*)")


def csv_table(text: str, where: str, delimiter: str, limit: int | None) -> SourceTable:
    """Return the first `limit` rows (None: all) below the header. Raises SourceError with the line.

    Where the header has semicolons and no comma, as spreadsheets write it in half of Europe, these part the columns.
    """
    if delimiter == "," and _parted_by_semicolons(text):
        delimiter = ";"
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

    return SourceTable(where, header, column, lambda row: lines()[row + 1])


def _parted_by_semicolons(text: str) -> bool:
    header = _FIRST_LINE.match(text)
    return header is not None and ";" in header[1] and "," not in header[1]


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
    for other, told, fix in (
        ("\t", "tabs", "name it .tsv"),
        (",", "commas", "name it .csv"),
        (";", "semicolons", "name it .csv"),
    ):
        if other != delimiter and other in header[0]:
            wanted = "tabs" if delimiter == "\t" else "commas"
            raise SourceError(f"{where}:1: its columns are parted by {told} ({header[0][:60]!r}), not {wanted}; {fix}")

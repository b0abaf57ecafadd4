"""CSV and TSV files as tables, with strict checks of quotes, rows and header; each error names its line."""

from __future__ import annotations

import csv
import functools
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TextIO

from textsynth.core.errors import SourceError
from textsynth.core.formatting import pluralize
from textsynth.sources.columns import MAX_CELL_CHARACTERS, SourceTable
from textsynth.sources.packed_texts import MIN_PACKED, PackedTexts

_FIRST_LINE = re.compile(r"\s*([^\r\n]*)")
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([,;|\t])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
ROWS_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 1_000_000
SEPARATORS = (
    ("\t", "tabs", "name it .tsv"),
    (",", "commas", "name it .csv"),
    (";", "semicolons", "name it .csv"),
    ("|", "vertical bars", "write the line sep=| above the header"),
)


def csv_table(text: str, where: str, delimiter: str, limit: int | None) -> SourceTable:
    """Return the first `limit` rows (None: all) below the header. Raises SourceError with the line.

    If the delimiter is a comma and the header has no comma but semicolons, as in files of many European spreadsheets,
    or tabs, as in the "Unicode text" of a spreadsheet, these are used instead. A first line `sep=;` names the
    separator. Rows without any text at the end of the file are no rows.
    """
    named = _SEPARATOR_LINE.match(text)
    if named is not None:
        # The line of a spreadsheet program that names the separator: "sep=;". An empty line keeps the line numbers.
        delimiter, text = named[1], "\n" + text[named.end() :]
    elif delimiter == ",":
        delimiter = _delimiter_of_header(text)
    line_numbers = functools.cache(lambda: _line_numbers(text, delimiter))
    maximum = None if limit is None else limit + 1
    columns: Sequence[Sequence[str]]
    parsed = _parse_columns(text, where, delimiter, maximum)
    if parsed is None:
        header, columns = _columns_of(_parse_rows(text, where, delimiter, maximum), where, delimiter, line_numbers)
    else:
        header, columns = parsed
        _check_header(header, where, delimiter)
    # Of empty column names, which alone may occur twice, the first one counts.
    index_of = {name: index for index, name in reversed(list(enumerate(header)))}
    return SourceTable(where, header, lambda name: columns[index_of[name]], lambda row: line_numbers()[row + 1])


def _columns_of(
    rows: list[list[str]], where: str, delimiter: str, line_numbers: Callable[[], Sequence[int]]
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the columns of rows. Raises SourceError with the line of a row of another length."""
    while len(rows) > 1 and not any(map(str.strip, rows[-1])):
        rows.pop()  # spreadsheets write rows of nothing but separators below the last one
    header = rows[0]
    _check_header(header, where, delimiter)
    if set(map(len, rows)) != {len(header)}:
        row = next(index for index, row in enumerate(rows) if len(row) != len(header))
        raise SourceError(
            f"{where}:{line_numbers()[row]}: the row has {pluralize(len(rows[row]), 'cell')}, the header has "
            f"{pluralize(len(header), 'column')}; quote a cell that contains {delimiter!r}"
        )
    del rows[0]
    return header, [[row[index] for row in rows] for index in range(len(header))]


def _parse_columns(
    text: str, where: str, delimiter: str, limit: int | None
) -> tuple[list[str], list[list[str] | PackedTexts]] | None:
    """Return the header and the columns of the same rows as `_parse_rows`, without blank ones at the end.

    A list for each row would take more memory than the texts; long columns are packed as they are read. None where rows
    differ in their lengths.
    """
    with _reading(text, where, delimiter) as reader:
        rows = islice(filter(None, reader), limit)
        header = next(rows, None)
        if header is None:
            return None
        columns: list[list[str] | PackedTexts] = [[] for _ in header]
        while part := list(islice(rows, ROWS_AT_ONCE)):
            if set(map(len, part)) != {len(header)}:
                return None
            for column, cells in zip(columns, zip(*part, strict=True), strict=True):
                column.extend(cells)
            if len(columns[0]) >= MIN_PACKED and isinstance(columns[0], list):
                columns = [PackedTexts(column) for column in columns]
    while columns[0] and not any(column[-1].strip() for column in columns):
        for column in columns:
            column.pop()  # spreadsheets write rows of nothing but separators below the last one
    return header, columns


def _delimiter_of_header(text: str) -> str:
    match = _FIRST_LINE.match(text)
    header = match[1] if match is not None else ""
    found = [delimiter for delimiter in ",;\t" if delimiter in header]
    return found[0] if len(found) == 1 else ","


def _parse_rows(text: str, where: str, delimiter: str, limit: int | None) -> list[list[str]]:
    """Return the first `limit` rows that are not blank, including the header."""
    with _reading(text, where, delimiter) as reader:
        return list(islice(filter(None, reader), limit))


@contextmanager
def _reading(text: str, where: str, delimiter: str) -> Iterator[Iterator[list[str]]]:
    """Yield a reader of the rows; an error of it is raised as a SourceError with the line."""
    try:
        with _raised_cell_limit():
            yield csv.reader(_lines(text), delimiter=delimiter, strict=True)
    except csv.Error as error:
        line = _line_numbers(text, delimiter)[-1]
        raise SourceError(f"{where}:{line}: {_csv_error_message(str(error), delimiter)}") from error


def _lines(text: str) -> Iterator[str]:
    """Return the lines of a text, read a part at a time: a file of the whole text would take its memory again."""
    return chain.from_iterable(map(_lines_of_part, _parts(text)))


def _parts(text: str) -> Iterator[str]:
    """Yield the text in parts that end with a line feed."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + CHARACTERS_AT_ONCE) + 1 or len(text)
        yield text[start:end]
        start = end


def _lines_of_part(text: str) -> TextIO:
    return io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", newline="")


@contextmanager
def _raised_cell_limit() -> Iterator[None]:
    """Allow cells of MAX_CELL_CHARACTERS; the limit is global in the csv module, so it is restored."""
    previous = csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(previous)


def _line_numbers(text: str, delimiter: str) -> list[int]:
    """Return the line where each row that is not blank starts, up to and including the first invalid row.

    This parses the text again. Only error messages need lines, and parsing without them is twice as fast.
    """
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    lines: list[int] = []
    start = 1
    try:
        with _raised_cell_limit():
            for row in reader:
                if row:
                    lines.append(start)
                start = reader.line_num + 1
    except csv.Error:
        lines.append(start)
    return lines


def _csv_error_message(error: str, delimiter: str) -> str:
    if "field limit" in error:
        return f"a cell of this row has more than {MAX_CELL_CHARACTERS:,} characters; is a quote not closed?"
    if "end of data" in error:
        return "a quoted cell of this row is never closed; close it, and double every quote inside it"
    if "expected after" in error:
        return f"a quoted cell is not followed by {delimiter!r}; double every quote inside a quoted cell"
    return f"the row is not valid CSV ({error})"


def _check_header(header: Sequence[str], where: str, delimiter: str) -> None:
    repeated = [name for name, count in Counter(header).items() if count > 1 and name]
    if repeated:
        raise SourceError(f"{where}:1: the header has the column {repeated[0]!r} twice; column names must be unique")
    if len(header) != 1:
        return
    expected = "tabs" if delimiter == "\t" else "commas"
    for separator, name, fix in SEPARATORS:
        if separator != delimiter and separator in header[0]:
            raise SourceError(
                f"{where}:1: the columns are separated by {name} ({header[0][:60]!r}), not by {expected}; {fix}"
            )

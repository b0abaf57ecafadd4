"""Rows of a source that become records when they are used, and columns of a CSV file in place of rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import SourceError
from textsynth.core.records import NO_FIELDS, Provenance, Record
from textsynth.core.source_rows import SourceIds, SourceRows, row_labels, row_texts
from textsynth.sources.delimited import csv_table
from textsynth.sources.in_memory import InMemory
from textsynth.text.encoding import CONTROL, encoding_notes, is_misread

CELLS = st.text(alphabet='ab, ";\n\r\t\x0b\x1c\u2028é0\ufeff', max_size=5)
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y"]), st.sampled_from("12")))


def numbered(rows: Sequence[tuple[str, str, str]]) -> list[Record]:
    """Return the records of rows, numbered one by one: equal texts in the order of labels, fields and rows."""
    order = sorted(range(len(rows)), key=lambda row: (rows[row][0], rows[row][1], rows[row][2], row))
    records: dict[int, Record] = {}
    for position, row in enumerate(order):
        text, label, note = rows[row]
        index = sum(rows[earlier][0] == text for earlier in order[:position])
        records[row] = Record(text, Provenance("raw", index=index), (label,), {"note": note})
    return [records[row] for row in range(len(rows))]


@given(ROWS.filter(bool), st.integers(-9, 9), st.slices(9))
def test_rows_are_the_records_of_a_list(rows: list[tuple[str, str, str]], index: int, part: slice) -> None:
    source = InMemory.of([dict(zip(("text", "label", "note"), row, strict=True)) for row in rows], fields=["note"])
    lazy, expected = source.rows(None, name="raw", seed=0), numbered(rows)  # type: ignore[arg-type]
    assert isinstance(lazy, SourceRows)
    assert list(lazy) == expected
    assert [record.id for record in lazy] == [record.id for record in expected]
    assert len(lazy) == len(expected)
    assert lazy[part] == expected[part]
    if -len(rows) <= index < len(rows):
        assert lazy[index] == expected[index]
    assert row_texts(lazy) == row_texts(expected)
    assert row_labels(lazy) == row_labels(expected)
    ids = SourceIds({"raw": lazy})
    assert all(record.id in ids for record in expected)
    assert "0" not in ids


def test_rows_without_labels_and_fields_have_none() -> None:
    rows = SourceRows("raw", ["a", "b"], None, None, lambda: None)
    assert [(row.labels, row.fields) for row in rows] == [((), NO_FIELDS)] * 2
    assert list(row_labels(rows)) == [(), ()]


def read_by_rows(text: str) -> list[list[str]] | None:
    """Return the rows of a CSV file below the header, one by one; None where the file is not valid."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None
    while len(rows) > 1 and not any(map(str.strip, rows[-1])):
        rows.pop()
    return rows[1:] if all(len(row) == len(rows[0]) for row in rows) else None


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans()
)
def test_a_file_read_as_columns_has_the_cells_of_its_rows(rows: list[list[str]], end: str, quoted: bool) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([["one", "two", "three"], *rows])
    text = file.getvalue()
    expected = read_by_rows(text)
    try:
        table = csv_table(text, "rows.csv", ",", None)
    except SourceError:
        assert expected is None
        return
    assert expected is not None
    columns = [table.column(name) for name in table.names]
    assert [list(row) for row in zip(*columns, strict=True)] == expected


@given(st.lists(st.text(alphabet="ab\n\x01\x7f\x85\x9bé\ufffd", max_size=4)))
def test_encoding_notes_count_what_a_look_at_each_text_counts(texts: list[str]) -> None:
    misread, controlled = sum(map(is_misread, texts)), sum(CONTROL.search(text) is not None for text in texts)
    notes = encoding_notes("sources.raw", texts)
    assert len(notes) == bool(misread) + bool(controlled)
    assert not misread or (f"{misread} text" in notes[0])
    assert not controlled or f": {controlled} of the texts" in notes[-1]

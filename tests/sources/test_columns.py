"""Cells that are not valid texts or labels, and the mapping of columns to records."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.sources.reading import CSV, read, read_error, rows_source

INVALID = {
    "header_only.csv": (b"text,label\n", "header_only.csv: the file has no rows"),
    "column.csv": (b"txt,label\ngood,a\n", "column.csv: no column 'text' for the text; did you mean 'txt'?"),
    "blank_text.csv": (b"text,label\ngood,a\n  ,b\n", "blank_text.csv:3: 'text' is blank ('  ')"),
    "blank_label.csv": (b"text,label\ngood,a\nfine, \n", "blank_label.csv:3: the label in 'label' is blank (' ')"),
    "text_number.jsonl": (b'{"text": 7, "label": "a"}\n', "text_number.jsonl:1: 'text' is a number (7); it must be"),
    "text_null.jsonl": (b'{"text": null}\n', "text_null.jsonl:1: 'text' is empty (null); it must be text"),
    "text_list.jsonl": (b'{"text": ["x"]}\n', "text_list.jsonl:1: 'text' is a list"),
    "label_number.jsonl": (
        b'{"text": "x", "label": 3}\n',
        'write names in the file, or map the number in the recipe: rename: {"3": NAME}',
    ),
    "label_bool.jsonl": (
        b'{"text": "x", "label": true}\n',
        "label_bool.jsonl:1: the label in 'label' is true or false",
    ),
    "label_null.jsonl": (b'{"text": "x", "label": null}\n', "label_null.jsonl:1: the label in 'label' is empty (null)"),
    "surrogate.jsonl": (
        b'{"text": "half \\ud83d pair"}\n',
        "surrogate.jsonl:1: 'text' contains an unpaired surrogate",
    ),
    "escaped_nul.jsonl": (
        b'{"text": "a\\u0000b"}\n',
        "escaped_nul.jsonl:1: 'text' contains a NUL character ('\\x00')",
    ),
    "long_text.jsonl": (
        b'{"text": "' + b"x" * 1_000_001 + b'"}\n',
        "long_text.jsonl:1: 'text' has 1,000,001 characters; the limit is 1,000,000",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_one_sentence_with_the_position(name: str, tmp_path: Path) -> None:
    data, message = INVALID[name]
    assert message in read_error(tmp_path, name, data)


INVALID_OPTIONS = {
    "label column": ({"label": "topic"}, "f.csv: no column 'topic' for the label; there are: text, label"),
    "field": ({"fields": ["tone"]}, "f.csv: no column 'tone' for the field 'tone'"),
    "per_label": ({"label": None, "per_label": 2}, "f.csv: per_label needs a column with labels"),
    "rename": (
        {"rename": {"lost_crad": "lost"}},
        "rename: 'lost_crad' is not a label in the column 'label'; did you mean",
    ),
}


@pytest.mark.parametrize("name", INVALID_OPTIONS)
def test_options_that_do_not_match_the_file_are_errors(name: str, tmp_path: Path) -> None:
    options, message = INVALID_OPTIONS[name]
    assert message in read_error(tmp_path, "f.csv", CSV, **options)


def test_a_missing_text_or_label_column_names_the_option_to_set(tmp_path: Path) -> None:
    assert "; set it with `text: COLUMN` in the source" in read_error(tmp_path, "f.csv", b"a,b\nx,y\n")


def test_columns_are_mapped(tmp_path: Path) -> None:
    data = b"abstract,topic,year\nWe show a thing.,physics,2020\n"
    options = {"text": "abstract", "label": "topic", "fields": {"document": "abstract", "when": "year"}}
    (record,) = read(tmp_path, "papers.csv", data, **options)
    assert (record.text, record.labels) == ("We show a thing.", ("physics",))
    assert record.fields == {"document": "We show a thing.", "when": "2020"}


def test_fields_of_json_become_text(tmp_path: Path) -> None:
    data = b'{"text": "x", "year": 2020, "score": 0.5, "note": null}'
    (record,) = read(tmp_path, "f.jsonl", data, fields=["year", "score", "note"])
    assert record.fields == {"year": "2020", "score": "0.5", "note": ""}
    message = read_error(tmp_path, "f.jsonl", b'{"text": "x", "year": [1]}', fields=["year"])
    assert "f.jsonl:1: 'year' is a list ([1])" in message


def test_a_null_label_reads_the_rows_without_labels(tmp_path: Path) -> None:
    assert {record.labels for record in read(tmp_path, "f.csv", CSV, label=None)} == {()}


def test_a_row_may_have_several_labels(tmp_path: Path) -> None:
    records = read(tmp_path, "f.csv", b'text,label\nx,"a; b;a"\ny,b\nz,\n', separator=";")
    assert [record.labels for record in records] == [("a", "b"), ("b",), ()]
    records = read(tmp_path, "f.jsonl", b'{"text": "x", "label": ["a", "b"]}\n{"text": "y", "label": []}\n')
    assert [record.labels for record in records] == [("a", "b"), ()]


def test_labels_are_renamed_also_from_numbers(tmp_path: Path) -> None:
    records = read(tmp_path, "f.csv", CSV, rename={"lost_card": "lost"})
    assert [record.label for record in records] == ["card_arrival", "lost"]
    data = b'{"text": "x", "label": 0}\n{"text": "y", "label": 1}\n'
    records = read(tmp_path, "f.jsonl", data, rename={"0": "ham", "1": "spam"})
    assert [record.label for record in records] == ["ham", "spam"]


def test_equal_texts_have_different_ids_that_do_not_depend_on_their_order(tmp_path: Path) -> None:
    rows = [b"same,b", b"same,a", b"same,a", b"other,a"]
    records = read(tmp_path, "f.csv", b"text,label\n" + b"\n".join(rows))
    reversed_records = read(tmp_path, "f.csv", b"text,label\n" + b"\n".join(reversed(rows)))
    assert len({record.id for record in records}) == 4
    labels_by_id = {(record.id, record.labels) for record in records}
    assert labels_by_id == {(record.id, record.labels) for record in reversed_records}


def test_a_sample_per_label_is_seeded_and_keeps_the_order(tmp_path: Path) -> None:
    data = b"text,label\n" + b"".join(b"text %d,%s\n" % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(100))
    records = read(tmp_path, "f.csv", data, per_label=5)
    assert [record.label for record in records].count("a") == 5
    assert len(records) == 10
    numbers = [int(record.text.split()[1]) for record in records]
    assert numbers == sorted(numbers)
    assert records == read(tmp_path, "f.csv", data, per_label=5)
    other_seed = rows_source("f.csv", per_label=5).read(tmp_path, name="seeds", seed=8)
    assert [record.id for record in other_seed] != [record.id for record in records]
    assert {record.id for record in records} < {record.id for record in read(tmp_path, "f.csv", data)}


def test_labels_that_are_numbers_with_a_fraction_can_be_renamed(tmp_path: Path) -> None:
    data = b'{"text": "x", "label": 0.0}\n{"text": "y", "label": 1.0}\n{"text": "z", "label": 0.5}\n'
    rows = read(tmp_path, "floats.jsonl", data, rename={"0": "refund", "1.0": "delay", "0.5": "both"})
    assert [row.labels for row in rows] == [("refund",), ("delay",), ("both",)]
    message = read_error(tmp_path, "floats.jsonl", data)
    assert (
        "is the number 0.0; it must be a name: write names in the file, or map the number in the recipe: "
        'rename: {"0": NAME}'
    ) in message


def test_float_labels_of_a_csv_file_can_be_renamed(tmp_path: Path) -> None:
    rows = read(tmp_path, "floats.csv", b"text,label\nx,0.0\ny,1.0\n", rename={"0.0": "refund", "1.0": "delay"})
    assert [row.labels for row in rows] == [("refund",), ("delay",)]


def test_labels_are_read_in_one_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    for label in (composed, decomposed):
        (row,) = read(tmp_path, "forms.csv", f"text,label\nx,{label}\n".encode())
        assert row.labels == (composed,)
    (row,) = read(tmp_path, "forms.csv", f"text,label\nx,{decomposed}\n".encode(), rename={composed: "bar"})
    assert row.labels == ("bar",)

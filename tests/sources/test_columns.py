"""Cells that are no texts or labels, and the mapping of columns to records."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.reading import GOOD, read, refused, source

BROKEN = {
    "header_only.csv": (b"text,label\n", "header_only.csv: no rows but the header"),
    "column.csv": (b"txt,label\ngood,a\n", "column.csv: no column 'text' for the text; did you mean 'txt'?"),
    "blank_text.csv": (b"text,label\ngood,a\n  ,b\n", "blank_text.csv:3: 'text' is blank ('  ')"),
    "blank_label.csv": (b"text,label\ngood,a\nfine, \n", "blank_label.csv:3: the label in 'label' is blank (' ')"),
    "text_number.jsonl": (b'{"text": 7, "label": "a"}\n', "text_number.jsonl:1: 'text' is a number (7), and must be"),
    "text_null.jsonl": (b'{"text": null}\n', "text_null.jsonl:1: 'text' is empty (null), and must be text"),
    "text_list.jsonl": (b'{"text": ["x"]}\n', "text_list.jsonl:1: 'text' is a list"),
    "label_number.jsonl": (
        b'{"text": "x", "label": 3}\n',
        'write names, or name it in the recipe: rename: {"3": NAME}',
    ),
    "label_bool.jsonl": (
        b'{"text": "x", "label": true}\n',
        "label_bool.jsonl:1: the label in 'label' is true or false",
    ),
    "label_null.jsonl": (b'{"text": "x", "label": null}\n', "label_null.jsonl:1: the label in 'label' is empty (null)"),
    "surrogate.jsonl": (b'{"text": "half \\ud83d pair"}\n', "surrogate.jsonl:1: 'text' holds half a surrogate pair"),
    "escaped_nul.jsonl": (b'{"text": "a\\u0000b"}\n', "escaped_nul.jsonl:1: 'text' holds a NUL ('\\x00')"),
    "long_text.jsonl": (
        b'{"text": "' + b"x" * 1_000_001 + b'"}\n',
        "long_text.jsonl:1: 'text' has 1,000,001 characters",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    data, told = BROKEN[name]
    assert told in refused(tmp_path, name, data)


OPTIONS = {
    "label column": ({"label": "topic"}, "f.csv: no column 'topic' for the label; there are: text, label"),
    "field": ({"fields": ["tone"]}, "f.csv: no column 'tone' for the field 'tone'"),
    "per_label": ({"label": None, "per_label": 2}, "f.csv: per_label needs a column with labels"),
    "rename": ({"rename": {"lost_crad": "lost"}}, "rename has 'lost_crad', which is no label in 'label'; did you mean"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_do_not_fit_the_file_are_told(name: str, tmp_path: Path) -> None:
    options, told = OPTIONS[name]
    assert told in refused(tmp_path, "f.csv", GOOD, **options)


def test_columns_are_mapped(tmp_path: Path) -> None:
    data = b"abstract,topic,year\nWe show a thing.,physics,2020\n"
    options = {"text": "abstract", "label": "topic", "fields": {"document": "abstract", "when": "year"}}
    (one,) = read(tmp_path, "papers.csv", data, **options)
    assert (one.text, one.labels) == ("We show a thing.", ("physics",))
    assert one.fields == {"document": "We show a thing.", "when": "2020"}


def test_fields_of_json_become_text(tmp_path: Path) -> None:
    data = b'{"text": "x", "year": 2020, "score": 0.5, "note": null}'
    (one,) = read(tmp_path, "f.jsonl", data, fields=["year", "score", "note"])
    assert one.fields == {"year": "2020", "score": "0.5", "note": ""}
    told = refused(tmp_path, "f.jsonl", b'{"text": "x", "year": [1]}', fields=["year"])
    assert "f.jsonl:1: 'year' is a list ([1])" in told


def test_a_null_label_reads_the_rows_without_labels(tmp_path: Path) -> None:
    assert {one.labels for one in read(tmp_path, "f.csv", GOOD, label=None)} == {()}


def test_several_labels_a_row(tmp_path: Path) -> None:
    found = read(tmp_path, "f.csv", b'text,label\nx,"a; b;a"\ny,b\nz,\n', separator=";")
    assert [one.labels for one in found] == [("a", "b"), ("b",), ()]
    found = read(tmp_path, "f.jsonl", b'{"text": "x", "label": ["a", "b"]}\n{"text": "y", "label": []}\n')
    assert [one.labels for one in found] == [("a", "b"), ()]


def test_labels_are_renamed_also_from_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, "f.csv", GOOD, rename={"lost_card": "lost"})
    assert [one.label for one in found] == ["card_arrival", "lost"]
    data = b'{"text": "x", "label": 0}\n{"text": "y", "label": 1}\n'
    found = read(tmp_path, "f.jsonl", data, rename={"0": "ham", "1": "spam"})
    assert [one.label for one in found] == ["ham", "spam"]


def test_equal_texts_are_records_of_their_own_whatever_their_order(tmp_path: Path) -> None:
    rows = [b"same,b", b"same,a", b"same,a", b"other,a"]
    first = read(tmp_path, "f.csv", b"text,label\n" + b"\n".join(rows))
    other = read(tmp_path, "f.csv", b"text,label\n" + b"\n".join(reversed(rows)))
    assert len({one.id for one in first}) == 4
    assert {(one.id, one.labels) for one in first} == {(one.id, one.labels) for one in other}


def test_a_sample_a_label_is_seeded_and_keeps_the_order(tmp_path: Path) -> None:
    data = b"text,label\n" + b"".join(b"text %d,%s\n" % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(100))
    found = read(tmp_path, "f.csv", data, per_label=5)
    assert [one.label for one in found].count("a") == 5
    assert len(found) == 10
    numbers = [int(one.text.split()[1]) for one in found]
    assert numbers == sorted(numbers)
    assert found == read(tmp_path, "f.csv", data, per_label=5)
    other = source("f.csv", per_label=5).read(tmp_path, name="seeds", seed=8)
    assert [one.id for one in other] != [one.id for one in found]
    assert {one.id for one in found} < {one.id for one in read(tmp_path, "f.csv", data)}

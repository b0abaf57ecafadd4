from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hub.runs import SEED, TESTED, make_run
from textsynth.core.errors import UsageError
from textsynth.hub.source_redaction import SourceTexts, has_sources, read_source_texts, redact_sources
from textsynth.store.manifest import read_manifest

ROWS = [
    {"id": "a", "item": "length", "text": "please give back what I paid!", "raw": None, "source": None},
    {"id": "b", "item": "length", "text": "something else", "raw": None, "source": "please give back what I paid"},
    {"id": "c", "item": "labelled", "text": "", "raw": "Sure:\n1. give it\n2. too short", "source": None},
    {"id": "d", "item": "leak-2", "text": "nearly a test row", "raw": None, "source": "a text that is shown"},
    {"id": "e", "item": "near_duplicate", "text": "he wrote: please give back what I paid, at once", "raw": None},
]
GIVEN = ["Please, give back what I paid", "2. Too short", "never told"]


def test_a_text_repeats_a_given_one_by_its_letters_or_by_holding_the_whole() -> None:
    found = has_sources(GIVEN)
    assert found("please GIVE back what i paid!")
    assert found("he wrote: please give back what I paid, at once")
    assert not found("please give back what I owe")
    assert not found("I said: never told you")
    assert found("1. give it\n2. too short")
    assert not found("")


def test_dropped_texts_that_repeat_a_given_one_are_blank_and_rows_and_columns_stay(tmp_path: Path) -> None:
    rows = [{**row, "attributes": '{"customer": "Anna B", "tone": "plain"}'} for row in ROWS]
    table = pa.Table.from_pylist(rows).replace_schema_metadata({b"huggingface": b"{}"})
    pq.write_table(table, tmp_path / "dropped.parquet")
    pq.write_table(pa.table({"text": ["a text that is shown"]}), tmp_path / "data.parquet")
    data = redact_sources(
        tmp_path / "dropped.parquet", [tmp_path / "data.parquet"], SourceTexts(GIVEN, frozenset({"customer"}))
    )
    found = pq.read_table(pa.BufferReader(data))
    assert found.schema.equals(table.schema, check_metadata=True)
    assert found["id"].to_pylist() == list("abcde")
    assert found["attributes"].to_pylist() == ['{"tone": "plain"}'] * 5
    assert found["text"].to_pylist() == ["", "something else", "", "", ""]
    assert found["raw_answer"].to_pylist() == [None] * 5
    assert found["source"].to_pylist() == [None, None, None, "a text that is shown", None]


def test_a_file_with_nothing_given_keeps_its_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    passports = run / "dataset/provenance/train-00000-of-00001.parquet"
    assert redact_sources(passports, [], read_source_texts(run, read_manifest(run))) == passports.read_bytes()


def test_fields_of_seeds_are_given_too(tmp_path: Path) -> None:
    source = f"{{rows: {{path: {tmp_path}/seeds.csv, fields: [label]}}}}"
    run = make_run(tmp_path, sources__seeds=source, generate="[paraphrase: {source: seeds, per_request: 4}]")
    passports = run / "dataset/provenance/train-00000-of-00001.parquet"
    given = read_source_texts(run, read_manifest(run))
    assert given.fields == {"label"}
    cells = pq.read_table(passports)["attributes"].to_pylist()
    assert all('"label"' in cell for cell in cells)
    pushed = pq.read_table(pa.BufferReader(redact_sources(passports, [], given)))
    assert not any('"label"' in cell for cell in pushed["attributes"].to_pylist())


def test_the_sources_are_read_again_as_the_recipe_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert read_source_texts(run, read_manifest(run)).texts[0] == SEED
    assert TESTED in read_source_texts(run, read_manifest(run)).texts


def test_what_a_run_curates_was_not_given_to_write_from(tmp_path: Path) -> None:
    run = make_run(tmp_path, generate="[existing: {source: seeds}]", filter="[leak: {semantic: 1}]", want=1)
    assert read_source_texts(run, read_manifest(run)) == SourceTexts([TESTED])


def test_where_they_are_gone_nobody_can_tell(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    manifest = read_manifest(run)
    changed = json.loads(json.dumps(manifest))
    changed["recipe"]["hash"] = "0"
    with pytest.raises(UsageError, match=r"tickets\.yaml has changed since; run it again, or leave --with-provenance"):
        read_source_texts(run, changed)
    (tmp_path / "seeds.csv").unlink()
    with pytest.raises(UsageError, match=r"cannot be told which of them repeat a seed: .*no such file"):
        read_source_texts(run, manifest)

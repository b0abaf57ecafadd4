from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hub.runs import SEED, TEST_ROW, make_run
from textsynth.core.errors import UsageError
from textsynth.hub.source_redaction import SourceTexts, read_source_texts, redact_sources, source_matcher
from textsynth.store.manifest import read_manifest

PAID = "please give back what I paid"
DROPPED = [
    {"id": "a", "step": "length", "text": f"{PAID}!", "raw_answer": None, "source_text": None},
    {"id": "b", "step": "length", "text": "something else", "raw_answer": None, "source_text": PAID},
    {"id": "c", "step": "labelled", "text": "", "raw_answer": "Sure:\n1. give it\n2. too short", "source_text": None},
    {"id": "d", "step": "leak-2", "text": "nearly a test row", "raw_answer": None, "source_text": "a published text"},
    {"id": "e", "step": "near_duplicate", "text": f"he wrote: {PAID}, at once", "raw_answer": None},
]
SOURCE_TEXTS = ["Please, give back what I paid", "2. Too short", "never told"]


def test_a_text_repeats_a_source_text_with_the_same_letters_or_that_it_contains() -> None:
    matches = source_matcher(SOURCE_TEXTS)
    assert matches("please GIVE back what i paid!")
    assert matches("he wrote: please give back what I paid, at once")
    assert not matches("please give back what I owe")
    assert not matches("I said: never told you")
    assert matches("1. give it\n2. too short")
    assert not matches("")


def test_dropped_texts_that_repeat_a_source_text_become_blank_and_rows_and_columns_stay(tmp_path: Path) -> None:
    rows = [{**row, "attributes": '{"customer": "Anna B", "tone": "plain"}'} for row in DROPPED]
    table = pa.Table.from_pylist(rows).replace_schema_metadata({b"huggingface": b"{}"})
    pq.write_table(table, tmp_path / "dropped.parquet")
    pq.write_table(pa.table({"text": ["a published text"]}), tmp_path / "data.parquet")
    content = redact_sources(
        tmp_path / "dropped.parquet", [tmp_path / "data.parquet"], SourceTexts(SOURCE_TEXTS, frozenset({"customer"}))
    )
    redacted = pq.read_table(pa.BufferReader(content))
    assert redacted.schema.equals(table.schema, check_metadata=True)
    assert redacted["id"].to_pylist() == list("abcde")
    assert redacted["attributes"].to_pylist() == ['{"tone": "plain"}'] * 5
    assert redacted["text"].to_pylist() == ["", "something else", "", "", ""]
    assert redacted["raw_answer"].to_pylist() == [None] * 5
    assert redacted["source_text"].to_pylist() == [None, None, None, "a published text", None]


def test_a_file_without_source_texts_keeps_its_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    provenance = run / "dataset/provenance/train-00000-of-00001.parquet"
    assert redact_sources(provenance, [], read_source_texts(run, read_manifest(run))) == provenance.read_bytes()


def test_a_table_of_dropped_texts_with_unknown_columns_is_not_passed_on(tmp_path: Path) -> None:
    table = pa.table({"attributes": ["{}"], "text": [PAID], "step": ["length"], "raw_answer": [None]})
    pq.write_table(table, tmp_path / "dropped.parquet")
    with pytest.raises(KeyError, match="source_text"):
        redact_sources(tmp_path / "dropped.parquet", [], SourceTexts(SOURCE_TEXTS))


def test_fields_of_seeds_are_removed_from_the_attributes(tmp_path: Path) -> None:
    source = f"{{rows: {{path: {tmp_path}/seeds.csv, fields: [label]}}}}"
    run = make_run(tmp_path, sources__seeds=source, generate="[paraphrase: {source: seeds, per_request: 4}]")
    provenance = run / "dataset/provenance/train-00000-of-00001.parquet"
    sources = read_source_texts(run, read_manifest(run))
    assert sources.fields == {"label"}
    cells = pq.read_table(provenance)["attributes"].to_pylist()
    assert all('"label"' in cell for cell in cells)
    pushed = pq.read_table(pa.BufferReader(redact_sources(provenance, [], sources)))
    assert not any('"label"' in cell for cell in pushed["attributes"].to_pylist())


def test_the_sources_are_read_again_as_the_recipe_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    texts = read_source_texts(run, read_manifest(run)).texts
    assert texts[0] == SEED
    assert TEST_ROW in texts


def test_rows_that_a_run_curates_are_not_source_texts(tmp_path: Path) -> None:
    run = make_run(tmp_path, generate="[existing: {source: seeds}]", filter="[leak: {semantic: 1}]", texts_per_label=1)
    assert read_source_texts(run, read_manifest(run)) == SourceTexts([TEST_ROW])


def test_a_changed_recipe_or_a_missing_source_is_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    manifest = read_manifest(run)
    changed = json.loads(json.dumps(manifest))
    changed["recipe"]["hash"] = "0"
    with pytest.raises(UsageError, match=r"tickets\.yaml has changed since; run it again, or leave --with-provenance"):
        read_source_texts(run, changed)
    (tmp_path / "seeds.csv").unlink()
    with pytest.raises(UsageError, match=r"it is unknown which of them repeat a seed: .*no such file"):
        read_source_texts(run, manifest)

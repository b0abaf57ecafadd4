"""A run of the task `pairs`, from its sources to the data set, every format, the Hub's payload and the evaluation.

May take a minute: the real embedder is loaded, for `leak` and for the evaluation.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import textsynth as ts
from tests.cli.run_cli import run_cli
from tests.task.pairs_run import SEED, TEST, write_recipe
from textsynth.evaluate import as_json
from textsynth.evaluate.load import load_run
from textsynth.evaluate.runner import EvaluationOptions, evaluate_run_folder
from textsynth.export.formats import format_names
from textsynth.hub.payload import read_payload
from textsynth.review.queue import read_queue

TEXTS = ("text_a", "text_b")
Row = Mapping[str, Any]
SECTIONS = ("arms", "contamination", "sample_weights", "ablation")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    folder = tmp_path_factory.mktemp("pairs")
    return ts.run(write_recipe(folder), out=folder / "run", quiet=True)


@pytest.fixture(scope="module")
def rows(run: ts.Run) -> list[Row]:
    return [row for split in run.dataset.values() for row in split]


@pytest.fixture(scope="module")
def dropped(run: ts.Run) -> list[Row]:
    return list(run.dropped)


def test_the_data_set_has_pairs_of_each_label_in_equal_number(run: ts.Run, rows: list[Row]) -> None:
    assert run.met
    assert run.dataset["train"].column_names == ["id", *TEXTS, "label", "weight"]
    assert Counter(row["label"] for row in rows) == {0: 40, 1: 40}
    assert all(row["text_a"].endswith(".") and row["text_b"].startswith("There") for row in rows)
    assert len({tuple(row[column] for column in TEXTS) for row in rows}) == 80


def test_no_text_is_in_two_splits(run: ts.Run) -> None:
    texts = [{row[column] for row in split for column in TEXTS} for split in run.dataset.values()]
    assert len(texts) == 2
    assert texts[0].isdisjoint(texts[1])


def test_each_flaw_of_a_second_text_is_dropped_by_its_filter(dropped: list[Row]) -> None:
    reasons = {(row["step"], row["reason"].split(":")[0]) for row in dropped}
    assert {
        ("personal_data", "its text_b contains an e-mail address"),
        ("refusal", "refuses instead of answering"),
        ("language", "is in another language"),
        ("length", "has too few words"),
        ("copies_source", "copies a row of seeds"),
        ("leak", "copies a row of test"),
        ("exact_duplicate", "the same text was accepted before"),
        ("near_duplicate", "shares most of its words with an accepted text"),
        ("pair", "the answer has no text for the field 'text_b'"),
        ("choice", "the model chose another label"),
    } <= reasons
    copies = {row["source_text"] for row in dropped if row["reason"].startswith("copies a row")}
    assert {SEED, TEST} <= copies


def test_the_dropped_config_has_both_texts(dropped: list[Row]) -> None:
    filtered = [row for row in dropped if row["section"] in ("filter", "select", "review")]
    assert filtered
    assert all(row["text"] and row["source_text"] for row in filtered)


def test_the_card_has_the_words_of_the_task(run: ts.Run) -> None:
    head, card = (run.folder / "dataset" / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)
    metadata = yaml.safe_load(head)
    assert metadata["task_categories"] == ["text-classification"]
    assert metadata["task_ids"] == ["natural-language-inference"]
    assert "Pairs of texts with a label each." in card
    assert "`text_a` (the first text of the pair), `text_b` (the second text), `label`" in card


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("config", ["default", "provenance", "dropped"])
def test_every_format_has_both_texts(
    run: ts.Run,
    rows: list[Row],
    dropped: list[Row],
    name: str,
    config: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run_cli(capsys, "export", run.folder, "--as", name, "--config", config, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    exported = "\n".join(Path(path).read_text(encoding="utf-8") for path in result.out.split())
    columns = ("text", "source_text") if config == "dropped" else TEXTS
    records = [row for row in dropped if row["section"] == "review"] if config == "dropped" else rows
    for row in records:
        for column in columns:
            assert row[column] in exported
    if name in ("messages", "prompt-completion"):
        assert "Which of these labels fits this pair of texts best?" in exported


def test_report_why_and_review_show_both_texts(
    run: ts.Run, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    row = rows[0]
    page = run.report.read_text(encoding="utf-8")
    shown = json.loads(run_cli(capsys, "report", run.folder, "--json").out)["kept"]
    assert shown
    assert all(entry["text"] in page and entry["source_text"] in page for entry in shown)
    explanation = json.loads(run_cli(capsys, "why", run.folder, row["id"], "--json").out)
    assert (explanation["text"], explanation["source_text"]) == (row["text_a"], row["text_b"])
    assert row["text_b"] in run.why(row["id"])
    entries = read_queue(run.folder).entries.values()
    assert entries
    assert all(entry.source_text and entry.predicted_labels != entry.labels for entry in entries)


def test_a_person_s_decision_puts_a_pair_into_the_data_set(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    recipe.write_text(recipe.read_text().partition("evaluate:")[0])
    run = ts.run(recipe, out=tmp_path / "run", quiet=True)
    entry = next(iter(read_queue(run.folder).entries.values()))
    decision = {"id": entry.id, "decision": "relabel", "labels": list(entry.predicted_labels), "by": "Ann", "at": ""}
    (run.folder / "review.jsonl").write_text(json.dumps(decision) + "\n", encoding="utf-8")
    again = ts.run(recipe, out=run.folder, quiet=True)
    (row,) = (row for split in again.dataset.values() for row in split if row["id"] == entry.id)
    assert (row["text_a"], row["text_b"]) == (entry.text, entry.source_text)
    assert ["same", "other"][row["label"]] == entry.predicted_labels[0]


def test_what_is_pushed_has_the_pairs_and_no_row_of_a_source(run: ts.Run, rows: list[Row]) -> None:
    payload = read_payload(run.folder, with_provenance=True)
    assert payload.rows == len(rows)
    tables = {
        path: pq.read_table(io.BytesIO(file.content.read_bytes() if isinstance(file.content, Path) else file.content))
        for path, file in payload.files.items()
        if path.endswith(".parquet")
    }
    published = {name: table.to_pylist() for name, table in tables.items()}
    (dropped,) = (table for path, table in published.items() if path.startswith("dropped/"))
    cells = {cell for row in dropped for cell in (row["text"], row["source_text"], row["raw_answer"]) if cell}
    assert cells
    assert not any(SEED in cell or TEST in cell for cell in cells)


def test_a_classifier_of_pairs_learns_from_them(run: ts.Run) -> None:
    content = json.loads((run.folder / "evaluation.json").read_text(encoding="utf-8"))
    assert 40 <= content["data"]["test"] <= 50  # copied rows are left out
    assert min(scores["macro_f1"] for scores in content["arms"]["seeds_selected"].values()) > 0.85
    assert not [note for note in content["notes"] if "text_b" in note]


def test_the_folder_of_a_run_has_the_evaluation_of_the_run_itself(run: ts.Run) -> None:
    content = json.loads((run.folder / "evaluation.json").read_text(encoding="utf-8"))
    again = json.loads(json.dumps(as_json(evaluate_run_folder(run.folder, {}, EvaluationOptions()))))
    assert {step["step"] for step in again["ablation"]} >= {"exact_duplicate", "near_duplicate", "leak"}
    assert {key: again[key] for key in SECTIONS} == {key: content[key] for key in SECTIONS}


def test_a_finished_run_is_evaluated_with_both_texts_and_not_with_one(run: ts.Run, rows: list[Row]) -> None:
    loaded = load_run(run.folder)
    records = {record.id: record for record in loaded.synthetic.raw}
    assert all(records[row["id"]].field_text("text_b") == row["text_b"] for row in rows)
    assert all(record.field_text("text_b") for record in records.values())
    assert {tuple(record.fields) for record in records.values()} >= {("tone", "text_b")}
    labels = list(run.manifest["labels"])
    train, test = (
        [{"premise": row["text_a"], "hypothesis": row["text_b"], "label": labels[row["label"]]} for row in split]
        for split in run.dataset.values()
    )
    both, first = (
        ts.evaluate(train, test=test, text=text, quiet=True).summary["arms"]["selected"]["embeddings"]["macro_f1"]
        for text in ("premise,hypothesis", "premise")
    )
    assert both > first
    assert both > 0.75

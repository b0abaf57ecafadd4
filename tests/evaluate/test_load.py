from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.export.outcomes import outcome, record
from tests.report.folders import finished, manifest
from tests.runner.recipes import small_recipe
from textsynth.core.errors import SourceError, UsageError
from textsynth.core.records import Record
from textsynth.evaluate.load import load_file, load_run
from textsynth.export.run_result import RunResult
from textsynth.runner import run
from textsynth.sources.rows import Rows
from textsynth.store.dataset import DatasetReader
from textsynth.store.manifest import write_manifest


def contents(records: Sequence[Record]) -> list[tuple[object, ...]]:
    return sorted((record.id, record.text, record.labels, dict(record.fields), record.provenance) for record in records)


def check_loaded_texts(folder: Path, result: RunResult) -> None:
    """Assert that the texts loaded from a run's folder are those of the run."""
    synthetic = load_run(finished(folder, result)).synthetic
    assert contents(synthetic.selected) == contents(result.selected)
    assert contents(synthetic.surplus) == contents(result.surplus)
    dropped = {drop.record.id: drop for drop in result.dropped if drop.section != "parse"}
    assert {drop.record.id for drop in synthetic.drops} == set(dropped)
    for drop in synthetic.drops:
        expected = dropped[drop.record.id]
        assert contents([drop.record]) == contents([expected.record])
        assert (drop.section, drop.step, drop.reason) == (expected.section, expected.step, expected.reason)
        assert (drop.score, drop.limit, drop.duplicate_of) == (expected.score, expected.limit, expected.duplicate_of)


def test_the_texts_of_a_run_are_loaded_from_its_folder(tmp_path: Path) -> None:
    check_loaded_texts(tmp_path, outcome())
    loaded = load_run(tmp_path / "parcels")
    assert (loaded.synthetic.name, list(loaded.labels)) == ("parcels", ["refund", "delivery"])
    assert not loaded.multi_label
    assert loaded.manifest["seed"] == 7
    assert loaded.synthetic.has_unselected


def test_rewritten_texts_keep_their_parents_and_existing_ones_their_ids(tmp_path: Path) -> None:
    rewritten = [record(number, parent_ids=("aaaa000011112222",), example_ids=()) for number in range(4)]
    existing = [record(number, request_key="", example_ids=()) for number in range(4, 8)]
    check_loaded_texts(tmp_path, outcome(selected=[*rewritten, *existing], surplus=[], dropped=[]))


def test_texts_with_several_labels_are_loaded(tmp_path: Path) -> None:
    selected = [record(number).with_labels(("refund", "delivery")[: 1 + number % 2]) for number in range(6)]
    check_loaded_texts(tmp_path, outcome(multi_label=True, selected=selected, surplus=[], dropped=[]))
    assert load_run(tmp_path / "parcels").multi_label


def test_the_ids_of_loaded_texts_are_those_of_the_data_set(tmp_path: Path) -> None:
    sections = "filter: [{length: {min_words: 4, max_words: 6}}, exact_duplicate]\nselect: []\nbudget: {requests: 6}"
    recipe = small_recipe(tmp_path, sections=sections)
    result = run(recipe, out=tmp_path / "run")
    synthetic = load_run(result.folder).synthetic
    data, dropped = (DatasetReader(result.folder / "dataset" / name) for name in ("data", "dropped"))
    assert {selected.id for selected in synthetic.selected} == set(data.column("id"))
    unselected = [*synthetic.surplus, *(drop.record for drop in synthetic.drops)]
    assert {text.id for text in unselected} == set(dropped.column("id"))
    assert len(synthetic.raw) == result.manifest["counts"]["candidates"]
    seeds = {row.id for row in recipe.sources["seeds"].read(tmp_path, name="seeds", seed=0)}
    assert all(text.provenance.example_ids and set(text.provenance.example_ids) <= seeds for text in synthetic.raw)


def test_a_run_of_another_task_is_rejected(tmp_path: Path) -> None:
    write_manifest(tmp_path, {**manifest(outcome()), "task": "summarization"})
    with pytest.raises(UsageError, match="task is 'summarization'; evaluate scores texts with labels to predict"):
        load_run(tmp_path)


def test_a_run_without_texts_is_loaded(tmp_path: Path) -> None:
    loaded = load_run(finished(tmp_path, outcome(selected=[], surplus=[], dropped=[])))
    assert (loaded.synthetic.raw, loaded.multi_label) == ([], False)


def test_a_file_is_loaded_from_the_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("utterance,intent\na tulip by the hedge,garden\na letter,post\n")
    options = Rows.model_validate({"path": path, "text": "utterance", "label": "intent"})
    records = load_file(path, options, "test")
    assert [(record.text, record.labels, record.provenance.step) for record in records] == [
        ("a tulip by the hedge", ("garden",), "test"),
        ("a letter", ("post",), "test"),
    ]
    with pytest.raises(SourceError, match=r"texts.csv: no column 'text' for the text"):
        load_file(path, Rows.model_validate({"path": path}), "test")

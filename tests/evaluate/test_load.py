from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.outcomes import outcome, record
from tests.report.folders import finished, manifest
from tests.runner.recipes import small_recipe
from textsynth.core.errors import SourceError, UsageError
from textsynth.core.records import Record
from textsynth.evaluate.load import read_file, read_run
from textsynth.export.run_result import RunResult
from textsynth.runner import run
from textsynth.sources.rows import Rows as Source
from textsynth.store.dataset import DatasetReader
from textsynth.store.manifest import write_manifest


def told(records: list[Record]) -> list[tuple[object, ...]]:
    return sorted((one.id, one.text, one.labels, dict(one.fields), one.provenance) for one in records)


def read_back(folder: Path, made: RunResult) -> None:
    """Assert that a run's folder gives back what the run had."""
    found = read_run(finished(folder, made))
    assert told(list(found.synthetic.selected)) == told(list(made.selected))
    assert told(list(found.synthetic.spare)) == told(list(made.surplus))
    dropped = {drop.record.id: drop for drop in made.dropped if drop.section != "parse"}
    assert {drop.record.id for drop in found.synthetic.drops} == set(dropped)
    for drop in found.synthetic.drops:
        wanted = dropped[drop.record.id]
        assert told([drop.record]) == told([wanted.record])
        assert (drop.section, drop.step, drop.reason) == (wanted.section, wanted.step, wanted.reason)
        assert (drop.score, drop.limit, drop.duplicate_of) == (wanted.score, wanted.limit, wanted.duplicate_of)


def test_a_folder_gives_back_the_records_of_the_run(tmp_path: Path) -> None:
    read_back(tmp_path, outcome())
    found = read_run(tmp_path / "parcels")
    assert (found.synthetic.name, list(found.labels), found.multi_label) == ("parcels", ["refund", "delivery"], False)
    assert found.manifest["seed"] == 7
    assert found.synthetic.checked


def test_rewritten_texts_keep_their_parents_and_given_ones_their_id(tmp_path: Path) -> None:
    rewritten = [record(number, parent_ids=("aaaa000011112222",), example_ids=()) for number in range(4)]
    given = [record(number, request_key="", example_ids=()) for number in range(4, 8)]
    read_back(tmp_path, outcome(selected=[*rewritten, *given], surplus=[], dropped=[]))


def test_several_labels_a_text_come_back(tmp_path: Path) -> None:
    both = [record(number).with_labels(("refund", "delivery")[: 1 + number % 2]) for number in range(6)]
    read_back(tmp_path, outcome(multi_label=True, selected=both, surplus=[], dropped=[]))
    assert read_run(tmp_path / "parcels").multi_label


def test_the_ids_of_a_real_run_are_those_of_its_data_set(tmp_path: Path) -> None:
    more = "filter: [{length: {min_words: 4, max_words: 6}}, exact_duplicate]\nselect: []\nbudget: {requests: 6}"
    result = run(small_recipe(tmp_path, more=more), out=tmp_path / "run")
    found = read_run(result.folder).synthetic
    data, dropped = (DatasetReader(result.folder / "dataset" / name) for name in ("data", "dropped"))
    assert {one.id for one in found.selected} == set(data.column("id"))
    assert {one.id for one in (*found.spare, *(drop.record for drop in found.drops))} == set(dropped.column("id"))
    assert len(found.raw) == result.manifest["counts"]["candidates"]
    seeds = {row.id for row in small_recipe(tmp_path, more=more).sources["seeds"].read(tmp_path, name="seeds", seed=0)}
    assert all(one.provenance.example_ids and set(one.provenance.example_ids) <= seeds for one in found.raw)


def test_a_run_of_another_task_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, {**manifest(outcome()), "task": "summarization"})
    with pytest.raises(UsageError, match="the run's task is 'summarization'; evaluate scores labelled texts"):
        read_run(tmp_path)


def test_a_run_that_kept_nothing_has_no_texts(tmp_path: Path) -> None:
    found = read_run(finished(tmp_path, outcome(selected=[], surplus=[], dropped=[])))
    assert (found.synthetic.raw, found.multi_label) == ([], False)


def test_a_file_is_read_with_its_own_columns(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("said,about\na tulip by the hedge,garden\na letter,post\n")
    found = read_file(path, Source.model_validate({"path": path, "text": "said", "label": "about"}), "test")
    assert [(one.text, one.labels, one.provenance.step) for one in found] == [
        ("a tulip by the hedge", ("garden",), "test"),
        ("a letter", ("post",), "test"),
    ]
    with pytest.raises(SourceError, match=r"texts.csv: no column 'text' for the text"):
        read_file(path, Source.model_validate({"path": path}), "test")

"""Evaluation of rows with several texts: the classifiers see each text, everything else sees them as one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.evaluations import quick_plan
from tests.evaluate.worlds import PairWorld
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.task import Task
from textsynth.evaluate import Evaluation, RealSets, SyntheticSet, evaluate
from textsynth.evaluate.load import FileTexts, source_options
from textsynth.evaluate.runner import evaluate_path
from textsynth.evaluate.serialize import as_json
from textsynth.task import Pairs


def evaluation(task: Task, *more: Record) -> Evaluation:
    """Return the evaluation of pairs, of which some are dropped; `more` are selected too."""
    world = PairWorld()
    seeds, test, generated = world.rows("seeds", 12), world.rows("test", 60), world.rows("generated", 60)
    drops = [DroppedRecord(record, "filter", "length", "has too few words", 2, 3) for record in generated[100:]]
    synthetic = SyntheticSet("pairs", [*generated[:80], *more], generated[80:100], drops)
    return evaluate(synthetic, RealSets(test, seeds), quick_plan(labels=world.labels, task=task))


@pytest.fixture(scope="module")
def pairs() -> Evaluation:
    return evaluation(Pairs())


def scores(evaluation: Evaluation, arm: str) -> list[float]:
    arms = as_json(evaluation)["arms"][arm]
    return [scores["macro_f1"] for scores in arms.values()]


def test_pairs_help_a_classifier_of_pairs_and_not_one_of_their_first_texts(pairs: Evaluation) -> None:
    first_texts = evaluation(Task())
    assert pairs.verdict.effect == "helps"
    assert first_texts.verdict.effect != "helps"
    assert min(scores(pairs, "seeds_selected")) > 0.75 > 0.6 > max(scores(first_texts, "seeds_selected"))


def test_nearest_texts_are_pairs_and_the_second_text_is_no_attribute(pairs: Evaluation) -> None:
    assert all(compared.text.count("\n") == 1 for compared in pairs.nearest_texts)
    assert all(text.text.count("\n") == 1 for compared in pairs.nearest_texts for text in compared.nearest)
    assert not pairs.domain_shift.attributes
    assert not [note for note in pairs.notes if "text_b" in note]
    length = pairs.domain_shift.length.synthetic
    assert length is not None
    assert length.median == 16  # both texts


def test_a_pair_copies_a_test_pair_only_with_both_texts() -> None:
    row = evaluation(Pairs()).test[0]
    copy = Record(row.text, Provenance("generated", index=900), row.labels, row.fields)
    other = replace(copy, fields={"text_b": "quite another text beside it"})
    copies = [
        evaluation(task, record).contamination.overlaps["selected-test"].kinds["exact"]
        for task, record in ((Pairs(), copy), (Pairs(), other), (Task(), other))
    ]
    assert copies == [1, 0, 1]


def write_rows(path: Path, rows: Sequence[Record]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("premise", "hypothesis", "label"))
        table.writerows((row.text, row.field_text("text_b"), row.label) for row in rows)
    return path


def evaluate_file(folder: Path, text: str) -> dict[str, Any]:
    world = PairWorld()
    arguments: dict[str, Path | str | None] = {
        "train": write_rows(folder / "train.csv", world.rows("train", 10)),
        "test": write_rows(folder / "test.csv", world.rows("test", 40)),
        "text": text,
    }
    path = write_rows(folder / "texts.csv", world.rows("generated", 60))
    return as_json(evaluate_path(path, arguments, full=False, ordinal=False, log=str))


def test_a_file_of_pairs_is_evaluated_with_the_names_of_both_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    both, first = (evaluate_file(tmp_path, text) for text in ("premise,hypothesis", "premise"))
    words = [content["arms"]["seeds_selected"]["words"]["macro_f1"] for content in (both, first)]
    assert words[0] > 0.7 > 0.62 > words[1]
    assert both["data"]["test"] == 80


def test_the_columns_of_files_are_those_that_are_named_else_those_of_the_task() -> None:
    assert source_options({}) == {}
    assert source_options({"text": "premise, hypothesis", "label": "gold"}) == {
        "text": "premise",
        "fields": {"hypothesis": "hypothesis"},
        "label": "gold",
    }
    assert source_options({}, Pairs()) == {"text": "text_a", "fields": {"text_b": "text_b"}}
    named = {"text": "premise", "fields": {"text_b": "hypothesis"}}
    assert source_options({"text": "premise,hypothesis"}, Pairs()) == named
    assert source_options({"text": "utterance"}, Task()) == {"text": "utterance", "fields": {}}
    with pytest.raises(UsageError, match=r"--text names 3 columns, but a row of the run has 2 texts: text_a, text_b"):
        source_options({"text": "a,b,c"}, Pairs())


def test_the_texts_of_a_file_are_its_text_and_its_fields() -> None:
    record = Record("one", Provenance("rows"), fields={"second": "two"})
    assert FileTexts().texts(record) == ("one",)
    assert FileTexts(fields=["second"]).texts(record) == ("one", "two")
    assert FileTexts(fields=["second"]).joined(record).text == "one\ntwo"

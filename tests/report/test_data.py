"""The data of a report, read from the folder of a run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.dataset import write_dataset
from textsynth.report.data import DROPPED_SHOWN_PER_REASON, MAX_SELECTED_SHOWN, read_run_data
from textsynth.store.evaluation import write_evaluation


def test_the_checks_add_up_and_are_in_the_order_in_which_they_ran(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "filter", "length", "too few words", 2, 3) for n in range(4)]
    data = read_run_data(finished(tmp_path, outcome(dropped=[*outcome().dropped[1:], *drops])))
    rows = {(row.section, row.step): row for row in data.checks}
    assert next(iter(rows)) == ("parse", "labelled")
    assert data.checks[0].entered == data.manifest["counts"]["candidates"] == 40
    for row, following in itertools.pairwise(data.checks):
        assert row.left == following.entered
    length = rows["filter", "length"]
    assert (length.entered, length.dropped, length.left, length.share) == (39, 4, 35, 4 / 39)
    # a text in review left the pipeline at the step that sent it there
    choice = rows["label", "choice"]
    assert [reason.reason for reason in choice.reasons] == [
        "the model named none of the labels",
        "in review: too few votes for the chosen label",
    ]
    assert data.checks[-1].section == "select"
    assert (data.checks[-1].entered, data.checks[-1].dropped, data.checks[-1].left) == (32, 2, 30)


def test_reasons_that_differ_only_in_what_they_quote_are_one(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "label", "choice", f"none of the labels: 'answer {n}'") for n in range(12)]
    data = read_run_data(finished(tmp_path, outcome(dropped=drops, surplus=())))
    (reason,) = next(row for row in data.checks if row.step == "choice").reasons
    assert (reason.key, reason.count) == ("label choice: none of the labels", 12)
    assert list(data.dropped_examples) == ["label choice: none of the labels"]
    assert len(data.dropped_examples["label choice: none of the labels"]) == DROPPED_SHOWN_PER_REASON


def test_labels_are_counted_by_split_in_the_recipes_order(tmp_path: Path) -> None:
    label_counts = read_run_data(finished(tmp_path, outcome())).label_counts
    assert list(label_counts) == ["refund", "delivery"]
    assert {label: dict(counts) for label, counts in label_counts.items()} == {
        "refund": {"train": 12, "validation": 3},
        "delivery": {"train": 12, "validation": 3},
    }


def test_all_selected_texts_are_shown_by_label_with_their_confidence_and_provenance(tmp_path: Path) -> None:
    selected = [record(number, "refund" if number else "delivery", request_key=f"k{number}") for number in range(100)]
    examples = read_run_data(finished(tmp_path, outcome(selected=selected))).selected_examples
    assert len(examples) == 100
    labels = [row["label"] for row in examples]
    assert labels == ["refund"] * 99 + ["delivery"]
    assert {row["step"] for row in examples} == {"labelled"}
    # the score of `agreement`, the only step that measured a confidence
    assert {row["confidence"] for row in examples} == {0.75}
    assert {row["scores"] for row in examples} == {'{"agreement": 0.75}'}
    assert {row["split"] for row in examples} == {"train", "validation"}


def test_of_more_texts_than_are_shown_every_label_has_some(tmp_path: Path) -> None:
    selected = [
        record(n, "refund" if n % 9 else "delivery", request_key=f"k{n}") for n in range(MAX_SELECTED_SHOWN + 500)
    ]
    examples = read_run_data(finished(tmp_path, outcome(selected=selected, quota=()))).selected_examples
    assert len(examples) <= MAX_SELECTED_SHOWN
    assert {row["label"] for row in examples} == {"refund", "delivery"}


def test_a_label_of_which_far_fewer_texts_are_kept_is_collapsed(tmp_path: Path) -> None:
    selected = [record(number, "refund", request_key=f"k{number}") for number in range(20)]
    selected.append(record(50, "delivery", request_key="k50"))
    drops = [DroppedRecord(record(100 + n, "delivery"), "filter", "agreement", "another label first") for n in range(9)]
    data = read_run_data(finished(tmp_path, outcome(selected=selected, surplus=[record(60)], dropped=drops)))
    refund, delivery = data.label_outcomes
    assert (refund.label, refund.entered, refund.kept, refund.share, refund.collapsed) == ("refund", 21, 21, 1.0, False)
    assert (delivery.label, delivery.entered, delivery.kept, delivery.share) == ("delivery", 10, 1, 0.1)
    assert delivery.collapsed


def test_dropped_examples_have_score_limit_and_the_text_they_duplicate(tmp_path: Path) -> None:
    result = outcome()
    dropped = read_run_data(finished(tmp_path, result)).dropped_examples
    (row,) = dropped["filter near_duplicate: like a text that was kept"]
    assert (row["score"], row["limit"], row["text"]) == (0.8, 0.7, "text 101")
    assert row["duplicate_of"] == result.selected[0].id
    assert row["duplicate_text"] == "text 0"
    (unparsed,) = dropped["parse labelled: no list"]
    assert unparsed["text"] == "raw ? junk"
    assert len(dropped["select diverse: not selected"]) == 2


def test_examples_have_the_text_that_they_rewrite(tmp_path: Path) -> None:
    fields = {"document": "a long document"}
    selected = [Record("short", Provenance("summary", ("p",), request_key="k"), (), fields)]
    dropped_record = Record("wrong", Provenance("summary", ("p",), request_key="k2"), (), fields)
    result = outcome(
        task="summarization",
        labels={},
        selected=selected,
        dropped=[DroppedRecord(dropped_record, "filter", "faithful", "numbers")],
        surplus=(),
        quota=(),
    )
    data = read_run_data(finished(tmp_path, result))
    assert [row["source_text"] for row in data.selected_examples] == ["a long document"]
    assert data.dropped_examples["filter faithful: numbers"][0]["source_text"] == "a long document"
    assert data.label_counts == {}


def test_a_text_with_several_labels_is_counted_for_each(tmp_path: Path) -> None:
    both = Record("both", Provenance("labelled", request_key="k"), ("refund", "delivery"))
    data = read_run_data(finished(tmp_path, outcome(multi_label=True, selected=[both], splits={"train": 1.0})))
    assert {label: dict(counts) for label, counts in data.label_counts.items()} == {
        "refund": {"train": 1},
        "delivery": {"train": 1},
    }
    assert data.selected_examples[0]["label"] == "refund, delivery"


def test_a_run_that_selected_nothing_has_data(tmp_path: Path) -> None:
    data = read_run_data(finished(tmp_path, outcome(selected=(), surplus=())))
    assert (data.selected_examples, data.status.selected) == ([], "0 selected")


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no finished run is in this folder \(no manifest\.json\)"):
        read_run_data(tmp_path)


def test_the_data_contain_the_evaluation(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    assert read_run_data(run).evaluation is None
    (run / "evaluation.json").write_text(json.dumps(evaluations.small()))
    assert read_run_data(run).evaluation == evaluations.small()


def test_of_very_many_labels_only_some_have_an_example(tmp_path: Path) -> None:
    labels = {f"label {n}": "means" for n in range(MAX_SELECTED_SHOWN + 50)}
    selected = [record(n, label, request_key=f"k{n}") for n, label in enumerate(labels)]
    data = read_run_data(finished(tmp_path, outcome(labels=labels, selected=selected, quota=())))
    assert len(data.selected_examples) == MAX_SELECTED_SHOWN
    assert len(data.label_counts) == MAX_SELECTED_SHOWN + 50


def test_after_a_run_that_was_killed_the_advice_is_to_run_again_and_not_to_evaluate_again(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    write_evaluation(run, evaluations.small())
    write_dataset(run / "dataset", outcome(selected=[record(number) for number in range(12)]))
    with pytest.raises(UsageError, match="run the recipe again, which takes every answer from the journal"):
        read_run_data(run)

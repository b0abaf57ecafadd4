"""The data of a report, read from the folder of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.report.data import DROPPED_SHOWN_PER_REASON, MAX_SELECTED_SHOWN, SELECTED_SHOWN, read_run_data


def test_the_funnel_adds_up_and_has_the_most_frequent_reason_first(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "filter", "length", "too few words", 2, 3) for n in range(4)]
    data = read_run_data(finished(tmp_path, outcome(dropped=[*outcome().dropped[1:], *drops])))
    funnel = data.funnel
    assert funnel[0] == ("candidates", 40)
    assert funnel[1] == ("filter length: too few words", -4)
    assert funnel[-3:] == [("accepted", 32), ("surplus (accepted, not selected)", -2), ("selected", 30)]
    losses = sum(count for _, count in funnel[1:-3])
    assert funnel[0][1] + losses == 32


def test_reasons_that_differ_only_in_what_they_quote_are_one(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "label", "choice", f"none of the labels: 'answer {n}'") for n in range(9)]
    data = read_run_data(finished(tmp_path, outcome(dropped=drops, surplus=())))
    assert ("label choice: none of the labels", -9) in data.funnel
    assert list(data.dropped_examples) == ["label choice: none of the labels"]
    assert len(data.dropped_examples["label choice: none of the labels"]) == DROPPED_SHOWN_PER_REASON


def test_labels_are_counted_by_split_in_the_recipes_order(tmp_path: Path) -> None:
    label_counts = read_run_data(finished(tmp_path, outcome())).label_counts
    assert list(label_counts) == ["refund", "delivery"]
    assert {label: dict(counts) for label, counts in label_counts.items()} == {
        "refund": {"train": 12, "validation": 3},
        "delivery": {"train": 12, "validation": 3},
    }


def test_examples_are_spread_over_the_labels_and_have_their_provenance(tmp_path: Path) -> None:
    selected = [record(number, "refund" if number else "delivery", request_key=f"k{number}") for number in range(100)]
    examples = read_run_data(finished(tmp_path, outcome(selected=selected))).selected_examples
    assert len(examples) == SELECTED_SHOWN // 2 + 1
    assert {row["label"] for row in examples} == {"refund", "delivery"}
    assert {row["step"] for row in examples} == {"labelled"}
    assert {row["confidence"] for row in examples} == {0.75}


def test_dropped_examples_have_score_limit_and_the_text_they_duplicate(tmp_path: Path) -> None:
    result = outcome()
    dropped = read_run_data(finished(tmp_path, result)).dropped_examples
    (row,) = dropped["filter near_duplicate: like a text that was kept"]
    assert (row["score"], row["limit"], row["text"]) == (0.8, 0.7, "text 101")
    assert row["duplicate_of"] == result.selected[0].id
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
    assert (data.selected_examples, data.funnel[-1]) == ([], ("selected", 0))


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

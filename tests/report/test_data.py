"""What a report tells, from the run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.report.data import DROPPED_A_REASON, KEPT_AT_MOST, KEPT_SHOWN, read_run_data


def test_the_funnel_adds_up_the_commonest_reason_first(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "filter", "length", "too few words", 2, 3) for n in range(4)]
    account = read_run_data(finished(tmp_path, outcome(dropped=[*outcome().dropped[1:], *drops])))
    funnel = account.funnel
    assert funnel[0] == ("candidates", 40)
    assert funnel[1] == ("filter length: too few words", -4)
    assert funnel[-3:] == [("accepted", 32), ("spare (accepted, not picked)", -2), ("selected", 30)]
    taken = sum(count for _, count in funnel[1:-3])
    assert funnel[0][1] + taken == 32


def test_what_a_reason_quotes_does_not_part_it(tmp_path: Path) -> None:
    drops = [DroppedRecord(record(100 + n), "label", "choice", f"none of the labels: 'answer {n}'") for n in range(9)]
    account = read_run_data(finished(tmp_path, outcome(dropped=drops, surplus=())))
    assert ("label choice: none of the labels", -9) in account.funnel
    assert list(account.dropped) == ["label choice: none of the labels"]
    assert len(account.dropped["label choice: none of the labels"]) == DROPPED_A_REASON


def test_labels_are_counted_by_split_in_the_recipe_s_order(tmp_path: Path) -> None:
    labels = read_run_data(finished(tmp_path, outcome())).labels
    assert list(labels) == ["refund", "delivery"]
    assert {label: dict(counts) for label, counts in labels.items()} == {
        "refund": {"train": 12, "validation": 3},
        "delivery": {"train": 12, "validation": 3},
    }


def test_some_texts_of_every_label_are_shown_with_what_stands_behind_them(tmp_path: Path) -> None:
    selected = [record(number, "refund" if number else "delivery", request_key=f"k{number}") for number in range(100)]
    kept = read_run_data(finished(tmp_path, outcome(selected=selected))).kept
    assert len(kept) == KEPT_SHOWN // 2 + 1
    assert {row["label"] for row in kept} == {"refund", "delivery"}
    assert {row["step"] for row in kept} == {"labelled"}
    assert {row["confidence"] for row in kept} == {0.75}


def test_dropped_texts_are_shown_with_number_limit_and_twin(tmp_path: Path) -> None:
    told = outcome()
    dropped = read_run_data(finished(tmp_path, told)).dropped
    (row,) = dropped["filter near_duplicate: like a text that was kept"]
    assert (row["score"], row["limit"], row["duplicate_of"], row["text"]) == (0.8, 0.7, told.selected[0].id, "text 101")
    (unread,) = dropped["parse labelled: no list"]
    assert unread["text"] == "raw ? junk"
    assert len(dropped["select diverse: not picked"]) == 2


def test_what_a_text_rewrites_is_told(tmp_path: Path) -> None:
    fields = {"document": "a long document"}
    kept = [Record("short", Provenance("summary", ("p",), request_key="k"), (), fields)]
    lost = [
        DroppedRecord(
            Record("wrong", Provenance("summary", ("p",), request_key="k2"), (), fields),
            "filter",
            "faithful",
            "numbers",
        )
    ]
    told = outcome(task="summarization", labels={}, selected=kept, dropped=lost, surplus=(), quota=())
    account = read_run_data(finished(tmp_path, told))
    assert [row["source_text"] for row in account.kept] == ["a long document"]
    assert account.dropped["filter faithful: numbers"][0]["source_text"] == "a long document"
    assert account.labels == {}


def test_several_labels_are_each_counted(tmp_path: Path) -> None:
    both = Record("both", Provenance("labelled", request_key="k"), ("refund", "delivery"))
    account = read_run_data(finished(tmp_path, outcome(multi_label=True, selected=[both], splits={"train": 1.0})))
    assert {label: dict(counts) for label, counts in account.labels.items()} == {
        "refund": {"train": 1},
        "delivery": {"train": 1},
    }
    assert account.kept[0]["label"] == "refund, delivery"


def test_a_run_that_selected_nothing_has_an_account(tmp_path: Path) -> None:
    account = read_run_data(finished(tmp_path, outcome(selected=(), surplus=())))
    assert (account.kept, account.funnel[-1]) == ([], ("selected", 0))


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no finished run is in this folder \(no manifest\.json\)"):
        read_run_data(tmp_path)


def test_what_evaluation_json_tells_comes_along(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    assert read_run_data(run).evaluation is None
    (run / "evaluation.json").write_text(json.dumps(evaluations.small()))
    assert read_run_data(run).evaluation == evaluations.small()


def test_of_very_many_sets_of_labels_some_texts_are_shown(tmp_path: Path) -> None:
    labels = {f"label {n}": "means" for n in range(KEPT_AT_MOST + 50)}
    selected = [record(n, label, request_key=f"k{n}") for n, label in enumerate(labels)]
    account = read_run_data(finished(tmp_path, outcome(labels=labels, selected=selected, quota=())))
    assert len(account.kept) == KEPT_AT_MOST
    assert len(account.labels) == KEPT_AT_MOST + 50

"""One person before the queue: what is decided, what is left, and what others said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.runs import reviewed, waiting
from textsynth.core.errors import UsageError
from textsynth.review.queue import read_queue
from textsynth.review.session import ReviewSession
from textsynth.store.decisions import FILE, Decision, add_decisions, read_decisions


def sit(run: Path, by: str = "ann", *, selected: bool = False) -> ReviewSession:
    return ReviewSession(run, read_queue(run, selected=selected), by)


def test_a_decision_is_on_disk_with_who_when_and_the_text(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    first, second, third, *_ = sit(run).state()["order"]
    sitting = sit(run)
    told = sitting.decide(first, "keep")
    assert told["left"] == 5
    assert told["status"]["mine"] == {"by": "ann", "decision": "keep", "labels": ["refund"]}
    sitting.decide(second, "drop")
    sitting.decide(third, "relabel", ["delivery"])
    lines = read_decisions(run).lines
    assert [(one.id, one.decision, one.labels, one.by) for one in lines] == [
        (first, "keep", ("refund",), "ann"),
        (second, "drop", ("refund",), "ann"),
        (third, "relabel", ("delivery",), "ann"),
    ]
    assert all(one.text.startswith("doubtful text") and one.at.endswith("+00:00") for one in lines)
    assert sitting.sentence() == (
        "ann decided on 3 per_request: 1 kept, 1 dropped, 1 relabelled; 3 texts wait for a decision; "
        "textsynth run recipe.yaml takes the decisions in"
    )
    assert sitting.told()["decided"] == {"kept": 1, "dropped": 1, "relabelled": 1}


def test_undo_takes_back_the_latest_and_then_the_one_before(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    sitting = sit(run)
    first, second, *_ = sitting.state()["order"]
    sitting.decide(first, "keep")
    sitting.decide(second, "drop")
    sitting.decide(first, "relabel", ["delivery"])
    back = sitting.undo()
    assert (back["id"], back["status"]["mine"]["decision"]) == (first, "keep")
    assert sitting.undo()["id"] == second
    assert sitting.undo()["status"]["mine"] is None
    with pytest.raises(UsageError, match="ann has decided on no text of this queue"):
        sitting.undo()
    assert [one.decision for one in read_decisions(run).lines] == ["keep", "drop", "relabel", "undo", "undo", "undo"]
    assert sitting.told()["decided"] == {"kept": 0, "dropped": 0, "relabelled": 0}
    assert sitting.told()["left"] == 6


def test_what_is_no_decision_is_refused_and_not_written(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    sitting = sit(run)
    one = sitting.state()["order"][0]
    for call, said in (
        (("0" * 16, "keep"), "the queue has no text '0000"),
        ((one, "kep"), "decision is 'kep'; did you mean 'keep'"),
        ((one, "undo"), "decision is 'undo'"),
        ((one, "relabel"), "relabel takes a list of labels"),
        ((one, "relabel", "refund"), "relabel takes a list of labels"),
        ((one, "relabel", ["refnd"]), "there is no label 'refnd'; did you mean 'refund'"),
        ((one, "relabel", [["refund"]]), "there is no label"),
        ((one, "relabel", ["refund", "delivery"]), "takes one label, got 2"),
    ):
        with pytest.raises(UsageError, match=said.replace("[", r"\[")):
            sitting.decide(*call)
    assert not (run / FILE).exists()


def test_several_labels_stand_in_the_recipes_order(tmp_path: Path) -> None:
    run = reviewed(tmp_path, [waiting(1, ("refund",))], multi_label=True)
    sitting = sit(run)
    sitting.decide(sitting.state()["order"][0], "relabel", ["delivery", "refund"])
    assert read_decisions(run).lines[0].labels == ("refund", "delivery")


def test_another_person_comes_to_open_texts_first_and_does_not_see_what_was_said(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    ann = sit(run)
    order = ann.state()["order"]
    ann.decide(order[0], "keep")
    ann.decide(order[1], "drop")
    bob = sit(run, "bob")
    state = bob.state()
    assert state["order"] == [*order[2:], *order[:2]]
    assert state["left"] == 4
    assert state["status"][order[0]] == {"mine": None, "others": 1, "differ": False, "said": []}
    bob.decide(order[0], "keep")
    told = bob.decide(order[1], "keep")
    assert told["status"]["differ"]
    assert told["status"]["said"] == [{"by": "ann", "decision": "drop", "labels": ["refund"]}]
    assert told["left"] == 5
    assert told["pairs"] == [{"people": ["ann", "bob"], "texts": 2, "same": 1, "kappa": 0.0}]
    assert "ann and bob agree on 1 of 2 texts (Cohen's kappa 0.00)" in bob.sentence()
    assert ann.state()["order"][:5] == [*order[2:], order[1]]  # what people differ on comes after what is open
    assert ann.entry(order[1])["status"]["said"][0]["by"] == "bob"
    ann.decide(order[1], "keep")
    assert ann.state()["left"] == 4


def test_decisions_of_an_earlier_sitting_are_there_and_their_texts_come_last(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    order = sit(run).state()["order"]
    sit(run).decide(order[0], "keep")
    again = sit(run)
    assert again.state()["order"] == [*order[1:], order[0]]
    assert again.told()["decided"]["kept"] == 0
    assert again.undo()["id"] == order[0]


def test_selected_texts_are_counted_apart(tmp_path: Path) -> None:
    run = reviewed(tmp_path, [waiting(1)])
    sitting = sit(run, selected=True)
    state = sitting.state()
    assert (state["left"], state["selected"], len(state["order"])) == (1, 30, 31)
    told = sitting.decide(state["order"][1], "relabel", ["delivery"])
    assert (told["left"], told["selected"]) == (1, 29)


def test_what_moves_a_cursor_or_turns_a_line_is_written_out(tmp_path: Path) -> None:
    run = reviewed(tmp_path, [waiting(1, text="abc \u202e cba\x1b[2J\nnext", fields={"tone": "\u202e"})])
    sitting = sit(run)
    entry = sitting.entry(sitting.state()["order"][0])
    assert entry["text"] == "abc \\u202e cba\\x1b[2J\nnext"
    assert entry["attributes"] == {"tone": "\\u202e"}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31mb", "x" * 101])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it names a person"):
        sit(reviewed(tmp_path), name)


def test_a_torn_line_is_known_and_others_decisions_on_other_texts_do_no_harm(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    add_decisions(run, [Decision("gone", "drop", by="ann")])
    with (run / FILE).open("a") as file:
        file.write('{"id": "half')
    sitting = sit(run)
    assert sitting.torn
    assert sitting.told()["left"] == 6
    with pytest.raises(UsageError, match="has decided on no text of this queue"):
        sitting.undo()

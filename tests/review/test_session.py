"""A review session: decisions, remaining texts, and the decisions of other people."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.runs import pending_text, run_with_pending
from textsynth.core.errors import UsageError
from textsynth.review.queue import read_queue
from textsynth.review.session import ReviewSession
from textsynth.store.decisions import FILE, Decision, add_decisions, read_decisions


def start_session(run: Path, reviewer: str = "ann", *, selected: bool = False) -> ReviewSession:
    return ReviewSession(run, read_queue(run, selected=selected), reviewer)


def test_a_decision_is_on_disk_with_person_time_and_text(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    session = start_session(run)
    first, second, third, *_ = session.state()["order"]
    change = session.decide(first, "keep")
    assert change["remaining"] == {"pending": 5, "selected": 0}
    assert change["status"]["own_decision"] == {"by": "ann", "decision": "keep", "labels": ["refund"]}
    session.decide(second, "drop")
    session.decide(third, "relabel", ["delivery"])
    lines = read_decisions(run).lines
    assert [(line.id, line.decision, line.labels, line.by) for line in lines] == [
        (first, "keep", ("refund",), "ann"),
        (second, "drop", ("refund",), "ann"),
        (third, "relabel", ("delivery",), "ann"),
    ]
    assert all(line.text.startswith("doubtful text") and line.at.endswith("+00:00") for line in lines)
    assert session.summary_text() == (
        "ann decided on 3 texts: 1 kept, 1 dropped, 1 relabelled; 3 texts wait for a decision; "
        "textsynth run recipe.yaml applies the decisions"
    )
    assert session.summary() == {
        "folder": str(run),
        "by": "ann",
        "decided": {"kept": 1, "dropped": 1, "relabelled": 1},
        "left": 3,
        "selected": 0,
        "pairs": [],
    }


def test_undo_reverts_the_latest_decision_and_then_the_one_before(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    session = start_session(run)
    first, second, *_ = session.state()["order"]
    session.decide(first, "keep")
    session.decide(second, "drop")
    session.decide(first, "relabel", ["delivery"])
    change = session.undo()
    assert (change["id"], change["status"]["own_decision"]["decision"]) == (first, "keep")
    assert session.undo()["id"] == second
    assert session.undo()["status"]["own_decision"] is None
    with pytest.raises(UsageError, match="ann has not decided on any text in this queue"):
        session.undo()
    assert [line.decision for line in read_decisions(run).lines] == ["keep", "drop", "relabel", "undo", "undo", "undo"]
    assert session.summary()["decided"] == {"kept": 0, "dropped": 0, "relabelled": 0}
    assert session.summary()["left"] == 6


def test_an_invalid_decision_is_refused_and_not_written(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    session = start_session(run)
    id_ = session.state()["order"][0]
    for arguments, message in (
        (("0" * 16, "keep"), "the queue has no text '0000"),
        ((id_, "kep"), "decision is 'kep'; did you mean 'keep'"),
        ((id_, "undo"), "decision is 'undo'"),
        ((id_, "relabel"), "relabel needs a list of labels"),
        ((id_, "relabel", "refund"), "relabel needs a list of labels"),
        ((id_, "relabel", ["refnd"]), "there is no label 'refnd'; did you mean 'refund'"),
        ((id_, "relabel", [["refund"]]), "there is no label"),
        ((id_, "relabel", ["refund", "delivery"]), "takes one label, got 2"),
    ):
        with pytest.raises(UsageError, match=message.replace("[", r"\[")):
            session.decide(*arguments)
    assert not (run / FILE).exists()


def test_several_labels_are_saved_in_the_order_of_the_recipe(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path, [pending_text(1, ("refund",))], multi_label=True)
    session = start_session(run)
    session.decide(session.state()["order"][0], "relabel", ["delivery", "refund"])
    assert read_decisions(run).lines[0].labels == ("refund", "delivery")


def test_a_second_person_sees_undecided_texts_first_and_no_decision_before_their_own(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    ann = start_session(run)
    order = ann.state()["order"]
    ann.decide(order[0], "keep")
    ann.decide(order[1], "drop")
    bob = start_session(run, "bob")
    state = bob.state()
    assert state["order"] == [*order[2:], *order[:2]]
    assert state["remaining"]["pending"] == 4
    assert state["status"][order[0]] == {
        "own_decision": None,
        "other_reviewers": 1,
        "disagreement": False,
        "other_decisions": [],
    }
    bob.decide(order[0], "keep")
    change = bob.decide(order[1], "keep")
    assert change["status"]["disagreement"]
    assert change["status"]["other_decisions"] == [{"by": "ann", "decision": "drop", "labels": ["refund"]}]
    assert change["remaining"]["pending"] == 5
    assert change["agreement"] == [{"people": ["ann", "bob"], "texts": 2, "same": 1, "kappa": 0.0}]
    assert "ann and bob agree on 1 of 2 texts (Cohen's kappa 0.00)" in bob.summary_text()
    assert ann.state()["order"][:5] == [*order[2:], order[1]]  # texts with disagreement follow the undecided ones
    assert ann.entry(order[1])["status"]["other_decisions"][0]["by"] == "bob"
    ann.decide(order[1], "keep")
    assert ann.state()["remaining"]["pending"] == 4


def test_decisions_of_an_earlier_session_count_and_their_texts_come_last(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    first_session = start_session(run)
    order = first_session.state()["order"]
    first_session.decide(order[0], "keep")
    session = start_session(run)
    assert session.state()["order"] == [*order[1:], order[0]]
    assert session.summary()["decided"]["kept"] == 0
    assert session.undo()["id"] == order[0]


def test_selected_texts_are_counted_separately(tmp_path: Path) -> None:
    session = start_session(run_with_pending(tmp_path, [pending_text(1)]), selected=True)
    state = session.state()
    assert (state["remaining"], len(state["order"])) == ({"pending": 1, "selected": 30}, 31)
    change = session.decide(state["order"][1], "relabel", ["delivery"])
    assert change["remaining"] == {"pending": 1, "selected": 29}


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    drop = pending_text(1, text="abc \u202e cba\x1b[2J\nnext", fields={"tone": "\u202e"})
    session = start_session(run_with_pending(tmp_path, [drop]))
    entry = session.entry(session.state()["order"][0])
    assert entry["text"] == "abc \\u202e cba\\x1b[2J\nnext"
    assert entry["attributes"] == {"tone": "\\u202e"}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31mb", "x" * 101])
def test_an_invalid_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it must be the name of a person"):
        start_session(run_with_pending(tmp_path), name)


def test_an_incomplete_line_and_decisions_on_other_texts_are_ignored(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    add_decisions(run, [Decision("gone", "drop", by="ann")])
    with (run / FILE).open("a") as file:
        file.write('{"id": "half')
    session = start_session(run)
    assert session.truncated_file
    assert session.summary()["left"] == 6
    with pytest.raises(UsageError, match="has not decided on any text in this queue"):
        session.undo()

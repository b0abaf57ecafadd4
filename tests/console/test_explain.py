"""The story of one text, kept or dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report.folders import finished
from textsynth.console.explain import TextStory, explain_text
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.store.decisions import Decision, add_decisions

ANSWER = {"prompt": [["system", "You write."], ["user", "Two texts."]], "answer": "1. text 4", "finish": "stop"}


def no_journal(key: str) -> Mapping[str, Any] | None:
    return None


def told(run: Path, one: Record, answers: Mapping[str, Mapping[str, Any]] | None = None) -> TextStory:
    return explain_text(run, one.id, (answers or {}).get)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with texts of every end."""
    return finished(tmp_path_factory.mktemp("why"), outcome())


def test_a_kept_text_has_its_passport_prompt_and_answer(run: Path) -> None:
    found = told(run, record(4, "delivery"), {"key1": {**ANSWER, "failure": None}})
    assert found.end == "selected"
    text = found.text()
    for line in (
        f"{found.id}  selected",
        "  text 4",
        "label: delivery",
        "made by: labelled",
        "example_ids: aaaa000011112222 (a given row)",
        "prompt: labelled (f00d), model: SmolLM2@abc",
        "sampling: temperature 0.8; draw 1 of its answer",
        "attributes: tone plain",
        "scores: agreement 0.75",
        "confidence: 0.75",
        "  [user] Two texts.",
        "the answer (stop):",
        "  1. text 4",
    ):
        assert line in text.splitlines()
    assert json.loads(json.dumps(found.json()))["answer"]["answer"] == "1. text 4"


def test_a_dropped_text_has_its_reason_number_limit_and_the_text_kept_instead(run: Path) -> None:
    found = told(run, record(101))
    twin = record(0)
    assert found.end == "dropped"
    assert "filter near_duplicate: like a text that was kept (score 0.8, limit 0.7)" in found.text()
    assert f"kept instead: {twin.id} 'text 0'" in found.text()
    assert found.related == {twin.id: "text 0"}
    assert "the journal of this run does not have the answer" in found.text()


def test_every_end_is_named(run: Path) -> None:
    assert told(run, record(110)).end == "spare: accepted, not picked"
    assert told(run, record(103)).end == "waits for a person"
    unread = Record("raw \ud800 junk", Provenance("labelled", request_key="key9", index=7))
    assert (told(run, unread).end, told(run, unread).said) == ("dropped", "raw ? junk")
    assert "parse labelled: no list" in told(run, unread).text()


def test_a_failure_is_told_in_place_of_how_the_answer_ended(run: Path) -> None:
    answer = {"prompt": "raw prompt", "answer": "", "finish": "stop", "failure": "the prompt is too long"}
    text = told(run, record(4, "delivery"), {"key1": answer}).text()
    assert "the answer (the prompt is too long):" in text
    assert "  raw prompt" in text.splitlines()


def test_paraphrases_tell_what_they_rewrite_and_their_parents_texts(tmp_path: Path) -> None:
    parent = Record("the original", Provenance("existing"), ("refund",), {"source_text": "the original"})
    child = Record(
        "in other words", Provenance("paraphrase", (parent.id,)), ("refund",), {"source_text": "the original"}
    )
    lost = Record("nonsense", Provenance("paraphrase", (parent.id,)), ("refund",), {"source_text": "the original"})
    drops = [DroppedRecord(lost, "filter", "same_meaning", "another meaning", 0.2, 0.8)]
    made = finished(tmp_path, outcome(task="paraphrase", selected=[parent, child], dropped=drops, surplus=()))
    for one in (child, lost):
        lines = told(made, one).text().splitlines()
        assert lines[lines.index("rewrites:") + 1] == "  the original"
        assert f"parent: {parent.id} 'the original'" in lines
        assert "the journal" not in told(made, one).text()


def test_intended_and_chosen_label_are_both_told(tmp_path: Path) -> None:
    fields = {"intended_label": "refund", "chosen_label": "delivery"}
    one = Record("text", Provenance("labelled", request_key="k"), ("delivery",), fields)
    lines = told(finished(tmp_path, outcome(selected=[one])), one).text().splitlines()
    assert {"label: delivery", "intended_label: refund", "predicted_label: delivery"} <= set(lines)


def test_a_text_of_a_model_cannot_move_the_cursor(tmp_path: Path) -> None:
    one = Record("a \x1b[2J b\rc", Provenance("labelled", request_key="k"), ("refund",))
    answer = {"prompt": [["user", "\x1b[31m"]], "answer": "\x9b2J\u202e", "finish": "stop", "failure": None}
    text = told(finished(tmp_path, outcome(selected=[one])), one, {"k": answer}).text()
    assert {"\x1b", "\x9b", "\r", "\u202e"}.isdisjoint(text)
    assert r"  a \x1b[2J b\rc" in text.splitlines()


def test_a_beginning_that_only_one_id_has_is_enough(run: Path) -> None:
    one = record(4, "delivery")
    assert explain_text(run, one.id[:6], no_journal).id == one.id
    assert explain_text(run, f" {one.id.upper()} ", no_journal).id == one.id


def test_an_unknown_id_is_told_with_the_nearest(run: Path) -> None:
    one = record(4, "delivery").id
    wrong = one[:5] + ("0" if one[5] != "0" else "1") + one[6:]
    with pytest.raises(UsageError, match=f"has the id '{wrong}'; did you mean {one}"):
        explain_text(run, wrong, no_journal)
    with pytest.raises(UsageError, match="none of its 37 texts has the id 'zzz'; the report and"):
        explain_text(run, "zzz", no_journal)
    with pytest.raises(UsageError, match="has the id ''"):
        explain_text(run, "", no_journal)


def test_a_beginning_of_several_ids_is_told(tmp_path: Path) -> None:
    texts = [Record(f"text {n}", Provenance("labelled", request_key=f"k{n}")) for n in range(600)]
    first = {one.id[:4]: one for one in texts}
    several = next(one.id[:4] for one in texts if first[one.id[:4]] is not one)
    made = finished(tmp_path, outcome(selected=texts, labels={}, quota=()))
    with pytest.raises(UsageError, match=f"2 ids begin with '{several}': .*; give more digits"):
        explain_text(made, several, no_journal)
    with pytest.raises(UsageError, match="none of its"):
        explain_text(made, several[:3], no_journal)


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished run is in this folder"):
        explain_text(tmp_path, "0123456789abcdef", no_journal)


def test_what_people_decided_is_told_with_who_and_when(tmp_path: Path) -> None:
    gone = DroppedRecord(record(200), "person", "review", "a person dropped it")
    run = finished(tmp_path, outcome(dropped=[gone]))
    kept = record(0)
    at = "2026-01-02T03:04:05+00:00"
    add_decisions(
        run,
        [
            Decision(gone.record.id, "drop", ("refund",), "ann", at),
            Decision(kept.id, "keep", ("refund",), "ann", at),
            Decision(kept.id, "relabel", ("delivery",), "bob\x1b[2J"),
        ],
    )
    dropped = told(run, gone.record)
    assert dropped.end == "dropped by a person"
    assert f"a person decided: drop, by ann at {at}" in dropped.text().splitlines()
    found = told(run, kept)
    assert f"a person decided: keep as refund, by ann at {at}" in found.text().splitlines()
    assert r"a person decided: relabel as delivery, by bob\x1b[2J" in found.text().splitlines()
    assert found.json()["review"][0] == {"by": "ann", "at": at, "decision": "keep", "labels": ["refund"]}
    assert told(run, record(1)).json()["review"] == []

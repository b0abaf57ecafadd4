"""The explanation of one text, selected or dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report.folders import finished
from textsynth.console.explain import TextExplanation, explain_text
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.store.decisions import Decision, add_decisions

ANSWER = {"prompt": [["system", "You write."], ["user", "Two texts."]], "answer": "1. text 4", "finish": "stop"}


def no_answer(key: str) -> Mapping[str, Any] | None:
    return None


def explain(run: Path, text: Record, answers: Mapping[str, Mapping[str, Any]] | None = None) -> TextExplanation:
    return explain_text(run, text.id, (answers or {}).get)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with texts of every status."""
    return finished(tmp_path_factory.mktemp("why"), outcome())


def test_a_selected_text_has_its_provenance_prompt_and_answer(run: Path) -> None:
    explanation = explain(run, record(4, "delivery"), {"key1": {**ANSWER, "failure": None}})
    assert explanation.status == "selected"
    lines = explanation.as_text().splitlines()
    for line in (
        f"{explanation.id}  selected",
        "  text 4",
        "label: delivery",
        "generator: labelled",
        "example in the prompt: aaaa000011112222 (source row)",
        "prompt: labelled (f00d), model: SmolLM2@abc",
        "sampling: temperature 0.8; index 1 in its answer",
        "attributes: tone plain",
        "scores: agreement 0.75",
        "confidence: 0.75",
        "  [user] Two texts.",
        "answer (stop):",
        "  1. text 4",
    ):
        assert line in lines
    assert json.loads(json.dumps(explanation.as_json()))["answer"]["answer"] == "1. text 4"


def test_a_dropped_text_has_its_reason_score_limit_and_the_text_it_duplicates(run: Path) -> None:
    explanation = explain(run, record(101))
    duplicated = record(0)
    text = explanation.as_text()
    assert explanation.status == "dropped"
    assert "filter near_duplicate: like a text that was kept (score 0.8, limit 0.7)" in text
    assert f"duplicate of: {duplicated.id} 'text 0'" in text
    assert explanation.related_texts == {duplicated.id: "text 0"}
    assert "the journal of this run does not contain the answer" in text


def test_every_text_has_a_status(run: Path) -> None:
    assert explain(run, record(110)).status == "surplus: accepted, not selected"
    assert explain(run, record(103)).status == "waits for a person"
    unparsed = Record("raw \ud800 junk", Provenance("labelled", request_key="key9", index=7))
    assert (explain(run, unparsed).status, explain(run, unparsed).text) == ("dropped", "raw ? junk")
    assert "parse labelled: no list" in explain(run, unparsed).as_text()


def test_the_failure_of_a_request_replaces_the_finish_reason(run: Path) -> None:
    answer = {"prompt": "raw prompt", "answer": "", "finish": "stop", "failure": "the prompt is too long"}
    text = explain(run, record(4, "delivery"), {"key1": answer}).as_text()
    assert "answer (the prompt is too long):" in text
    assert "  raw prompt" in text.splitlines()


def test_a_paraphrase_has_its_source_text_and_its_parent(tmp_path: Path) -> None:
    fields = {"source_text": "the original"}
    parent = Record("the original", Provenance("existing"), ("refund",), fields)
    selected = Record("in other words", Provenance("paraphrase", (parent.id,)), ("refund",), fields)
    dropped = Record("nonsense", Provenance("paraphrase", (parent.id,)), ("refund",), fields)
    drops = [DroppedRecord(dropped, "filter", "same_meaning", "another meaning", 0.2, 0.8)]
    run = finished(tmp_path, outcome(task="paraphrasing", selected=[parent, selected], dropped=drops, surplus=()))
    for text in (selected, dropped):
        lines = explain(run, text).as_text().splitlines()
        assert lines[lines.index("source text:") + 1] == "  the original"
        assert f"parent: {parent.id} 'the original'" in lines
        assert "the journal" not in explain(run, text).as_text()


def test_intended_and_predicted_label_are_both_shown(tmp_path: Path) -> None:
    fields = {"intended_label": "refund", "chosen_label": "delivery"}
    text = Record("text", Provenance("labelled", request_key="k"), ("delivery",), fields)
    lines = explain(finished(tmp_path, outcome(selected=[text])), text).as_text().splitlines()
    assert {"label: delivery", "intended label: refund", "predicted label: delivery"} <= set(lines)


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    text = Record("a \x1b[2J b\rc", Provenance("labelled", request_key="k"), ("refund",))
    answer = {"prompt": [["user", "\x1b[31m"]], "answer": "\x9b2J\u202e", "finish": "stop", "failure": None}
    explained = explain(finished(tmp_path, outcome(selected=[text])), text, {"k": answer}).as_text()
    assert {"\x1b", "\x9b", "\r", "\u202e"}.isdisjoint(explained)
    assert r"  a \x1b[2J b\rc" in explained.splitlines()


def test_a_unique_prefix_of_an_id_is_enough(run: Path) -> None:
    text = record(4, "delivery")
    assert explain_text(run, text.id[:6], no_answer).id == text.id
    assert explain_text(run, f" {text.id.upper()} ", no_answer).id == text.id


def test_an_unknown_id_is_an_error_with_the_nearest_id(run: Path) -> None:
    id_ = record(4, "delivery").id
    misspelled = id_[:5] + ("0" if id_[5] != "0" else "1") + id_[6:]
    with pytest.raises(UsageError, match=f"has the id '{misspelled}'; did you mean {id_}"):
        explain_text(run, misspelled, no_answer)
    with pytest.raises(UsageError, match="none of its 37 texts has the id 'zzz'; ids are in the report and"):
        explain_text(run, "zzz", no_answer)
    with pytest.raises(UsageError, match="has the id ''"):
        explain_text(run, "", no_answer)


def test_a_prefix_of_several_ids_is_an_error_that_lists_them(tmp_path: Path) -> None:
    texts = [Record(f"text {n}", Provenance("labelled", request_key=f"k{n}")) for n in range(600)]
    by_prefix = {text.id[:4]: text for text in texts}
    shared = next(text.id[:4] for text in texts if by_prefix[text.id[:4]] is not text)
    run = finished(tmp_path, outcome(selected=texts, labels={}, quota=()))
    with pytest.raises(UsageError, match=f"2 ids begin with '{shared}': .*; give more digits"):
        explain_text(run, shared, no_answer)
    with pytest.raises(UsageError, match="none of its"):
        explain_text(run, shared[:3], no_answer)


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished run is in this folder"):
        explain_text(tmp_path, "0123456789abcdef", no_answer)


def test_review_decisions_are_shown_with_person_and_time(tmp_path: Path) -> None:
    dropped = DroppedRecord(record(200), "person", "review", "a person dropped it")
    run = finished(tmp_path, outcome(dropped=[dropped]))
    selected = record(0)
    time = "2026-01-02T03:04:05+00:00"
    add_decisions(
        run,
        [
            Decision(dropped.record.id, "drop", ("refund",), "ann", time),
            Decision(selected.id, "keep", ("refund",), "ann", time),
            Decision(selected.id, "relabel", ("delivery",), "bob\x1b[2J"),
        ],
    )
    explanation = explain(run, dropped.record)
    assert explanation.status == "dropped by a person"
    assert f"review decision: drop, by ann at {time}" in explanation.as_text().splitlines()
    explanation = explain(run, selected)
    lines = explanation.as_text().splitlines()
    assert f"review decision: keep as refund, by ann at {time}" in lines
    assert r"review decision: relabel as delivery, by bob\x1b[2J" in lines
    first_decision = explanation.as_json()["review"][0]
    assert first_decision == {"by": "ann", "at": time, "decision": "keep", "labels": ["refund"]}
    assert explain(run, record(1)).as_json()["review"] == []

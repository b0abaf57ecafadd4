"""Decisions of people in a run: by id, in plan order, with no answer paid twice and the same bytes at any speed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runner.recipes import digest
from textsynth.core.errors import UsageError
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Provenance, Record, Verdict
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.review_decisions import DIFFER, NO_DECISIONS, ReviewDecisions, review_notes
from textsynth.store.dataset import DatasetReader
from textsynth.store.decisions import FILE, Decision, Kind, add_decisions
from textsynth.store.manifest import read_manifest

LABELS = ("refund", "delivery", "praise")


def text(name: str, label: str = "refund", **fields: str) -> Record:
    return Record(name, Provenance("labelled", request_key=name), (label,) if label else (), fields)


def people(*lines: tuple[str, str] | tuple[str, str, str], multi_label: bool = False) -> ReviewDecisions:
    """Return what ann says of texts by name; a third word is the label."""
    found: dict[str, dict[str, Decision]] = {}
    for name, decision, *labels in lines:
        by = "ann" if text(name).id not in found else "bob"
        one = Decision(text(name).id, decision, tuple(labels) or ("refund",), by)  # type: ignore[arg-type]
        found.setdefault(one.id, {})[by] = one
    return ReviewDecisions(found, LABELS, multi_label=multi_label)


def test_nobody_decides_nothing() -> None:
    records = [text("a"), text("b")]
    assert not NO_DECISIONS
    assert NO_DECISIONS.dropped(records) == []
    assert NO_DECISIONS.after(records) == (records, [])
    assert not NO_DECISIONS.let_pass(records[0], Verdict("odd", needs_review=True))


def test_a_text_that_people_drop_is_dropped_as_by_a_person() -> None:
    (drop,) = people(("a", "drop"), ("b", "keep")).dropped([text("a"), text("b"), text("c")])
    assert (drop.record.text, drop.section, drop.step, drop.reason) == ("a", "person", "review", "a person dropped it")


def test_only_a_verdict_for_review_lets_a_decided_text_pass() -> None:
    said = people(("a", "keep"), ("b", "relabel", "praise"), ("c", "drop"))
    review, drop = Verdict("odd", needs_review=True), Verdict("odd")
    assert [said.let_pass(text(name), review) for name in "abcd"] == [True, True, False, False]
    assert not any(said.let_pass(text(name), drop) for name in "abcd")


def test_labels_of_people_are_put_in_at_the_end_and_what_was_asked_for_is_kept() -> None:
    said = people(("a", "keep"), ("b", "relabel", "praise"), ("c", "relabel", "delivery"))
    kept, waits = said.after([text("a"), text("b"), text("c", intended_label="refund", tone="calm"), text("d")])
    assert waits == []
    assert [one.labels for one in kept] == [("refund",), ("praise",), ("delivery",), ("refund",)]
    assert [dict(one.fields) for one in kept] == [
        {REVIEW_DECISION: "keep"},
        {REVIEW_DECISION: "relabel", "intended_label": "refund"},
        {REVIEW_DECISION: "relabel", "intended_label": "refund", "tone": "calm"},
        {},
    ]
    assert [one.id for one in kept] == [text(name).id for name in "abcd"]


def test_where_people_differ_the_text_waits_whether_a_check_doubts_it_or_not() -> None:
    said = people(("a", "keep"), ("a", "drop"))
    kept, (wait,) = said.after([text("a"), text("b")])
    assert [one.text for one in kept] == ["b"]
    assert said.told(wait).reason == f"{DIFFER}: the checks would keep it"
    doubt = DroppedRecord(text("a"), "review", "choice", "too few votes for the chosen label", 0.5, 0.6)
    assert said.told(doubt).reason == f"{DIFFER}: too few votes for the chosen label"
    assert said.told(DroppedRecord(text("a"), "filter", "length", "too short")).reason == "too short"
    assert not said.let_pass(text("a"), Verdict("odd", needs_review=True))


def test_a_label_that_the_recipe_has_not_is_no_decision_any_more() -> None:
    said = people(("a", "relabel", "gone"), ("b", "keep"))
    kept, _ = said.after([text("a"), text("b")])
    assert [one.labels for one in kept] == [("refund",), ("refund",)]
    told = said.outcome_counts(kept, [])
    assert (told["kept"], told["unusable"], told["absent"]) == (1, 1, 0)
    two = {text("a").id: {"ann": Decision(text("a").id, "relabel", ("praise", "refund"), "ann")}}
    assert ReviewDecisions(two, LABELS).outcome_counts([], [])["unusable"] == 1
    assert ReviewDecisions(two, LABELS, multi_label=True).after([text("a")])[0][0].labels == ("refund", "praise")


def test_every_decision_is_counted_once_and_told() -> None:
    said = people(("a", "keep"), ("b", "relabel", "praise"), ("c", "drop"), ("d", "keep"), ("e", "keep"), ("e", "drop"),
                  ("f", "keep"))  # fmt: skip
    accepted, _ = said.after([text("a"), text("b"), text("z")])
    drops = [
        *said.dropped([text("c")]),
        DroppedRecord(text("d"), "filter", "length", "x"),
        DroppedRecord(text("e"), "review", "x", "x"),
    ]
    told = said.outcome_counts(accepted, drops)
    assert told == {
        "kept": 1, "relabelled": 1, "dropped": 1, "differ": 1, "overruled": 1, "absent": 1, "unusable": 0,
    }  # fmt: skip
    assert review_notes(told) == [
        "people decided: 1 kept, 1 relabelled, 1 dropped",
        "people disagree on 1 text, which waits",
        "a check dropped 1 text on which people had decided",
        "1 decision of people: the text did not come up in this run",
    ]


JUDGE = '''\
"""Writes texts, and as the judge chooses a label that depends on the request alone."""

THINGS = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    return "\\n".join(f"{n}. my {THINGS[(start + n) % 10]} number {start // 7 + n} is due" for n in range(1, 6))


def choose(request):
    return ("refund", "delivery", "praise", "refund")[int(request.key[:8], 16) % 4]
'''


def recipe_file(folder: Path, **more: Any) -> Path:
    told = {
        "version": 1,
        "name": "decided",
        "models": {
            "generator": {"scripted": {"function": "./judge.py:write"}},
            "judge": {"scripted": {"function": "./judge.py:choose"}},
        },
        "labels": {name: f"is about {name}" for name in LABELS},
        "generate": [{"labelled": {"per_request": 5, "attributes": {"case": [f"case {n}" for n in range(60)]}}}],
        "filter": ["exact_duplicate"],
        "label": [
            {"choice": {"model": "judge", "votes": 3, "min_confidence": 0.5, "disagree": "review", "unsure": "review"}}
        ],
        "select": [],
        "want": {"label": 12},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(json.dumps(told))
    (folder / "judge.py").write_text(JUDGE)
    return folder / "recipe.yaml"


def rows(folder: Path, config: str) -> dict[str, dict[str, Any]]:
    found = DatasetReader(folder / "dataset" / config)
    return {row["id"]: row for row in found.rows_at(range(len(found)))}


def waits(folder: Path) -> list[str]:
    return [id_ for id_, row in rows(folder, "dropped").items() if row["section"] == "review"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which texts wait, and nobody has decided."""
    folder = tmp_path_factory.mktemp("first")
    run(read_recipe(recipe_file(folder)), out=folder / "run")
    return folder


@pytest.fixture
def again(first: Path, tmp_path: Path) -> Callable[..., RunSummary]:
    """Return a function that runs a copy of the first run again, with these decisions and settings."""
    folder = tmp_path / "again"
    shutil.copytree(first, folder)

    def work(*lines: Decision, sets: tuple[str, ...] = (), fresh: bool = False) -> RunSummary:
        if lines:
            add_decisions(folder / "run", lines)
        return run(read_recipe(folder / "recipe.yaml", sets), out=folder / "run", fresh=fresh)

    return work


def test_keep_drop_and_relabel_are_taken_in_and_no_answer_is_paid_twice(
    first: Path, again: Callable[..., RunSummary]
) -> None:
    kept, dropped, given, *_ = waits(first / "run")
    chosen = next(iter(rows(first / "run", "provenance")))
    result = again(
        Decision(kept, "keep", by="annabel"), Decision(dropped, "drop", by="annabel"),
        Decision(given, "relabel", ("praise",), "annabel"),
    )  # fmt: skip
    assert result.manifest["requests"]["sent"] == 0
    result = again(Decision(chosen, "relabel", ("praise",), "annabel"))
    journal = sqlite3.connect(result.folder / "journal.sqlite")
    answers, keys = journal.execute("SELECT count(*), count(DISTINCT key) FROM answers").fetchone()
    journal.close()
    assert answers == keys  # the label that lost a text is asked for again, and nothing else
    assert result.manifest["review"] == {
        "kept": 1, "relabelled": 2, "dropped": 1, "differ": 0, "overruled": 0, "absent": 0, "unusable": 0,
    }  # fmt: skip
    passports, gone = rows(result.folder, "provenance"), rows(result.folder, "dropped")
    ends = passports | gone
    for id_, label, said in ((given, "praise", "relabel"), (chosen, "praise", "relabel")):
        assert ends[id_]["label"] == label
        assert json.loads(ends[id_]["attributes"])[REVIEW_DECISION] == said
    assert json.loads(ends[kept]["attributes"])[REVIEW_DECISION] == "keep"
    assert ends[kept]["label"] == rows(first / "run", "dropped")[kept]["label"]
    assert (gone[dropped]["section"], gone[dropped]["reason"]) == ("person", "a person dropped it")
    assert dropped not in waits(result.folder)
    assert [row["selected"] for row in result.quota] == [12, 12, 12]
    card = (result.folder / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "People decided on 4 of them: kept 1, given other labels 2, dropped 1." in card
    assert "annabel" not in card
    assert "annabel" not in json.dumps(list(ends.values()))


def test_the_bytes_are_the_same_at_any_number_in_flight_and_again(first: Path, tmp_path: Path) -> None:
    ids = waits(first / "run")
    some = rows(first / "run", "provenance")
    lines = [Decision(id_, ("keep", "drop", "relabel")[n % 3], ("praise",), "ann") for n, id_ in enumerate(ids)]  # type: ignore[arg-type]
    lines += [Decision(id_, "drop", (), "ann") for id_ in list(some)[:3]]
    found = []
    for in_flight in (1, 64):
        folder = tmp_path / f"{in_flight}"
        path = recipe_file(folder)
        (folder / "run").mkdir()
        add_decisions(folder / "run", lines)
        sets = [f"models.{name}.scripted.concurrency={in_flight}" for name in ("generator", "judge")]
        run(read_recipe(path, sets), out=folder / "run")
        found.append(digest(folder / "run"))
        run(read_recipe(path, sets), out=folder / "run")
        found.append(digest(folder / "run"))
    assert found[0] == found[1] == found[2] == found[3]
    assert found[0] != digest(first / "run")


def test_without_decisions_or_with_all_taken_back_the_bytes_are_as_before(
    first: Path, again: Callable[..., RunSummary]
) -> None:
    before = digest(first / "run", card=True)
    one = waits(first / "run")[0]
    changed = again(Decision(one, "keep", by="ann"))
    assert digest(changed.folder, card=True) != before
    back = again(Decision(one, "undo", by="ann"))
    assert digest(back.folder, card=True) == before
    assert "people" not in read_manifest(back.folder)
    assert "people" not in read_manifest(first / "run")


SAID: tuple[tuple[Kind, str], ...] = (("keep", "ann"), ("drop", "bob"))


def test_where_people_disagree_the_text_waits_and_is_told(first: Path, again: Callable[..., RunSummary]) -> None:
    doubtful = waits(first / "run")[0]
    chosen = next(iter(rows(first / "run", "provenance")))
    keep, drop = ([Decision(id_, kind, (), by) for id_ in (doubtful, chosen)] for kind, by in SAID)
    result = again(*keep, *drop)
    gone = rows(result.folder, "dropped")
    assert gone[doubtful]["reason"].startswith("people disagree: the ")
    assert gone[chosen]["reason"] == "people disagree: the checks would keep it"
    assert {gone[doubtful]["section"], gone[chosen]["section"]} == {"review"}
    assert result.manifest["review"]["differ"] == 2
    assert {"people disagree on 2 texts, which wait"} <= set(result.manifest["notes"])


def test_decisions_on_texts_that_do_not_come_up_are_said_and_stay(again: Callable[..., RunSummary]) -> None:
    result = again(Decision("0" * 16, "keep", by="ann"))
    assert result.manifest["review"]["absent"] == 1
    assert "1 decision of people: the text did not come up in this run" in result.manifest["notes"]
    assert (result.folder / FILE).read_text(encoding="utf-8").count("\n") == 1


def test_fresh_keeps_the_decisions(first: Path, again: Callable[..., RunSummary]) -> None:
    one = waits(first / "run")[0]
    result = again(Decision(one, "drop", by="ann"), fresh=True)
    assert result.manifest["review"]["dropped"] == 1
    assert (result.folder / FILE).is_file()
    assert result.manifest["requests"]["from_journal"] == 0


def test_a_check_that_drops_still_drops_what_people_keep(first: Path, again: Callable[..., RunSummary]) -> None:
    one = waits(first / "run")[0]
    result = again(
        Decision(one, "keep", by="ann"),
        sets=("label.0.choice.on_low_confidence=drop", "label.0.choice.on_disagreement=drop"),
    )
    assert result.manifest["review"]["overruled"] == 1


def test_a_filters_doubt_is_a_persons_to_settle(tmp_path: Path) -> None:
    """What a filter would send to a person passes it, and the checks after it still judge it."""
    check = (
        "from textsynth.core.records import Verdict\nfrom textsynth.core.protocols import Filter\n\n\n"
        "class Doubt(Filter):\n    def check(self, record):\n"
        "        return Verdict('is doubtful', review=True) if 'lamp' in record.text else None\n"
    )
    (tmp_path / "doubt.py").write_text(check)
    path = recipe_file(tmp_path, filter=["exact_duplicate", "./doubt.py"], label=[])
    before = run(read_recipe(path), out=tmp_path / "run")
    one = waits(before.folder)[0]
    add_decisions(before.folder, [Decision(one, "keep", by="ann")])
    after = run(read_recipe(path), out=tmp_path / "run")
    assert after.manifest["review"]["kept"] == 1
    assert one in rows(after.folder, "provenance") or rows(after.folder, "dropped")[one]["section"] == "select"


def test_a_damaged_file_stops_the_run_before_anything_is_asked_and_a_torn_line_is_said(
    first: Path, tmp_path: Path
) -> None:
    path = recipe_file(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE).write_text('{"id": 1}\n')
    with pytest.raises(UsageError, match=r"review\.jsonl:1: "):
        run(read_recipe(path), out=tmp_path / "run")
    assert not (tmp_path / "run" / "dataset").exists()
    (tmp_path / "run" / FILE).write_text('{"id": "a", "deci')
    said: list[str] = []
    run(read_recipe(path), out=tmp_path / "run", log=said.append)
    assert "the last line of review.jsonl broke off and is passed over" in said
    assert digest(tmp_path / "run") == digest(first / "run")

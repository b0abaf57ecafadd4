"""Review decisions in a run: their effects and counts, no answer requested twice, and the same bytes at any speed."""

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
from textsynth.runner.review_decisions import NO_DECISIONS, REVIEWERS_DISAGREE, ReviewDecisions, review_notes
from textsynth.store.dataset import DatasetReader
from textsynth.store.decisions import FILE, Decision, Kind, add_decisions
from textsynth.store.manifest import read_manifest

LABELS = ("refund", "delivery", "praise")


def text(name: str, label: str = "refund", **fields: str) -> Record:
    return Record(name, Provenance("labelled", request_key=name), (label,) if label else (), fields)


def decide(*lines: tuple[str, str] | tuple[str, str, str], multi_label: bool = False) -> ReviewDecisions:
    """Return decisions from lines of a text's name, the decision and the label.

    The second line on the same text is that of a second reviewer.
    """
    decisions: dict[str, dict[str, Decision]] = {}
    for name, kind, *labels in lines:
        reviewer = "ann" if text(name).id not in decisions else "bob"
        decision = Decision(text(name).id, kind, tuple(labels) or ("refund",), reviewer)  # type: ignore[arg-type]
        decisions.setdefault(decision.id, {})[reviewer] = decision
    return ReviewDecisions(decisions, LABELS, multi_label=multi_label)


def test_without_decisions_nothing_changes() -> None:
    records = [text("a"), text("b")]
    assert not NO_DECISIONS
    assert NO_DECISIONS.dropped(records) == []
    assert NO_DECISIONS.after(records) == (records, [])
    assert not NO_DECISIONS.let_pass(records[0], Verdict("odd", needs_review=True))


def test_a_text_that_reviewers_drop_is_dropped_in_section_person() -> None:
    (drop,) = decide(("a", "drop"), ("b", "keep")).dropped([text("a"), text("b"), text("c")])
    assert (drop.record.text, drop.section, drop.step, drop.reason) == ("a", "person", "review", "a person dropped it")


def test_only_a_verdict_for_review_lets_a_kept_or_relabelled_text_pass() -> None:
    decisions = decide(("a", "keep"), ("b", "relabel", "praise"), ("c", "drop"))
    for_review, for_drop = Verdict("odd", needs_review=True), Verdict("odd")
    assert [decisions.let_pass(text(name), for_review) for name in "abcd"] == [True, True, False, False]
    assert not any(decisions.let_pass(text(name), for_drop) for name in "abcd")


def test_reviewers_labels_are_set_at_the_end_and_the_intended_label_is_kept_as_a_field() -> None:
    decisions = decide(("a", "keep"), ("b", "relabel", "praise"), ("c", "relabel", "delivery"))
    records = [text("a"), text("b"), text("c", intended_label="refund", tone="calm"), text("d")]
    accepted, disputed = decisions.after(records)
    assert disputed == []
    assert [record.labels for record in accepted] == [("refund",), ("praise",), ("delivery",), ("refund",)]
    assert [dict(record.fields) for record in accepted] == [
        {REVIEW_DECISION: "keep"},
        {REVIEW_DECISION: "relabel", "intended_label": "refund"},
        {REVIEW_DECISION: "relabel", "intended_label": "refund", "tone": "calm"},
        {},
    ]
    assert [record.id for record in accepted] == [text(name).id for name in "abcd"]


def test_a_text_on_which_reviewers_disagree_waits_whatever_the_filters_and_labellers_decide() -> None:
    decisions = decide(("a", "keep"), ("a", "drop"))
    accepted, (disputed,) = decisions.after([text("a"), text("b")])
    assert [record.text for record in accepted] == ["b"]
    assert decisions.with_disagreement(disputed).reason == f"{REVIEWERS_DISAGREE}: the checks would keep it"
    in_review = DroppedRecord(text("a"), "review", "choice", "no label is sure enough", 0.5, 0.6)
    assert decisions.with_disagreement(in_review).reason == f"{REVIEWERS_DISAGREE}: no label is sure enough"
    dropped = DroppedRecord(text("a"), "filter", "length", "too short")
    assert decisions.with_disagreement(dropped).reason == "too short"
    assert not decisions.let_pass(text("a"), Verdict("odd", needs_review=True))


def test_a_label_that_the_recipe_does_not_list_makes_a_decision_unusable() -> None:
    decisions = decide(("a", "relabel", "gone"), ("b", "keep"))
    accepted, _ = decisions.after([text("a"), text("b")])
    assert [record.labels for record in accepted] == [("refund",), ("refund",)]
    outcome = decisions.outcome_counts(accepted, [])
    assert (outcome["kept"], outcome["unusable"], outcome["absent"]) == (1, 1, 0)
    assert review_notes(outcome)[1] == "1 review decision without effect: the recipe does not list the label"
    two_labels = {text("a").id: {"ann": Decision(text("a").id, "relabel", ("praise", "refund"), "ann")}}
    assert ReviewDecisions(two_labels, LABELS).outcome_counts([], [])["unusable"] == 1
    multi_label = ReviewDecisions(two_labels, LABELS, multi_label=True)
    assert multi_label.after([text("a")])[0][0].labels == ("refund", "praise")


def test_every_decision_is_counted_once_and_noted() -> None:
    decisions = decide(
        ("a", "keep"), ("b", "relabel", "praise"), ("c", "drop"), ("d", "keep"), ("e", "keep"), ("e", "drop"),
        ("f", "keep"),
    )  # fmt: skip
    accepted, _ = decisions.after([text("a"), text("b"), text("z")])
    dropped = [
        *decisions.dropped([text("c")]),
        DroppedRecord(text("d"), "filter", "length", "x"),
        DroppedRecord(text("e"), "review", "x", "x"),
    ]
    outcome = decisions.outcome_counts(accepted, dropped)
    assert outcome == {
        "kept": 1, "relabelled": 1, "dropped": 1, "differ": 1, "overruled": 1, "absent": 1, "unusable": 0,
    }  # fmt: skip
    assert review_notes(outcome) == [
        "review decisions: 1 kept, 1 relabelled, 1 dropped",
        "people disagree on 1 text, which waits",
        "a check dropped 1 text on which people had decided",
        "1 review decision without effect: the text is no candidate of this run",
    ]


ANSWERS = '''\
"""Writes texts, and as the judge chooses a label; both depend on the request alone."""

THINGS = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    return "\\n".join(f"{n}. my {THINGS[(start + n) % 10]} number {start // 7 + n} is due" for n in range(1, 6))


def choose(request):
    return ("refund", "delivery", "praise", "refund")[int(request.key[:8], 16) % 4]
'''
CHOICE = {
    "model": "judge",
    "votes": 3,
    "min_confidence": 0.5,
    "on_disagreement": "review",
    "on_low_confidence": "review",
}


def write_recipe(folder: Path, **sections: Any) -> Path:
    """Write a recipe of which some texts wait for review; `sections` replace its sections."""
    recipe = {
        "version": 1,
        "name": "decided",
        "models": {
            "generator": {"scripted": {"function": "./answers.py:write"}},
            "judge": {"scripted": {"function": "./answers.py:choose"}},
        },
        "labels": {name: f"is about {name}" for name in LABELS},
        "generate": [{"labelled": {"per_request": 5, "attributes": {"case": [f"case {n}" for n in range(60)]}}}],
        "filter": ["exact_duplicate"],
        "label": [{"choice": CHOICE}],
        "select": [],
        "want": {"label": 12},
        **sections,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    (folder / "answers.py").write_text(ANSWERS)
    return folder / "recipe.yaml"


def rows(folder: Path, config: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a config of a run's data set by id."""
    reader = DatasetReader(folder / "dataset" / config)
    return {row["id"]: row for row in reader.rows_at(range(len(reader)))}


def waiting(folder: Path) -> list[str]:
    """Return the ids of the texts that wait for review."""
    return [row_id for row_id, row in rows(folder, "dropped").items() if row["section"] == "review"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which texts wait for review, and nobody has decided."""
    folder = tmp_path_factory.mktemp("first")
    run(read_recipe(write_recipe(folder)), out=folder / "run")
    return folder


@pytest.fixture
def repeat(first: Path, tmp_path: Path) -> Callable[..., RunSummary]:
    """Return a function that repeats a copy of the first run with further decisions and settings."""
    folder = tmp_path / "again"
    shutil.copytree(first, folder)

    def run_again(*decisions: Decision, sets: tuple[str, ...] = (), fresh: bool = False) -> RunSummary:
        if decisions:
            add_decisions(folder / "run", decisions)
        return run(read_recipe(folder / "recipe.yaml", sets), out=folder / "run", fresh=fresh)

    return run_again


def test_keep_drop_and_relabel_take_effect_and_no_answer_is_requested_twice(
    first: Path, repeat: Callable[..., RunSummary]
) -> None:
    kept_id, dropped_id, relabelled_id, *_ = waiting(first / "run")
    selected_id = next(iter(rows(first / "run", "provenance")))
    result = repeat(
        Decision(kept_id, "keep", by="annabel"), Decision(dropped_id, "drop", by="annabel"),
        Decision(relabelled_id, "relabel", ("praise",), "annabel"),
    )  # fmt: skip
    assert result.manifest["requests"]["sent"] == 0
    result = repeat(Decision(selected_id, "relabel", ("praise",), "annabel"))
    journal = sqlite3.connect(result.folder / "journal.sqlite")
    answers, keys = journal.execute("SELECT count(*), count(DISTINCT key) FROM answers").fetchone()
    journal.close()
    assert answers == keys  # texts are requested for the label that lost one, and nothing else
    assert result.manifest["review"] == {
        "kept": 1, "relabelled": 2, "dropped": 1, "differ": 0, "overruled": 0, "absent": 0, "unusable": 0,
    }  # fmt: skip
    provenance, dropped = rows(result.folder, "provenance"), rows(result.folder, "dropped")
    all_rows = provenance | dropped
    for row_id in (relabelled_id, selected_id):
        assert all_rows[row_id]["label"] == "praise"
        assert json.loads(all_rows[row_id]["attributes"])[REVIEW_DECISION] == "relabel"
    assert json.loads(all_rows[kept_id]["attributes"])[REVIEW_DECISION] == "keep"
    assert all_rows[kept_id]["label"] == rows(first / "run", "dropped")[kept_id]["label"]
    assert (dropped[dropped_id]["section"], dropped[dropped_id]["reason"]) == ("person", "a person dropped it")
    assert dropped_id not in waiting(result.folder)
    assert [row["selected"] for row in result.quota] == [12, 12, 12]
    card = (result.folder / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "People decided on 4 of them: kept 1, relabelled 2, dropped 1." in card
    assert "annabel" not in card
    assert "annabel" not in json.dumps(list(all_rows.values()))


def test_the_bytes_are_the_same_at_any_concurrency_and_when_repeated(first: Path, tmp_path: Path) -> None:
    selected = list(rows(first / "run", "provenance"))
    kinds: tuple[Kind, ...] = ("keep", "drop", "relabel")
    decisions = [
        Decision(row_id, kinds[n % 3], ("praise",), "ann") for n, row_id in enumerate(waiting(first / "run"))
    ]  # fmt: skip
    decisions += [Decision(row_id, "drop", (), "ann") for row_id in selected[:3]]
    digests = []
    for concurrency in (1, 64):
        folder = tmp_path / f"{concurrency}"
        path = write_recipe(folder)
        (folder / "run").mkdir()
        add_decisions(folder / "run", decisions)
        sets = [f"models.{name}.scripted.concurrency={concurrency}" for name in ("generator", "judge")]
        for _ in range(2):
            run(read_recipe(path, sets), out=folder / "run")
            digests.append(digest(folder / "run"))
    assert digests[0] == digests[1] == digests[2] == digests[3]
    assert digests[0] != digest(first / "run")


def test_with_all_decisions_undone_the_bytes_are_as_before(first: Path, repeat: Callable[..., RunSummary]) -> None:
    before = digest(first / "run", card=True)
    row_id = waiting(first / "run")[0]
    changed = repeat(Decision(row_id, "keep", by="ann"))
    assert digest(changed.folder, card=True) != before
    undone = repeat(Decision(row_id, "undo", by="ann"))
    assert digest(undone.folder, card=True) == before
    assert "review" not in read_manifest(undone.folder)
    assert "review" not in read_manifest(first / "run")


DISAGREEMENT: tuple[tuple[Kind, str], ...] = (("keep", "ann"), ("drop", "bob"))


def test_texts_on_which_reviewers_disagree_wait_and_are_noted(first: Path, repeat: Callable[..., RunSummary]) -> None:
    in_review = waiting(first / "run")[0]
    selected = next(iter(rows(first / "run", "provenance")))
    result = repeat(
        *(Decision(row_id, kind, (), reviewer) for kind, reviewer in DISAGREEMENT for row_id in (in_review, selected))
    )
    dropped = rows(result.folder, "dropped")
    assert dropped[in_review]["reason"].startswith("people disagree: ")
    assert dropped[selected]["reason"] == "people disagree: the checks would keep it"
    assert {dropped[in_review]["section"], dropped[selected]["section"]} == {"review"}
    assert result.manifest["review"]["differ"] == 2
    assert "people disagree on 2 texts, which wait" in result.manifest["notes"]


def test_decisions_on_texts_that_are_no_candidates_are_noted_and_stay_in_the_file(
    repeat: Callable[..., RunSummary],
) -> None:
    result = repeat(Decision("0" * 16, "keep", by="ann"))
    assert result.manifest["review"]["absent"] == 1
    note = "1 review decision without effect: the text is no candidate of this run"
    assert note in result.manifest["notes"]
    assert (result.folder / FILE).read_text(encoding="utf-8").count("\n") == 1


def test_a_fresh_run_keeps_the_decisions(first: Path, repeat: Callable[..., RunSummary]) -> None:
    result = repeat(Decision(waiting(first / "run")[0], "drop", by="ann"), fresh=True)
    assert result.manifest["review"]["dropped"] == 1
    assert (result.folder / FILE).is_file()
    assert result.manifest["requests"]["from_journal"] == 0


def test_a_verdict_that_drops_a_text_overrules_a_decision_to_keep_it(
    first: Path, repeat: Callable[..., RunSummary]
) -> None:
    result = repeat(
        Decision(waiting(first / "run")[0], "keep", by="ann"),
        sets=("label.0.choice.on_low_confidence=drop", "label.0.choice.on_disagreement=drop"),
    )
    assert result.manifest["review"]["overruled"] == 1


DOUBT = """\
import textsynth as ts


class Doubt(ts.Filter):
    def check(self, record):
        return ts.Verdict("is doubtful", needs_review=True) if "lamp" in record.text else None
"""


def test_a_kept_text_passes_the_filter_that_sent_it_to_review_and_goes_on_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "doubt.py").write_text(DOUBT)
    path = write_recipe(tmp_path, filter=["exact_duplicate", "./doubt.py"], label=[])
    before = run(read_recipe(path), out=tmp_path / "run")
    row_id = waiting(before.folder)[0]
    add_decisions(before.folder, [Decision(row_id, "keep", by="ann")])
    after = run(read_recipe(path), out=tmp_path / "run")
    assert after.manifest["review"]["kept"] == 1
    assert row_id in rows(after.folder, "provenance") or rows(after.folder, "dropped")[row_id]["section"] == "select"


def test_a_damaged_file_stops_the_run_before_any_request_and_an_incomplete_line_is_logged(
    first: Path, tmp_path: Path
) -> None:
    path = write_recipe(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE).write_text('{"id": 1}\n')
    with pytest.raises(UsageError, match=r"review\.jsonl:1: "):
        run(read_recipe(path), out=tmp_path / "run")
    assert not (tmp_path / "run" / "dataset").exists()
    (tmp_path / "run" / FILE).write_text('{"id": "a", "deci')
    lines: list[str] = []
    run(read_recipe(path), out=tmp_path / "run", log=lines.append)
    assert "the last line of review.jsonl is incomplete and skipped" in lines
    assert digest(tmp_path / "run") == digest(first / "run")

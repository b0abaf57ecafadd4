"""The head of a report, and the order of its checks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.outcomes import record, run_result
from tests.report.folders import manifest
from textsynth.core.records import DroppedRecord
from textsynth.export.run_result import QuotaStatus
from textsynth.report.pipeline import CheckRow, check_rows
from textsynth.report.status import RunStatus, run_status
from textsynth.store.manifest import Manifest

MET: dict[str, Any] = {
    "quota": [QuotaStatus({"label": "refund"}, 15, 15)],
    "selected": [record(n) for n in range(15)],
    "dropped": (),
}


def status_of(*, evaluated: bool = False, sets: tuple[str, ...] = (), **changes: Any) -> RunStatus:
    """Return the status of a run in `runs/p`, whose recipe is `recipe.yaml`."""
    result = run_result(**changes)
    written = manifest(result)
    written["recipe"]["path"] = "../../recipe.yaml"
    written["recipe"]["sets"] = list(sets)
    return run_status(written, check_rows(written, result.task), "runs/p", evaluated=evaluated)


def test_a_quota_that_is_met_leads_to_the_evaluation_and_then_to_the_export() -> None:
    status = status_of(**MET, sentence="the quota is met")
    assert (status.met, status.sentence) == (True, "the quota is met: 15 selected of 15 wanted")
    assert status.command == "textsynth evaluate runs/p --train seeds.csv --test test.csv"
    assert status_of(**MET, evaluated=True).command == "textsynth export runs/p --as csv"


def test_a_spent_budget_is_named_with_the_command_that_continues() -> None:
    dropped = [DroppedRecord(record(100 + n), "filter", "near_duplicate", "like another") for n in range(40)]
    status = status_of(stopped="budget", sentence="the budget is spent", dropped=dropped, sets=("seed=8",))
    assert not status.met
    assert status.sentence == (
        "the quota is not met: 30 selected of 35 wanted, 5 missing (delivery 5); the budget is spent; "
        "the largest loss is filter near_duplicate, 40 of 72 texts (56 %)"
    )
    assert status.next_step.startswith("raise `budget`")
    assert status.command == "textsynth run recipe.yaml --out runs/p --set seed=8"


def test_a_run_that_found_no_more_texts_names_the_setting_of_the_check_with_the_largest_loss() -> None:
    dropped = [DroppedRecord(record(100 + n), "filter", "near_duplicate", "like another") for n in range(40)]
    status = status_of(dropped=dropped)
    assert "raise `similarity` of near_duplicate; then run again" in status.next_step
    assert status.command == "textsynth run recipe.yaml --out runs/p"


def test_texts_in_review_come_before_every_other_step() -> None:
    assert status_of().command == "textsynth review runs/p"


def test_cells_that_count_a_text_again_do_not_add_to_the_number_wanted() -> None:
    quota = [QuotaStatus({}, 32, 30), *(QuotaStatus({"label": name}, 15, 15) for name in ("refund", "delivery"))]
    status = status_of(quota=quota, dropped=())
    assert status.selected == "30 selected of 32 wanted"
    assert "2 missing (total 2)" in status.sentence
    many = [QuotaStatus({"label": name}, 30, 30) for name in ("refund", "delivery")]
    assert status_of(quota=many, dropped=()).selected == "30 selected"


def rows_of(recipe: str, sets: tuple[str, ...] = (), **changes: Any) -> list[CheckRow]:
    result = run_result(recipe_text=recipe, **changes)
    written: Manifest = manifest(result)
    written["recipe"]["sets"] = list(sets)
    return check_rows(written, result.task)


@pytest.mark.parametrize(
    ("recipe", "sets", "steps"),
    [
        (
            "filter: [near_duplicate, length: {min_words: 3}, length]\nlabel: [choice]",
            (),
            ["labelled", "near_duplicate", "length", "length-2", "choice", "selection"],
        ),
        (
            "filter: [near_duplicate, length]",
            ("filter=[length, near_duplicate]",),
            ["labelled", "length", "near_duplicate"],
        ),
        ("{not: yaml", (), ["labelled", "length"]),
    ],
)
def test_the_checks_have_the_order_of_the_recipe(recipe: str, sets: tuple[str, ...], steps: list[str]) -> None:
    names = [row.step for row in rows_of(recipe, sets)]
    assert names[: len(steps)] == steps
    assert len(set(names)) == len(names)


def test_the_advice_names_the_options_of_a_check_without_advice_of_its_own() -> None:
    dropped = [DroppedRecord(record(100 + n), "filter", "same_meaning", "has another meaning") for n in range(20)]
    (row,) = [row for row in rows_of("filter: [same_meaning]", dropped=dropped) if row.step == "same_meaning"]
    assert row.advice == "change `similarity` or `copy_similarity` or `length_ratio` of same_meaning"
    (few,) = [row for row in rows_of("filter: [same_meaning]", dropped=dropped[:4]) if row.step == "same_meaning"]
    assert few.advice == ""

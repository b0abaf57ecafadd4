from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.evaluations import harm
from textsynth.console.results import (
    fold_lines,
    format_size,
    plan_json,
    plan_text,
    pushed_json,
    pushed_text,
    result_json,
    result_text,
    samples_json,
    samples_text,
    steps_json,
    steps_text,
    table,
)
from textsynth.hub import FileChange, PushResult
from textsynth.recipe.component_docs import ComponentDoc, FieldDoc
from textsynth.runner import RunSummary
from textsynth.runner.estimate import Range, RunEstimate, StepEstimate
from textsynth.runner.preview import CheckResult, PreviewSample, PreviewText
from textsynth.store.evaluation import write_evaluation


def row(missing: int = 0, want: int = 8, **match: str) -> dict[str, Any]:
    why = [{"step": "near_duplicate", "reason": "too close to another text", "count": 1200}] if missing else []
    return {"cell": match, "wanted": want, "selected": want - missing, "missing": missing, "reasons": why}


def result(
    *quota: dict[str, Any],
    drops: tuple[tuple[str, str, str, int], ...] = (),
    selected: int = 40,
    review: int = 0,
    kept: int = 0,
    notes: tuple[str, ...] = (),
) -> RunSummary:
    told = {
        "counts": {"candidates": 110, "selected": selected, "surplus": 3, "dropped": 60, "review": review},
        "drops": [dict(zip(("section", "step", "reason", "count"), drop, strict=True)) for drop in drops],
        "requests": {"planned": 50, "sent": 45, "from_journal": kept, "failed": 0},
        "tokens": {"prompt": 40_000, "completion": 3_210},
        "seconds": 151.2,
        "splits": {"train": 36, "validation": 4},
        "notes": list(notes),
    }
    missing = any(one["missing"] for one in quota)
    return RunSummary(Path("runs/tickets"), 3 if missing else 0, "met", "the quota is met", quota, told)


def test_the_verdict_on_real_data_is_told_harm_first(tmp_path: Path) -> None:
    assert (verdict_of(tmp_path), result_json(scored(tmp_path))["verdict"]) == ("", None)
    write_evaluation(tmp_path, harm())
    assert verdict_of(tmp_path).startswith("▼ HARMS: The synthetic texts harm: with them a classifier on")
    narrow = next(part for part in result_text(scored(tmp_path), 60).split("\n\n") if "HARMS" in part)
    assert max(map(len, narrow.splitlines())) <= 60
    assert result_json(scored(tmp_path))["verdict"]["effect"] == "harms"


def scored(folder: Path) -> RunSummary:
    return replace(result(row(label="refund")), folder=folder)


def verdict_of(folder: Path) -> str:
    return next((part for part in result_text(scored(folder)).split("\n\n") if "HARMS" in part), "")


def test_long_lines_are_folded_under_their_column() -> None:
    text = (
        "filter\n  length   Keeps texts whose length is within the limits.\n\n    field: a number above 0 and below 9"
    )
    assert fold_lines(text, 30).split("\n") == [
        "filter",
        "  length   Keeps texts whose",
        "           length is within",
        "           the limits.",
        "",
        "    field: a number above 0",
        "    and below 9",
    ]


def test_a_table_lines_up_and_puts_numbers_to_the_right() -> None:
    assert table(("label", "wanted"), [("refund", "8"), ("亀", "1,200"), ("e\u0301", "")]).splitlines() == [
        "label   wanted",
        "refund       8",
        "亀       1,200",
        "e\u0301",
    ]


def test_a_table_keeps_a_cell_on_its_line_and_cannot_steer_the_terminal() -> None:
    assert table(("a",), [("one\ntwo \x1b[2J",)]) == "a\none two \\x1b[2J"


def test_the_account_of_a_run_that_met_its_quota() -> None:
    drops = (("filter", "near_duplicate", "too close to another text", 52), ("parse", "labelled", "no list", 8))
    text = result_text(result(row(label="refund"), row(label="delivery"), drops=drops, notes=("a note",)))
    assert text == (
        "label     wanted  selected  missing  dropped there\n"
        "refund         8         8\n"
        "delivery       8         8\n"
        "\n"
        "60  dropped by             because\n"
        "52  filter near_duplicate  too close to another text\n"
        " 8  parse labelled         no list\n"
        "\n"
        "40 selected of 110 candidates · 3 spare · 45 requests · 43,210 tokens · 2:31\n"
        "the quota is met\n"
        "\n"
        "note: a note\n"
        "\n"
        "runs/tickets/dataset  (train 36, validation 4)\n"
        '  load_dataset("runs/tickets/dataset")          # in Python, from datasets\n'
        "  textsynth report runs/tickets\n"
        "  textsynth why runs/tickets ID"
    )


def test_what_is_missing_is_shown_with_the_reasons_there() -> None:
    text = result_text(result(row(label="refund"), row(3, label="other")))
    assert "other        8         5        3  1,200 near_duplicate: too close to another text" in text


def test_of_many_parts_those_that_are_met_become_one_line() -> None:
    quota = [row(label=f"label_{number}") for number in range(76)]
    text = result_text(result(*quota, row(2, label="scarce")))
    assert "label_3" not in text
    assert "scarce" in text
    assert "76 more parts are met, with 608 texts" in text
    assert "76 parts of the quota, all met, with 608 texts" in result_text(result(*quota))


def test_parts_of_several_keys_are_no_labels() -> None:
    text = result_text(result(row(label="refund", tone="plain"), row(want=40)))
    assert text.startswith("part")
    assert "refund, plain" in text
    assert "\ntotal" in text


def test_rare_reasons_are_summed_up() -> None:
    drops = tuple(("filter", f"item_{number}", "a reason", 100 - number) for number in range(20))
    text = result_text(result(row(label="a"), drops=drops))
    assert "item_14" in text
    assert "item_15" not in text
    assert "415" in text
    assert "for other reasons" in text


def test_a_run_without_quota_drops_or_texts() -> None:
    text = result_text(result(selected=0, review=2, kept=5))
    assert text.startswith("nothing was dropped")
    assert "2 waiting for review" in text
    assert "45 requests and 5 from the journal" in text
    assert "no text was selected; textsynth report runs/tickets" in text
    assert "load_dataset" not in text


def test_the_account_for_a_script_is_json() -> None:
    told = json.loads(json.dumps(result_json(result(row(3, label="other")))))
    assert (told["folder"], told["dataset"], told["exit_code"]) == ("runs/tickets", "runs/tickets/dataset", 3)
    assert told["quota"][0]["cell"] == {"label": "other"}
    assert told["manifest"]["counts"]["selected"] == 40


def described(section: str, name: str) -> ComponentDoc:
    fields = (FieldDoc("similarity", "a number", "0.7", "share of common words"),)
    return ComponentDoc(section, name, f"What {name} does.", fields, "Does not catch: much.")


def test_the_items_in_short_are_a_line_each_by_section() -> None:
    items = [described("filter", "length"), described("filter", "near_duplicate"), described("select", "diverse")]
    lines = steps_text(items, brief=True).splitlines()
    assert lines[:3] == ["filter", "  length          What length does.", "  near_duplicate  What near_duplicate does."]
    assert "  diverse         What diverse does." in lines
    assert "similarity" not in "".join(lines)


def test_an_item_in_full_has_its_options_and_what_it_does_not_catch() -> None:
    text = steps_text([described("filter", "length")], brief=False)
    for part in ("filter: length", "similarity: a number (default 0.7)", "Does not catch: much."):
        assert part in text
    assert json.loads(json.dumps(steps_json([described("filter", "length")])))[0]["fields"][0]["name"] == "similarity"


def test_a_plan_tells_ranges_and_rounds_them() -> None:
    part = StepEstimate("labelled", "generator", 80, Range(16, 80), Range(4000.4, 20002), Range(5000, 90000))
    plan = RunEstimate("tickets", 80, 4, (part,), Range(16, 80), Range(9000, 110002), Range(30, 700), ("a note",))
    assert plan_text(plan) == (
        "tickets: the recipe is right; 80 texts to accept for 4 parts of the quota\n"
        "\n"
        "step      texts  requests   prompt tokens   answer tokens\n"
        "labelled     80   16 – 80  4,000 – 20,002  5,000 – 90,000\n"
        "\n"
        "in all 16 – 80 requests · 9,000 – 110,002 tokens · 30 s – 11:40\n"
        "note: a note"
    )
    assert json.loads(json.dumps(plan_json(plan)))["requests"] == {"low": 16, "high": 80}
    free = RunEstimate("raw", 0, 0, (), Range(0, 0), Range(0, 0), None, ())
    assert "every text" in plan_text(free)
    assert "in all 0 requests · 0 tokens\n" in plan_text(free) + "\n"


def test_a_sample_shows_prompt_answer_and_every_verdict() -> None:
    fine = PreviewText(
        "where is it",
        ("delivery",),
        (CheckResult("length", None, None, None), CheckResult("agreement", None, 0.8, 0.5)),
    )
    bad = PreviewText(
        "bad \x1b[2J",
        (),
        (CheckResult("near_duplicate", "too close", 0.91234, 0.7), CheckResult("refusal", "no", None, None)),
    )
    unread = PreviewText("???", (), unread="no list")
    sample = PreviewSample(
        "labelled", (("system", "Be brief.\n"), ("user", "Write.")), " 1. where is it ", None, (fine, bad, unread)
    )
    assert samples_text([sample]).splitlines() == [
        "━━ 1. labelled",
        "── system",
        "Be brief.",
        "── user",
        "Write.",
        "── answer",
        "1. where is it",
        "── 3 texts",
        "✓ where is it  [delivery]",
        "    agreement: passes 0.8, limit 0.5",
        "✗ bad \\x1b[2J",
        "    near_duplicate: too close 0.91234, limit 0.7",
        "    refusal: no",
        "✗ ???",
        "    not read: no list",
    ]
    assert json.loads(json.dumps(samples_json([sample])))[0]["texts"][0]["labels"] == ["delivery"]


def test_a_request_that_failed_and_rows_that_need_none() -> None:
    failed = samples_text([PreviewSample("labelled", (("", "1."),), "", "the prompt is too long", ())])
    assert "── prompt\n1.\n── failed: the prompt is too long" in failed
    assert "answer" not in samples_text([PreviewSample("existing", (), "", None, (PreviewText("a row", ()),))])


def test_texts_that_wait_are_told_with_the_command_that_shows_them() -> None:
    assert "textsynth review" not in result_text(result(row(label="refund")))
    text = result_text(result(row(label="refund"), review=3))
    assert "3 waiting for review" in text
    assert text.splitlines()[-1] == "  textsynth review runs/tickets          # 3 texts wait for a person"
    none = result_text(result(row(8, label="refund"), selected=0, review=1))
    assert none.splitlines()[-1].endswith("; 1 text waits for a person: textsynth review runs/tickets")


DONE = PushResult(
    "anna/x",
    "main",
    "http://hub/datasets/anna/x",
    [FileChange("README.md", 900, "same"), FileChange("data/a\x1b.parquet", 12_345, "deleted")],
    "pushed 8 texts",
    tag="v1",
    waived=["leak"],
    notes=["private already"],
)


def test_the_files_stand_in_columns_and_nothing_draws_on_the_terminal() -> None:
    assert pushed_text(DONE).splitlines() == [
        "same     900 bytes  README.md",
        "deleted    12.3 kB  data/a\\x1b.parquet",
        "",
        "note: private already",
        "note: not checked: leak (waived)",
        "pushed 8 texts",
        "tagged v1",
        "http://hub/datasets/anna/x",
    ]


def test_a_script_gets_everything() -> None:
    told = json.loads(json.dumps(pushed_json(DONE)))
    assert told["files"][0] == {"path": "README.md", "size": 900, "what": "same"}
    assert told["commit"] is None


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (5_240_000, "5.2 MB"), (7 * 10**12, "7,000.0 GB")],
)
def test_sizes(size: int, told: str) -> None:
    assert format_size(size) == told

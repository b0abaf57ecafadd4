"""The result of every command as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.evaluations import harmful
from textsynth.console.results import (
    fold_lines,
    format_size,
    plan_json,
    plan_text,
    push_json,
    push_text,
    result_json,
    result_text,
    samples_json,
    samples_text,
    steps_json,
    steps_text,
)
from textsynth.hub import FileChange, PushResult
from textsynth.recipe.component_docs import ComponentDoc, FieldDoc
from textsynth.runner import RunSummary
from textsynth.runner.estimate import Range, RunEstimate, StepEstimate
from textsynth.runner.preview import CheckResult, PreviewSample, PreviewText
from textsynth.store.evaluation import write_evaluation


def quota_row(missing: int = 0, limit: int = 8, **cell: str) -> dict[str, Any]:
    """Return a row of the quota; a cell that misses texts has a reason."""
    reasons = [{"step": "near_duplicate", "reason": "too close to another text", "count": 1200}] if missing else []
    return {"cell": cell, "wanted": limit, "selected": limit - missing, "missing": missing, "reasons": reasons}


def run_summary(
    *quota: dict[str, Any],
    drops: tuple[tuple[str, str, str, int], ...] = (),
    selected: int = 40,
    review: int = 0,
    from_journal: int = 0,
    notes: tuple[str, ...] = (),
) -> RunSummary:
    """Return the summary of a run in runs/tickets; `drops` are section, step, reason and count."""
    manifest: Any = {
        "counts": {"candidates": 110, "selected": selected, "surplus": 3, "dropped": 60, "review": review},
        "drops": [dict(zip(("section", "step", "reason", "count"), drop, strict=True)) for drop in drops],
        "requests": {"planned": 50, "sent": 45, "from_journal": from_journal, "failed": 0},
        "tokens": {"prompt": 40_000, "completion": 3_210},
        "seconds": 151.2,
        "splits": {"train": 36, "validation": 4},
        "notes": list(notes),
    }
    missing = any(row["missing"] for row in quota)
    rows: Any = quota
    return RunSummary(Path("runs/tickets"), 3 if missing else 0, "met", "the quota is met", rows, manifest)


def summary_in(folder: Path) -> RunSummary:
    return replace(run_summary(quota_row(label="refund")), folder=folder)


def test_the_verdict_on_real_data_begins_with_harm(tmp_path: Path) -> None:
    summary = summary_in(tmp_path)
    assert "HARMS" not in result_text(summary)
    assert result_json(summary)["verdict"] is None
    write_evaluation(tmp_path, harmful())
    (verdict,) = [part for part in result_text(summary).split("\n\n") if "HARMS" in part]
    assert verdict.startswith("▼ HARMS: The synthetic texts harm: with them a classifier on")
    (narrow,) = [part for part in result_text(summary, 60).split("\n\n") if "HARMS" in part]
    assert max(map(len, narrow.splitlines())) <= 60
    assert result_json(summary)["verdict"]["effect"] == "harms"


def test_long_lines_are_folded_below_the_start_of_their_column() -> None:
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


def test_the_result_of_a_run_that_met_its_quota() -> None:
    drops = (("filter", "near_duplicate", "too close to another text", 52), ("parse", "labelled", "no list", 8))
    quota = [quota_row(label="refund"), quota_row(label="delivery")]
    assert result_text(run_summary(*quota, drops=drops, notes=("a note",))) == (
        "label     wanted  selected  missing  dropped\n"
        "refund         8         8\n"
        "delivery       8         8\n"
        "\n"
        "60  dropped by             reason\n"
        "52  filter near_duplicate  too close to another text\n"
        " 8  parse labelled         no list\n"
        "\n"
        "40 selected of 110 candidates · 3 surplus · 45 requests · 43,210 tokens · 2:31\n"
        "the quota is met\n"
        "\n"
        "note: a note\n"
        "\n"
        "runs/tickets/dataset  (train 36, validation 4)\n"
        '  load_dataset("runs/tickets/dataset")          # in Python, from datasets\n'
        "  textsynth report runs/tickets\n"
        "  textsynth why runs/tickets ID"
    )


def test_a_cell_that_misses_texts_has_the_reasons_of_its_drops() -> None:
    text = result_text(run_summary(quota_row(label="refund"), quota_row(3, label="other")))
    assert "other        8         5        3  1,200 near_duplicate: too close to another text" in text


def test_a_long_label_is_shortened_in_a_table() -> None:
    label = "returns and refunds / " * 9 + "the end"
    line = result_text(run_summary(quota_row(label=label))).splitlines()[1]
    assert line.startswith("returns and refunds / ")
    assert "…" in line
    assert "the end  " in line
    assert len(line) < 80


def test_control_characters_of_a_reason_are_escaped() -> None:
    text = result_text(run_summary(drops=(("filter", "own", "one\ntwo \x1b[2J", 2),)))
    assert "2  filter own  one two \\x1b[2J" in text.splitlines()


def test_many_met_cells_become_one_line() -> None:
    met = [quota_row(label=f"label_{number}") for number in range(76)]
    text = result_text(run_summary(*met, quota_row(2, label="scarce")))
    assert "label_3" not in text
    assert "scarce" in text
    assert "76 more quota cells are met, with 608 texts" in text
    assert "all 76 quota cells are met, with 608 texts" in result_text(run_summary(*met))


def test_cells_of_several_attributes_are_named_by_all_of_them() -> None:
    text = result_text(run_summary(quota_row(label="refund", tone="plain"), quota_row(limit=40)))
    assert text.startswith("quota cell")
    assert "refund, plain" in text
    assert "\ntotal" in text


def test_infrequent_reasons_are_added_up() -> None:
    drops = tuple(("filter", f"step_{number}", "a reason", 100 - number) for number in range(20))
    text = result_text(run_summary(quota_row(label="a"), drops=drops))
    assert "step_14" in text
    assert "step_15" not in text
    assert "415" in text
    assert "other reasons" in text


def test_a_run_without_quota_drops_or_texts() -> None:
    text = result_text(run_summary(selected=0, review=2, from_journal=5))
    assert text.startswith("nothing was dropped")
    assert "2 waiting for review" in text
    assert "45 requests and 5 from the journal" in text
    assert "no text was selected; textsynth report runs/tickets" in text
    assert "load_dataset" not in text


def test_the_json_result_is_serializable() -> None:
    result = json.loads(json.dumps(result_json(run_summary(quota_row(3, label="other")))))
    assert (result["folder"], result["dataset"], result["exit_code"]) == ("runs/tickets", "runs/tickets/dataset", 3)
    assert result["quota"][0]["cell"] == {"label": "other"}
    assert result["manifest"]["counts"]["selected"] == 40


def step_doc(section: str, name: str) -> ComponentDoc:
    fields = (FieldDoc("similarity", "a number", "0.7", "share of common words"),)
    return ComponentDoc(section, name, f"What {name} does.", fields, "Does not catch: much.")


def test_brief_descriptions_of_steps_are_one_line_each_by_section() -> None:
    steps = [step_doc("filter", "length"), step_doc("filter", "near_duplicate"), step_doc("select", "diverse")]
    lines = steps_text(steps, brief=True).splitlines()
    assert lines[:3] == ["filter", "  length          What length does.", "  near_duplicate  What near_duplicate does."]
    assert "  diverse         What diverse does." in lines
    assert "similarity" not in "".join(lines)


def test_the_full_description_of_a_step_has_its_options_and_what_it_does_not_catch() -> None:
    text = steps_text([step_doc("filter", "length")], brief=False)
    for part in ("filter: length", "similarity: a number (default 0.7)", "Does not catch: much."):
        assert part in text
    assert json.loads(json.dumps(steps_json([step_doc("filter", "length")])))[0]["fields"][0]["name"] == "similarity"


def test_an_estimate_has_rounded_ranges() -> None:
    part = StepEstimate("labelled", "generator", 80, Range(16, 80), Range(4000.4, 20002), Range(5000, 90000))
    estimate = RunEstimate(
        "tickets", 80, 4, (part,), Range(16, 80), Range(9000, 110002), Range(30, 700), ("a note",), {}
    )
    assert plan_text(estimate) == (
        "tickets: the recipe is valid; 80 texts to accept for 4 quota cells\n"
        "\n"
        "step      texts  requests   prompt tokens   answer tokens\n"
        "labelled     80   16 – 80  4,000 – 20,002  5,000 – 90,000\n"
        "\n"
        "in all 16 – 80 requests · 9,000 – 110,002 tokens · 30 s – 11:40\n"
        "note: a note"
    )
    assert json.loads(json.dumps(plan_json(estimate)))["requests"] == {"low": 16, "high": 80}
    without_requests = RunEstimate("raw", 0, 0, (), Range(0, 0), Range(0, 0), None, (), {})
    assert "every text" in plan_text(without_requests)
    assert "in all 0 requests · 0 tokens\n" in plan_text(without_requests) + "\n"


def test_a_preview_has_prompt_answer_and_the_result_of_every_check() -> None:
    passing = PreviewText(
        "where is it",
        ("delivery",),
        (CheckResult("length", None, None, None), CheckResult("agreement", None, 0.8, 0.5)),
    )
    failing = PreviewText(
        "bad \x1b[2J",
        (),
        (CheckResult("near_duplicate", "too close", 0.91234, 0.7), CheckResult("refusal", "no", None, None)),
    )
    unparsed = PreviewText("???", (), unread="no list")
    sample = PreviewSample(
        "labelled",
        (("system", "Be brief.\n"), ("user", "Write.")),
        " 1. where is it ",
        None,
        (passing, failing, unparsed),
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


def test_a_preview_of_a_failed_request_and_of_rows_without_a_request() -> None:
    failed = samples_text([PreviewSample("labelled", (("", "1."),), "", "the prompt is too long", ())])
    assert "── prompt\n1.\n── failed: the prompt is too long" in failed
    assert "answer" not in samples_text([PreviewSample("existing", (), "", None, (PreviewText("a row", ()),))])


def test_texts_that_wait_for_review_are_counted_with_the_command_that_shows_them() -> None:
    assert "textsynth review" not in result_text(run_summary(quota_row(label="refund")))
    text = result_text(run_summary(quota_row(label="refund"), review=3))
    assert "3 waiting for review" in text
    assert text.splitlines()[-1] == "  textsynth review runs/tickets          # 3 texts wait for a person"
    nothing_selected = result_text(run_summary(quota_row(8, label="refund"), selected=0, review=1))
    assert nothing_selected.splitlines()[-1].endswith("; 1 text waits for a person: textsynth review runs/tickets")


PUSHED = PushResult(
    "anna/x",
    "main",
    "http://hub/datasets/anna/x",
    [FileChange("README.md", 900, "same"), FileChange("data/a\x1b.parquet", 12_345, "deleted")],
    "pushed 8 texts",
    tag="v1",
    waived=["leak"],
    notes=["private already"],
)


def test_pushed_files_are_in_columns_with_control_characters_escaped() -> None:
    assert push_text(PUSHED).splitlines() == [
        "same     900 bytes  README.md",
        "deleted    12.3 kB  data/a\\x1b.parquet",
        "",
        "note: private already",
        "note: not checked: leak (waived)",
        "pushed 8 texts",
        "tagged v1",
        "http://hub/datasets/anna/x",
    ]


def test_the_json_result_of_a_push_has_every_field() -> None:
    result = json.loads(json.dumps(push_json(PUSHED)))
    assert result["files"][0] == {"path": "README.md", "size": 900, "what": "same"}
    assert result["commit"] is None


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (5_240_000, "5.2 MB"), (7 * 10**12, "7,000.0 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert format_size(size) == text

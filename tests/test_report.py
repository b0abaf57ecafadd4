"""The three forms of a run's account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.outcomes import outcome
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.errors import RunError, UsageError
from textsynth.report import evaluation_page, evaluation_text, json_report, text_report, write_report


def test_the_page_is_written_into_the_run_s_folder_and_again_over_itself(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    path = write_report(run)
    assert path == run / "report.html"
    first = path.read_bytes()
    assert write_report(run).read_bytes() == first
    assert sorted(one.name for one in run.iterdir()) == ["dataset", "manifest.json", "report.html"]


def test_the_account_for_a_script_is_json(tmp_path: Path) -> None:
    told = json_report(finished(tmp_path, outcome()))
    assert json.loads(json.dumps(told)) == told
    assert list(told) == ["manifest", "labels", "kept", "dropped"]


def test_an_evaluation_comes_along_in_all_three_forms(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "evaluation.json").write_text(json.dumps(evaluations.leak()))
    told = json_report(run)
    assert (list(told)[-1], told["evaluation"]) == ("evaluation", evaluations.leak())
    assert text_report(run).startswith("⚠ LEAK: 12 test texts lie among")
    assert "⚠ Leak" in write_report(run).read_text(encoding="utf-8")


def test_an_evaluation_needs_no_run() -> None:
    assert evaluation_text(evaluations.small()).startswith("▲ HELPS")
    assert evaluation_page(evaluations.small()).startswith("<!doctype html>")


def test_the_account_as_text(tmp_path: Path) -> None:
    assert text_report(finished(tmp_path, outcome())).startswith("parcels: ")


@pytest.mark.parametrize("told", [write_report, text_report, json_report])
def test_a_folder_that_is_no_run_is_told_and_nothing_is_written(told: object, tmp_path: Path) -> None:
    assert callable(told)
    with pytest.raises(UsageError, match="no finished run"):
        told(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "report.html").mkdir()
    with pytest.raises(RunError, match=r"report\.html: the report cannot be written"):
        write_report(run)

"""The report of a run in its three forms: page, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.outcomes import outcome
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.errors import RunError, UsageError
from textsynth.report import evaluation_page, evaluation_text, json_report, text_report, write_report
from textsynth.store.owned_files import FILE as LIST_OF_FILES


def test_the_page_is_written_into_the_folder_of_the_run_and_can_be_written_again(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    path = write_report(run)
    assert path == run / "report.html"
    content = path.read_bytes()
    assert write_report(run).read_bytes() == content
    assert sorted(file.name for file in run.iterdir()) == [LIST_OF_FILES, "dataset", "manifest.json", "report.html"]


def test_the_json_report_is_serializable(tmp_path: Path) -> None:
    report = json_report(finished(tmp_path, outcome()))
    assert json.loads(json.dumps(report)) == report
    assert list(report) == ["manifest", "labels", "kept", "dropped"]


def test_all_three_forms_contain_the_evaluation(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "evaluation.json").write_text(json.dumps(evaluations.leaking()))
    report = json_report(run)
    assert (list(report)[-1], report["evaluation"]) == ("evaluation", evaluations.leaking())
    assert text_report(run).startswith("⚠ LEAK: 12 test texts are among")
    assert "⚠ Leak" in write_report(run).read_text(encoding="utf-8")


def test_an_evaluation_can_be_reported_without_a_run() -> None:
    assert evaluation_text(evaluations.small()).startswith("▲ HELPS")
    assert evaluation_page(evaluations.small()).startswith("<!doctype html>")


def test_the_text_report_begins_with_the_name_of_the_run(tmp_path: Path) -> None:
    assert text_report(finished(tmp_path, outcome())).startswith("parcels: ")


@pytest.mark.parametrize("report", [write_report, text_report, json_report])
def test_a_folder_without_a_run_is_an_error_and_nothing_is_written(report: object, tmp_path: Path) -> None:
    assert callable(report)
    with pytest.raises(UsageError, match="no finished run"):
        report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "report.html").mkdir()
    with pytest.raises(RunError, match=r"report\.html: the report cannot be written"):
        write_report(run)

"""The calibration of labellers on gold rows."""

from __future__ import annotations

from pathlib import Path

from tests.export.outcomes import outcome
from tests.golden import GOLD
from tests.report.folders import manifest
from textsynth.export.dataset import write_dataset
from textsynth.report import json_report, text_report, write_report
from textsynth.report.sections.calibration import calibration_sections
from textsynth.store.manifest import Manifest, write_manifest

CALIBRATED: Manifest = {**manifest(outcome()), "calibration": {"choice": GOLD}}


def test_a_labeller_has_a_section_with_its_summary_and_tables_the_highest_confidence_first() -> None:
    (section,) = calibration_sections(CALIBRATED)
    assert section.paragraphs == [f"{GOLD['sentence']}."]
    bins, labels = (figure.table for figure in section.figures)
    assert [row[:3] for row in bins.rows] == [("1.00", ".94", "84"), (".33 to .67", ".57", "36")]
    assert [row[0] for row in labels.rows] == ["refund", "late_delivery"]
    assert calibration_sections(manifest(outcome())) == []


def test_page_text_and_json_contain_the_calibration(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    write_manifest(tmp_path, CALIBRATED)
    text = text_report(tmp_path)
    assert "━━ Calibration of choice on gold rows" in text
    assert max(map(len, text.splitlines())) <= 100
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert '<h2 id="calibration-0">Calibration of choice on gold rows</h2>' in page
    assert "88.4" in page
    json_manifest = json_report(tmp_path)["manifest"]
    assert isinstance(json_manifest, dict)
    assert json_manifest["calibration"]["choice"] == GOLD

from __future__ import annotations

from pathlib import Path

from tests.export.outcomes import outcome
from tests.golden import GOLD
from tests.report.folders import manifest
from textsynth.export.dataset import write_dataset
from textsynth.report import json_report, text_report, write_report
from textsynth.report.sections.calibration import gold_sections
from textsynth.store.manifest import Manifest, write_manifest

TOLD: Manifest = {**manifest(outcome()), "calibration": {"choice": GOLD}}


def test_a_section_a_labeller_with_its_sentence_and_tables_the_surest_first() -> None:
    (section,) = gold_sections(TOLD)
    assert section.said == [f"{GOLD['sentence']}."]
    bands, labels = (figure.table for figure in section.figures)
    assert [row[:3] for row in bands.rows] == [("1.00", "0.94", "84"), ("0.33 to 0.67", "0.57", "36")]
    assert [row[0] for row in labels.rows] == ["refund", "late_delivery"]
    assert gold_sections(manifest(outcome())) == []


def test_page_text_and_json_tell_it(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    write_manifest(tmp_path, TOLD)
    text = text_report(tmp_path)
    assert "━━ The labels of choice, tried on gold rows" in text
    assert max(map(len, text.splitlines())) <= 100
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert '<h2 id="gold-0">The labels of choice, tried on gold rows</h2>' in page
    assert "88.4" in page
    told = json_report(tmp_path)["manifest"]
    assert isinstance(told, dict)
    assert told["calibration"]["choice"] == GOLD

from __future__ import annotations

import xml.etree.ElementTree as ET

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.file import chart_file

HOSTILE = '</svg><script>alert(1)</script> & "\x1b[2J\ud800'


def test_a_picture_is_whole_loads_nothing_and_cannot_be_forged() -> None:
    plot = bar_chart(HOSTILE, [BarGroup(HOSTILE, "3", [Bar(3)])], HOSTILE)
    text = chart_file(plot)
    root = ET.fromstring(text)
    assert {one.tag.split("}")[1] for one in root.iter()} == {"svg", "title", "desc", "style", "rect", "text", "line"}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "alert(1)" in (root[0].text or "")
    assert "\x1b" not in text
    text.encode("utf-8")
    assert text == chart_file(plot)


def test_it_has_the_report_s_colours_in_light_and_dark() -> None:
    text = chart_file(bar_chart("a", [BarGroup("b", "3", [Bar(3)])], "c"))
    assert "prefers-color-scheme: dark" in text
    assert "svg .bar.loss" in text

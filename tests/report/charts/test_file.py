"""Plots as SVG files."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.file import svg_file

HOSTILE = '</svg><script>alert(1)</script> & "\x1b[2J\ud800'


def test_a_file_is_valid_xml_loads_nothing_and_contains_hostile_text_as_text() -> None:
    plot = bar_chart(HOSTILE, [BarGroup(HOSTILE, "3", [Bar(3)])], HOSTILE)
    svg = svg_file(plot)
    root = ET.fromstring(svg)
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "text", "line"}
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "alert(1)" in (root[0].text or "")
    assert "\x1b" not in svg
    svg.encode("utf-8")
    assert svg == svg_file(plot)


def test_a_file_has_the_colours_of_the_page_in_light_and_dark() -> None:
    svg = svg_file(bar_chart("a", [BarGroup("b", "3", [Bar(3)])], "c"))
    assert "prefers-color-scheme: dark" in svg
    assert "svg .bar.loss" in svg

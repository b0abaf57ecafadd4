from __future__ import annotations

import xml.etree.ElementTree as ET

from textsynth.report.charts.bars import Bar, Bars, bars
from textsynth.report.charts.file import picture

HOSTILE = '</svg><script>alert(1)</script> & "\x1b[2J\ud800'


def test_a_picture_is_whole_loads_nothing_and_cannot_be_forged() -> None:
    plot = bars(HOSTILE, [Bars(HOSTILE, "3", [Bar(3)])], HOSTILE)
    text = picture(plot)
    root = ET.fromstring(text)
    assert {one.tag.split("}")[1] for one in root.iter()} == {"svg", "title", "desc", "style", "rect", "text", "line"}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "alert(1)" in (root[0].text or "")
    assert "\x1b" not in text
    text.encode("utf-8")
    assert text == picture(plot)


def test_it_has_the_report_s_colours_in_light_and_dark() -> None:
    text = picture(bars("a", [Bars("b", "3", [Bar(3)])], "c"))
    assert "prefers-color-scheme: dark" in text
    assert "svg .bar.loss" in text

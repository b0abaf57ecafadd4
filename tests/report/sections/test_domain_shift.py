"""Synthetic beside real texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report import evaluations
from tests.report.charts.test_svg import marks
from textsynth.report.sections.domain_shift import SHOWN, diversity_section, gap_section, words_section


def titles(told: dict[str, Any]) -> list[str]:
    section = gap_section(told)
    return [] if section is None else [figure.table.title for figure in section.figures]


def test_what_is_told_is_shown_each_beside_the_real_figure() -> None:
    told = evaluations.small()
    assert titles(told) == ["How well a classifier tells them apart", "Length in words", "Words in a text", "Labels",
                            "Attribute attribute 0", "Vocabulary"]  # fmt: skip
    section = gap_section(told)
    assert section is not None
    length = section.figures[1].table
    assert length.rows[0] == ("1 to 3", "1.0\u00a0%", "4.0\u00a0%")
    assert length.rows[-1][0] == "25 or more"
    assert section.figures[-1].table.rows[-1] == ("used by both", "26.0\u00a0%")
    assert section.figures[3].table.rows[0][:2] == ("route", "50.0\u00a0%")


@pytest.mark.parametrize(
    "edges", [None, [], [1, 2], [1, 1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3, 2, 1], ["1"] * 9]
)
def test_a_histogram_whose_edges_do_not_fit_is_left_out(edges: Any) -> None:
    told = evaluations.small()
    told["gap"]["length"]["edges"] = edges
    assert "Length in words" not in titles(told)
    assert "Words in a text" in titles(told)


def test_of_many_labels_those_that_differ_most_are_plotted() -> None:
    section = gap_section(evaluations.big())
    assert section is not None
    (figure,) = [one for one in section.figures if one.table.title.startswith("Labels")]
    assert figure.table.title == f"Labels: the {SHOWN} that differ most"
    assert len(figure.table.rows) == 77
    assert figure.plot is not None
    assert len(marks(figure.plot, "value")) == SHOWN


def test_words_that_tell_them_apart() -> None:
    section = words_section(evaluations.small())
    assert section is not None
    synthetic, real = section.figures
    assert synthetic.table.rows[0] == ("word0", "2", "30.0\u00a0%", "1.0\u00a0%")
    assert real.table.title == "Words of real texts"
    assert words_section({"gap": {"synthetic_words": [{"word": "x", "weight": 1}]}}) is not None
    assert words_section(evaluations.bare()) is None


def test_diversity_says_what_more_of_it_means_and_what_is_covered() -> None:
    section = diversity_section(evaluations.small())
    assert section is not None
    assert section.said[0] == (
        "72.0\u00a0% of 300 real texts have a synthetic one that is at least 0.6 similar "
        "(real texts among themselves: 85.0\u00a0%)."
    )
    assert section.figures[0].table.rows[2] == ("Vendi score", "61.2", "97.5", "more varied")
    assert section.figures[0].table.rows[-1] == ("duplicates", "0.04", "0", "more alike")
    only = diversity_section({"diversity": {"coverage": {"share": 0.5, "of": 10, "limit": 0.6}}})
    assert only is not None
    assert not only.figures
    assert diversity_section({}) is None

"""Synthetic and real texts compared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report import evaluations
from tests.report.charts.test_svg import marks_of_class
from textsynth.report.sections.domain_shift import (
    MAX_LABELS_PLOTTED,
    distinctive_words_section,
    diversity_section,
    domain_shift_section,
)


def titles(evaluation: dict[str, Any]) -> list[str]:
    section = domain_shift_section(evaluation)
    return [] if section is None else [figure.table.title for figure in section.figures]


def test_every_measure_has_a_figure_with_synthetic_and_real_values() -> None:
    evaluation = evaluations.small()
    assert titles(evaluation) == ["How well a classifier separates them", "Length in words", "Words per text",
                                  "Labels", "Attribute attribute 0", "Vocabulary"]  # fmt: skip
    section = domain_shift_section(evaluation)
    assert section is not None
    length = section.figures[1].table
    assert length.rows[0] == ("1 to 3", "1.0\u00a0%", "4.0\u00a0%")
    assert length.rows[-1][0] == "25 or more"
    assert section.figures[-1].table.rows[-1] == ("used by both", "26.0\u00a0%")
    assert section.figures[3].table.rows[0][:2] == ("route", "50.0\u00a0%")


@pytest.mark.parametrize(
    "edges", [None, [], [1, 2], [1, 1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3, 2, 1], ["1"] * 9]
)
def test_a_histogram_with_invalid_edges_is_left_out(edges: Any) -> None:
    evaluation = evaluations.small()
    evaluation["domain_shift"]["length"]["bin_edges"] = edges
    assert "Length in words" not in titles(evaluation)
    assert "Words per text" in titles(evaluation)


def test_of_many_labels_those_with_the_largest_difference_are_plotted() -> None:
    section = domain_shift_section(evaluations.big())
    assert section is not None
    (figure,) = [figure for figure in section.figures if figure.table.title.startswith("Labels")]
    assert figure.table.title == f"Labels: the {MAX_LABELS_PLOTTED} with the largest difference"
    assert len(figure.table.rows) == 77
    assert figure.plot is not None
    assert len(marks_of_class(figure.plot, "value")) == MAX_LABELS_PLOTTED


def test_distinctive_words_have_their_share_in_both_sets() -> None:
    section = distinctive_words_section(evaluations.small())
    assert section is not None
    synthetic, real = section.figures
    assert synthetic.table.rows[0] == ("word0", "2", "30.0\u00a0%", "1.0\u00a0%")
    assert real.table.title == "Words typical of real texts"
    assert distinctive_words_section({"domain_shift": {"synthetic_words": [{"word": "x", "weight": 1}]}}) is not None
    assert distinctive_words_section(evaluations.scores_only()) is None


def test_diversity_explains_what_a_higher_value_means_and_has_the_coverage() -> None:
    section = diversity_section(evaluations.small())
    assert section is not None
    assert section.paragraphs[0] == (
        "72.0\u00a0% of 300 real texts have a synthetic text with a similarity of at least 0.6 "
        "(among the real texts: 85.0\u00a0%)."
    )
    assert section.figures[0].table.rows[2] == ("Vendi score", "61.2", "97.5", "more varied")
    assert section.figures[0].table.rows[-1] == ("duplicates", "0.04", "0", "more alike")
    coverage_only = diversity_section({"diversity": {"coverage": {"share": 0.5, "of": 10, "limit": 0.6}}})
    assert coverage_only is not None
    assert not coverage_only.figures
    assert diversity_section({}) is None

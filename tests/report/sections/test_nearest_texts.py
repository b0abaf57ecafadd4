"""Nearest real texts, and leaks."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.nearest_texts import (
    NEAREST_SHOWN,
    PAIRS_SHOWN,
    SHOWN,
    TELLING,
    leaks_section,
    neighbours_section,
)


def test_kept_texts_stand_before_dropped_ones_with_the_nearest_real_ones() -> None:
    section = neighbours_section(evaluations.small())
    assert section is not None
    assert [quote.dropped for quote in section.quotes] == [False] * 12 + [True] * 12
    assert [quote.telling for quote in section.quotes] == ([True] * TELLING + [False] * (12 - TELLING)) * 2
    first, dropped = section.quotes[0], section.quotes[12]
    assert len(first.others) == NEAREST_SHOWN
    assert first.others[0][1].startswith("0.9 · ")
    assert dropped.said.startswith("dropped: the seeds' classifier puts another label first · ")


def test_of_many_texts_some_are_shown() -> None:
    row = evaluations.small()["neighbours"][0]
    section = neighbours_section({"neighbours": [row] * 100})
    assert section is not None
    assert len(section.quotes) == SHOWN
    assert neighbours_section({"neighbours": []}) is None


def test_leaks_are_counted_and_shown_as_pairs() -> None:
    section = leaks_section(evaluations.leak())
    assert section is not None
    assert section.said == [
        "12 synthetic texts copy a test text.",
        "More than chance explains: selected and test.",
        "11 test texts with a copy among them are left out of every score.",
    ]
    assert section.figures[0].table.head == ["between", "copies", "with another label"]
    assert section.figures[0].table.rows[0] == ["selected and test", "12", "1"]
    exact, near, *_ = section.quotes
    assert exact.others[0][1] == "the same text · test · card_declined · 0000000000000063"
    assert near.others[0][1].startswith("nearly the same words, 0.92 · test")
    assert exact.said == "selected · card_declined · 0000000000000000"


def test_no_leak_is_said_too() -> None:
    section = leaks_section(evaluations.small())
    assert section is not None
    assert section.said == ["No synthetic text that a classifier learns from copies a test text."]
    assert section.figures[0].table.head == ["between", "copies", "close"]
    assert leaks_section(evaluations.bare()) is None


def test_of_many_pairs_some_are_shown_and_labels_may_be_lists() -> None:
    pair = {**evaluations.leak()["leaks"]["pairs"][0], "labels": [["a", "b"], None]}
    section = leaks_section({"leaks": {"found": 900, "pairs": [pair] * 900}})
    assert section is not None
    assert len(section.quotes) == PAIRS_SHOWN
    assert section.said[1] == f"{PAIRS_SHOWN} of 900 pairs are shown."
    assert section.quotes[0].said == "selected · a, b · 0000000000000000"

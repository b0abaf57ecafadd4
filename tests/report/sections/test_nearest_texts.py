"""Nearest real texts, and leaks."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.nearest_texts import (
    MAX_NEAREST,
    MAX_PAIRS,
    MAX_TERMINAL_TEXTS,
    MAX_TEXTS,
    contamination_section,
    nearest_texts_section,
)


def test_selected_texts_come_before_dropped_ones_each_with_its_nearest_real_texts() -> None:
    section = nearest_texts_section(evaluations.small())
    assert section is not None
    assert section.paragraphs == ["12 selected texts, then 12 dropped texts, each with the most similar real texts."]
    assert [quote.dropped for quote in section.quotes] == [False] * 12 + [True] * 12
    in_terminal = [True] * MAX_TERMINAL_TEXTS + [False] * (12 - MAX_TERMINAL_TEXTS)
    assert [quote.in_terminal for quote in section.quotes] == in_terminal * 2
    selected, dropped = section.quotes[0], section.quotes[12]
    assert len(selected.related) == MAX_NEAREST
    assert selected.caption.startswith("selected · ")
    assert selected.related[0][1].startswith("0.9 · ")
    assert dropped.caption.startswith("dropped: the seeds' classifier puts another label first · ")


def test_of_many_texts_the_first_are_shown() -> None:
    row = evaluations.small()["nearest_texts"][0]
    section = nearest_texts_section({"nearest_texts": [row] * 100})
    assert section is not None
    assert len(section.quotes) == MAX_TEXTS
    assert nearest_texts_section({"nearest_texts": []}) is None


def test_leaks_are_counted_and_shown_as_pairs() -> None:
    section = contamination_section(evaluations.leaking())
    assert section is not None
    assert section.paragraphs == [
        "12 synthetic texts copy a test text.",
        "More copies than expected by chance: selected and test.",
        "11 test texts with a synthetic copy are left out of every score.",
    ]
    assert section.figures[0].table.head == ["between", "copies", "with another label"]
    assert section.figures[0].table.rows[0] == ["selected and test", "12", "1"]
    exact, near, *_ = section.quotes
    assert exact.related[0][1] == "the same text · test · card_declined · 0000000000000063"
    assert near.related[0][1].startswith("nearly the same words, 0.92 · test")
    assert exact.caption == "selected · card_declined · 0000000000000000"


def test_the_absence_of_leaks_is_reported() -> None:
    section = contamination_section(evaluations.small())
    assert section is not None
    assert section.paragraphs == ["No synthetic training text copies a test text."]
    assert section.figures[0].table.head == ["between", "copies", "close"]
    assert contamination_section(evaluations.scores_only()) is None


def test_of_many_pairs_the_first_are_shown_and_labels_may_be_lists() -> None:
    pair = {**evaluations.leaking()["contamination"]["pairs"][0], "labels": [["a", "b"], None]}
    section = contamination_section({"contamination": {"test_copies": 900, "pairs": [pair] * 900}})
    assert section is not None
    assert len(section.quotes) == MAX_PAIRS
    assert section.paragraphs[1] == f"{MAX_PAIRS} of 900 pairs are shown."
    assert section.quotes[0].caption == "selected · a, b · 0000000000000000"

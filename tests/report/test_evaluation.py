"""The report of an evaluation, also of one that is damaged within."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import evaluations
from tests.report.test_sections import JUNK
from textsynth.report import evaluation_page, evaluation_text
from textsynth.report.evaluation import read_evaluation_report


def test_the_sections_stand_in_the_order_of_reading() -> None:
    assert [section.key for section in read_evaluation_report(evaluations.big()).sections] == [
        "arms",
        "differences",
        "curve",
        "weights",
        "earned",
        "classes",
        "gap",
        "words",
        "diversity",
        "neighbours",
        "leaks",
    ]


def test_an_evaluation_of_scores_alone_has_no_other_section() -> None:
    proof = read_evaluation_report(evaluations.bare())
    assert [section.key for section in proof.sections] == ["arms"]
    assert (proof.name, proof.facts, proof.real, proof.leaks) == ("evaluation", [], [], False)


def test_facts_are_counts_that_there_are() -> None:
    proof = read_evaluation_report(evaluations.small())
    assert list(proof.facts) == [
        ("16", "synthetic texts selected"),
        ("52", "before the checks"),
        ("10", "real training texts"),
        ("300", "real test texts"),
        ("2", "labels"),
    ]
    assert proof.real == [("10", "real training texts"), ("300", "real test texts")]


def test_how_it_was_measured_is_told() -> None:
    rows = {row[0]: row[1] for row in read_evaluation_report(evaluations.small()).measured.figures[0].table.rows}
    assert rows["time"] == "12.3 s"
    assert rows["versions"] == "textsynth 0.1.0, scikit-learn 1.7"


def nodes(told: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value in an evaluation."""
    inner = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [(*trail, key) for key, _ in inner] + [way for key, one in inner for way in nodes(one, (*trail, key))]


WAYS = nodes(evaluations.evaluation(["a", "b"], ["length"], shift=0.02, test=60))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WAYS), JUNK), min_size=1, max_size=4))
def test_whatever_a_part_holds_the_rest_has_a_page_and_a_text(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    told = evaluations.evaluation(["a", "b"], ["length"], shift=0.02, test=60)
    for way, junk in changes:
        place = told
        for key in way[:-1]:
            place = place[key] if isinstance(place, dict) and key in place else {}
        if isinstance(place, dict):
            place[way[-1]] = junk
    assert evaluation_page(told).rstrip().endswith("</html>")
    assert evaluation_text(told, 80)

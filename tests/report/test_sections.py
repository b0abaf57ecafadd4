"""What holds for every section of every evaluation."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import evaluations
from textsynth.report.evaluation import read_evaluation_report
from textsynth.report.sections import listed, number, numbers, part, rows, span, word, words

CASES = [evaluations.small(), evaluations.big(), evaluations.harm(), evaluations.leak(), evaluations.bare()]


@pytest.mark.parametrize("told", [*CASES, evaluations.hostile()])
def test_rows_are_as_wide_as_their_head_and_places_are_columns(told: dict[str, Any]) -> None:
    proof = read_evaluation_report(told)
    tables = [figure.table for section in (*proof.sections, proof.measured) for figure in section.figures]
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}
        assert {*table.words, *table.spare} <= set(range(len(table.head)))
        assert not set(table.words) & set(table.spare)


@pytest.mark.parametrize("told", CASES)
def test_every_plot_has_a_title_a_description_and_room_for_its_marks(told: dict[str, Any]) -> None:
    for section in read_evaluation_report(told).sections:
        for figure in section.figures:
            if figure.plot is None:
                continue
            assert figure.plot.title
            assert figure.plot.description
            lowest = max(
                float(mark.attributes[key])
                for mark in figure.plot.marks
                for key in ("y", "y2", "cy")
                if key in mark.attributes
            )
            assert lowest <= figure.plot.height


@pytest.mark.parametrize("told", CASES)
def test_sections_have_names_of_their_own(told: dict[str, Any]) -> None:
    keys = [section.key for section in read_evaluation_report(told).sections]
    assert len(keys) == len(set(keys))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_what_is_there_is_returned_as_it_is() -> None:
    told = {"a": {"b": [{"c": 1}, "no map", {"c": 2}]}}
    assert part(told, "a") == told["a"]
    assert rows(told, "a", "b") == [{"c": 1}, {"c": 2}]
    assert (words(["x", 1, "y"]), word("x"), word("", "otherwise"), listed("text")) == (
        ["x", "y"],
        "x",
        "otherwise",
        (),
    )


@pytest.mark.parametrize("value", [None, True, "1", math.nan, math.inf, 10**400, 2e15, [1]])
def test_what_is_no_number_of_a_report_is_none(value: Any) -> None:
    assert number(value) is None


def test_an_interval_has_two_ends_the_lower_first() -> None:
    assert span([0.2, 0.1]) == (0.1, 0.2)
    assert [span(value) for value in ([1], [1, None], [1, 2, 3], "12", None)] == [None] * 5
    assert (numbers([1, 2.5]), numbers([1, None])) == ([1.0, 2.5], [])


@given(JUNK)
def test_nothing_that_json_can_hold_is_too_odd(value: Any) -> None:
    assert isinstance(part(value, "a", "b"), dict)
    assert all(isinstance(row, dict) for row in rows({"a": value}, "a"))
    assert all(math.isfinite(one) for one in numbers(value))

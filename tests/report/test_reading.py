"""Reading what may be missing or of another kind than promised."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.report.reading import listed, number, numbers, part, rows, span, word, words

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

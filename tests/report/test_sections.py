"""Properties of every section of every evaluation, and the getters that sections read evaluations with."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import evaluations
from textsynth.report.evaluation import build_evaluation_report
from textsynth.report.sections import (
    as_interval,
    as_list,
    as_number,
    as_numbers,
    as_string,
    as_strings,
    get_mapping,
    get_rows,
)

EVALUATIONS = [
    evaluations.small(),
    evaluations.big(),
    evaluations.harmful(),
    evaluations.leaking(),
    evaluations.scores_only(),
]


@pytest.mark.parametrize("evaluation", [*EVALUATIONS, evaluations.hostile()])
def test_rows_are_as_long_as_their_head_and_column_indices_exist(evaluation: dict[str, Any]) -> None:
    report = build_evaluation_report(evaluation)
    tables = [figure.table for section in (*report.sections, report.settings) for figure in section.figures]
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}
        assert {*table.text_columns, *table.optional_columns} <= set(range(len(table.head)))
        assert not set(table.text_columns) & set(table.optional_columns)


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_every_plot_has_a_title_a_description_and_is_high_enough_for_its_marks(evaluation: dict[str, Any]) -> None:
    for section in build_evaluation_report(evaluation).sections:
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


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_section_keys_are_unique(evaluation: dict[str, Any]) -> None:
    keys = [section.key for section in build_evaluation_report(evaluation).sections]
    assert len(keys) == len(set(keys))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_getters_return_existing_values_unchanged() -> None:
    data = {"a": {"b": [{"c": 1}, "no mapping", {"c": 2}]}}
    assert get_mapping(data, "a") == data["a"]
    assert get_rows(data, "a", "b") == [{"c": 1}, {"c": 2}]
    assert as_strings(["x", 1, "y"]) == ["x", "y"]
    assert (as_string("x"), as_string("", "default"), as_list("text")) == ("x", "default", ())


@pytest.mark.parametrize("value", [None, True, "1", math.nan, math.inf, 10**400, 2e15, [1]])
def test_a_value_that_is_no_usable_number_is_none(value: Any) -> None:
    assert as_number(value) is None


def test_an_interval_has_two_ends_the_lower_first() -> None:
    assert as_interval([0.2, 0.1]) == (0.1, 0.2)
    assert [as_interval(value) for value in ([1], [1, None], [1, 2, 3], "12", None)] == [None] * 5
    assert (as_numbers([1, 2.5]), as_numbers([1, None])) == ([1.0, 2.5], [])


@given(JSON_VALUES)
def test_getters_accept_any_json(value: Any) -> None:
    assert isinstance(get_mapping(value, "a", "b"), dict)
    assert all(isinstance(row, dict) for row in get_rows({"a": value}, "a"))
    assert all(math.isfinite(number) for number in as_numbers(value))

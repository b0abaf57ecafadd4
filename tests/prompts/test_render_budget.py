from __future__ import annotations

import pytest
from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.runtime import StrictUndefined

from textsynth.prompts.render_budget import (
    MAX_BITS,
    MAX_MEMBERS,
    MAX_STEPS,
    MAX_TEXT,
    RenderBudget,
    check_size,
    to_text,
)


def test_the_number_of_steps_is_limited() -> None:
    budget = RenderBudget()
    budget.spend(MAX_STEPS)
    with pytest.raises(TemplateRuntimeError, match="more than 1,000,000 steps"):
        budget.spend(1)


def test_a_loop_of_known_length_is_charged_before_it_runs() -> None:
    values = [1, 2, 3]
    assert RenderBudget().charge_loop(values, 5) is values
    with pytest.raises(TemplateRuntimeError, match="steps"):
        RenderBudget().charge_loop(range(1_000), 1_001)
    endless = RenderBudget().charge_loop(iter(int, 1), 1_000)
    with pytest.raises(TemplateRuntimeError, match="steps"):
        list(endless)  # type: ignore[call-overload]
    with pytest.raises(TemplateRuntimeError, match="cannot loop over 5"):
        RenderBudget().charge_loop(5, 1)
    with pytest.raises(UndefinedError, match="'x' is undefined"):
        RenderBudget().charge_loop(StrictUndefined(name="x"), 1)


@pytest.mark.parametrize(
    "value", ["a" * MAX_TEXT, 2**MAX_BITS - 1, [1] * (MAX_MEMBERS - 1), {"a": (1, {2})}, None, 1.5]
)
def test_values_within_the_limits_are_returned(value: object) -> None:
    assert RenderBudget().check_result(value) is value


@pytest.mark.parametrize(
    "value", ["a" * (MAX_TEXT + 1), 2**MAX_BITS, [1] * MAX_MEMBERS, {"a": ["b" * 1_000_000, "c" * 1_000_001, 1]}]
)
def test_values_beyond_the_limits_are_refused(value: object) -> None:
    with pytest.raises(TemplateRuntimeError):
        RenderBudget().check_result(value)


def test_a_member_that_occurs_many_times_counts_many_times() -> None:
    nested: list[object] = [1]
    for _ in range(60):
        nested = [nested, nested]
    with pytest.raises(TemplateRuntimeError, match="has more than 50,000 members"):
        RenderBudget().charge_container(nested)


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TemplateRuntimeError, match="nested more than 100 deep"):
        RenderBudget().charge_container(endless)


def test_the_size_of_a_value_is_limited() -> None:
    check_size(MAX_TEXT)
    with pytest.raises(TemplateRuntimeError, match="a list of size 200,001; a prompt may make one of at most 200,000"):
        check_size(MAX_TEXT + 1, "list")


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1, "1"), (1.5, "1.5"), (True, "True"), ("", "")])
def test_texts_and_numbers_become_text(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"an empty value \(None\) is inserted; write {{ value or \"\" }}"),
        ([1], "a list is inserted"),
        ((), "a list is inserted"),
        (range(3), "a list is inserted"),
        ({"a": 1}, "a map is inserted"),
        (len, "a value of type builtin_function_or_method is inserted, which is not a text"),
    ],
)
def test_other_values_are_refused(value: object, message: str) -> None:
    with pytest.raises(TemplateRuntimeError, match=message):
        to_text(value)

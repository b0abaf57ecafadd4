from __future__ import annotations

import pytest
from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.runtime import StrictUndefined

from textsynth.prompts.render_budget import MAX_BITS, MAX_MEMBERS, MAX_STEPS, MAX_TEXT, RenderBudget, as_text, at_most


def test_steps_end() -> None:
    meter = RenderBudget()
    meter.spend(MAX_STEPS)
    with pytest.raises(TemplateRuntimeError, match="more than 1,000,000 steps"):
        meter.spend(1)


def test_loops_are_paid_for_before_they_run_where_their_length_is_known() -> None:
    values = [1, 2, 3]
    assert RenderBudget().paced(values, 5) is values
    with pytest.raises(TemplateRuntimeError, match="steps"):
        RenderBudget().paced(range(1_000), 1_001)
    endless = RenderBudget().paced(iter(int, 1), 1_000)
    with pytest.raises(TemplateRuntimeError, match="steps"):
        list(endless)  # type: ignore[call-overload]
    with pytest.raises(TemplateRuntimeError, match="cannot loop over 5"):
        RenderBudget().paced(5, 1)
    with pytest.raises(UndefinedError, match="'x' is undefined"):
        RenderBudget().paced(StrictUndefined(name="x"), 1)


@pytest.mark.parametrize(
    "value", ["a" * MAX_TEXT, 2**MAX_BITS - 1, [1] * (MAX_MEMBERS - 1), {"a": (1, {2})}, None, 1.5]
)
def test_values_within_bounds_pass(value: object) -> None:
    assert RenderBudget().checked(value) is value


@pytest.mark.parametrize(
    "value", ["a" * (MAX_TEXT + 1), 2**MAX_BITS, [1] * MAX_MEMBERS, {"a": ["b" * 1_000_000, "c" * 1_000_001, 1]}]
)
def test_values_beyond_bounds_do_not(value: object) -> None:
    with pytest.raises(TemplateRuntimeError):
        RenderBudget().checked(value)


def test_what_is_held_many_times_counts_many_times() -> None:
    nested: list[object] = [1]
    for _ in range(60):
        nested = [nested, nested]
    with pytest.raises(TemplateRuntimeError, match="grows beyond"):
        RenderBudget().weigh(nested)


def test_a_list_that_holds_itself_has_no_end() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TemplateRuntimeError, match="nested more than 100 deep"):
        RenderBudget().weigh(endless)


def test_sizes() -> None:
    at_most(MAX_TEXT)
    with pytest.raises(
        TemplateRuntimeError, match="a list of the size 200,001; a prompt may make one of 200,000 at most"
    ):
        at_most(MAX_TEXT + 1, "list")


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1, "1"), (1.5, "1.5"), (True, "True"), ("", "")])
def test_what_a_prompt_can_print(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, r"an empty value \(None\) is put in; write {{ value or \"\" }}"),
        ([1], "a whole list is put in"),
        ((), "a whole list is put in"),
        (range(3), "a whole list is put in"),
        ({"a": 1}, "a whole map is put in"),
        (len, "a builtin_function_or_method is put in, which is no text"),
    ],
)
def test_what_is_printed_by_mistake_is_refused(value: object, told: str) -> None:
    with pytest.raises(TemplateRuntimeError, match=told):
        as_text(value)

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.recipe.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0.7", 0.7),
        ("-.5", -0.5),
        ("2.", 2.0),
        ("00.5", 0.5),
        ("y", "y"),
        ("n", "n"),
        ("25k", "25k"),
        ("a1", "a1"),
        ("1.2.3", "1.2.3"),
        ("12 monkeys", "12 monkeys"),
        ("tRuE", "tRuE"),
        ("nO", "nO"),
        ("-", "-"),
        ("...", "..."),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("3:00 pm", "3:00 pm"),
    ],
)
def test_what_all_readers_agree_on(text: str, value: object) -> None:
    resolved = resolve(text)
    assert resolved.value == value
    assert type(resolved.value) is type(value)
    assert resolved.trap is None


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("yes", "write true"),
        ("NO", "write false"),
        ("Off", '"Off" in quotes'),
        ("012", "write 12 for the number"),
        ("-07", "write -7 for the number"),
        ("00", "write 0 for the number"),
        ("0x1F", "in quotes"),
        ("0b11", "in quotes"),
        ("12:30:45", "60-based"),
        ("3:00", "60-based"),
        ("2024-01-31", "date"),
        ("2024-1-1T10:00:00Z", "date"),
        ("1e3", "write 1000 for"),
        ("2.5e-3", "write 0.0025 for"),
        ("1e999", "in quotes"),
        ("1_000", "write 1000 for"),
        ("1_0.5", "in quotes"),
        (".inf", "infinity"),
        (".NaN", "infinity"),
        ("1" * 19, "19 digits"),
    ],
)
def test_what_they_do_not_agree_on(text: str, help_: str) -> None:
    resolved = resolve(text)
    assert resolved.value == text
    assert resolved.trap is not None
    assert help_ in resolved.trap


@given(st.text(alphabet="0123456789+-._eExXob:aTn ", max_size=24))
def test_a_number_is_finite_and_nothing_is_raised(text: str) -> None:
    resolved = resolve(text)
    if isinstance(resolved.value, float):
        assert math.isfinite(resolved.value)

"""The measure of growth distinguishes linear from quadratic work."""

from __future__ import annotations

import re

import pytest

from tests.growth import assert_linear_growth


@pytest.mark.parametrize("pattern", ["a", "a+$", "(?<!a)a+b"])
def test_linear_work_passes(pattern: str) -> None:
    assert_linear_growth(re.compile(pattern).findall, "a" * 300, "a" * 9_000)


def test_quadratic_work_fails() -> None:
    """`a+b` is tried from each position to the end of the text."""
    with pytest.raises(AssertionError, match="30 times the text took"):
        assert_linear_growth(re.compile("a+b").findall, "a" * 300, "a" * 9_000)


def test_lengths_that_differ_little_show_nothing() -> None:
    with pytest.raises(AssertionError, match="too similar"):
        assert_linear_growth(len, "a" * 300, "a" * 3_000)

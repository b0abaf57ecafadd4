"""How numbers, arms and classifiers are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.report.number_format import (
    ABSENT,
    arm_name,
    classifier_name,
    format_count,
    format_difference,
    format_difference_interval,
    format_interval,
    format_score,
    format_share,
    format_short,
)

VALUES = st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.integers()


def test_scores_and_differences() -> None:
    assert [format_score(value) for value in (0.5817, 1, -0.0001, None)] == ["0.582", "1.000", "0.000", ABSENT]
    assert [format_difference(value) for value in (0.02, -0.0214, 0.0001, -0.0001, None)] == [
        "+0.020",
        "−0.021",
        "0.000",
        "0.000",
        "–",
    ]
    assert format_interval([0.5, 0.6]) == "0.500 to 0.600"
    assert format_difference_interval([-0.01, 0.04]) == "−0.010 to +0.040"
    assert (format_interval([0.5]), format_difference_interval(None)) == (ABSENT, ABSENT)


def test_counts_shares_and_short_numbers() -> None:
    assert [format_count(value) for value in (1200, -2032, 0, "x")] == ["1,200", "−2,032", "0", ABSENT]
    assert [format_share(value) for value in (0.125, 0, 1)] == ["12.5\u00a0%", "0.0\u00a0%", "100.0\u00a0%"]
    assert [format_share(value) for value in (0.9996, 0.0004)] == ["99.96\u00a0%", "0.04\u00a0%"]
    assert [format_short(value) for value in (7.244, 0.01234, 1240.4, 3, -0.5)] == [
        "7.24",
        "0.0123",
        "1,240",
        "3",
        "−0.5",
    ]


@pytest.mark.parametrize("format_value", [format_score, format_difference, format_count, format_share, format_short])
@given(value=VALUES)
def test_a_number_has_a_minus_sign_instead_of_a_hyphen_and_zero_has_no_sign(
    format_value: object, value: object
) -> None:
    assert callable(format_value)
    text = format_value(value)
    assert text == ABSENT or "-" not in text.split("e")[0]
    assert not (text.startswith("−") and not text.strip("−0., \u00a0%"))


def test_arms_and_classifiers_have_display_names_and_unknown_ones_keep_theirs() -> None:
    assert (arm_name("seeds_selected"), arm_name("my_own_arm")) == ("seeds + selected", "my own arm")
    assert (classifier_name("embeddings"), classifier_name("setfit")) == ("sentence embeddings", "setfit")

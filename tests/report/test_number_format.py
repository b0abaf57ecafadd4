"""How numbers and names are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.report.number_format import (
    ABSENT,
    arm,
    classifier,
    interval,
    score,
    share,
    short_number,
    signed,
    signed_interval,
    whole,
)

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.integers()


def test_scores_and_differences() -> None:
    assert [score(one) for one in (0.5817, 1, -0.0001, None)] == ["0.582", "1.000", "0.000", ABSENT]
    assert [signed(one) for one in (0.02, -0.0214, 0.0001, -0.0001, None)] == [
        "+0.020",
        "−0.021",
        "0.000",
        "0.000",
        "–",
    ]
    assert (interval([0.5, 0.6]), signed_interval([-0.01, 0.04])) == ("0.500 to 0.600", "−0.010 to +0.040")
    assert (interval([0.5]), signed_interval(None)) == (ABSENT, ABSENT)


def test_counts_and_shares() -> None:
    assert [whole(one) for one in (1200, -2032, 0, "x")] == ["1,200", "−2,032", "0", ABSENT]
    assert [share(one) for one in (0.125, 0, 1)] == ["12.5\u00a0%", "0.0\u00a0%", "100.0\u00a0%"]
    assert [short_number(one) for one in (7.244, 0.01234, 1240.4, 3, -0.5)] == ["7.24", "0.0123", "1,240", "3", "−0.5"]


@pytest.mark.parametrize("written", [score, signed, whole, share, short_number])
@given(value=NUMBERS)
def test_every_number_is_written_without_an_ascii_minus_or_a_lonely_sign(written: object, value: object) -> None:
    assert callable(written)
    told = written(value)
    assert told == ABSENT or "-" not in told.split("e")[0]
    assert not (told.startswith("−") and not told.strip("−0., \u00a0%"))


def test_arms_and_classifiers_have_words_and_others_keep_their_name() -> None:
    assert (arm("seeds_selected"), arm("my_own_arm")) == ("seeds + selected", "my own arm")
    assert (classifier("embeddings"), classifier("setfit")) == ("sentence embeddings", "setfit")

from __future__ import annotations

import pytest

from tests.filter.filtering import reason_for, record, verdict_on
from textsynth.core.errors import RecipeError
from textsynth.core.records import Verdict
from textsynth.filter.length import Length


def test_the_limits_are_inclusive() -> None:
    step = Length(min_words=2, max_words=3)
    assert [reason_for(step, record(text)) is None for text in ("one", "one two", "one two three", "a b c d")] == [
        False,
        True,
        True,
        False,
    ]
    assert verdict_on(step, record("a b c d")) == Verdict("has too many words", 4, 3)
    assert verdict_on(step, record("")) == Verdict("has too few words", 0, 2)


def test_characters_count_without_outer_white_space() -> None:
    step = Length(min_words=0, min_chars=3, max_chars=5)
    assert verdict_on(step, record("  ab  ")) == Verdict("has too few characters", 2, 3)
    assert verdict_on(step, record("abcdef")) == Verdict("has too many characters", 6, 5)
    assert verdict_on(step, record("  abcde\n")) is None


def test_zero_is_a_limit_and_none_is_no_limit() -> None:
    assert verdict_on(Length(min_words=0, max_words=0), record("a")) == Verdict("has too many words", 1, 0)
    assert verdict_on(Length(max_words=None), record("word " * 5000)) is None


def test_texts_without_spaces_have_words_too() -> None:
    assert verdict_on(Length(min_words=3), record("我的新卡在哪里")) is None


@pytest.mark.parametrize("limits", [{"min_words": 5, "max_words": 4}, {"min_chars": 5, "max_chars": 4}])
def test_limits_that_no_text_can_meet_are_an_error(limits: dict[str, int]) -> None:
    with pytest.raises(RecipeError, match="no text could pass"):
        Length(**limits)  # type: ignore[arg-type]

from __future__ import annotations

import pytest
from pydantic import ValidationError

from textsynth.options import Count, Options, SamplingOptions, count


class Some(Options):
    """Options for these tests."""

    names: tuple[str, ...] = ()
    number: Count = 0


@pytest.mark.parametrize(
    ("written", "number"),
    [("25k", 25_000), ("3M", 3_000_000), ("1.5k", 1500), ("2K", 2000), ("1.001k", 1001), (7, 7), (0, 0)],
)
def test_counts_may_be_written_short(written: object, number: int) -> None:
    assert Some.model_validate({"number": written}).number == number


@pytest.mark.parametrize(
    "written",
    ["25", "abck", "1.0001k", -1, 1.5, True, None, "infk", "nanM", "1e3k", "1_0k", "-1k", "٣k", "k", "9999999999999k"],
)
def test_what_is_no_count_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate({"number": written})


def test_other_values_pass_through_to_the_check_of_their_type() -> None:
    assert count([1]) == [1]
    assert count("") == ""


@pytest.mark.parametrize("text", ['{"names": [true]}', '{"names": "abc"}', '{"nmaes": []}', '{"names": [1]}'])
def test_nothing_is_coerced_and_no_key_is_unknown(text: str) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate_json(text)


def test_a_list_is_taken_for_a_tuple_and_nothing_can_be_changed() -> None:
    some = Some.model_validate_json('{"names": ["yes", "no"]}')
    assert some.names == ("yes", "no")
    with pytest.raises(ValidationError):
        some.names = ()  # type: ignore[misc]


def test_sampling_left_out_stays_left_out() -> None:
    assert SamplingOptions.model_validate({"temperature": 0.0}).model_dump(exclude_none=True) == {"temperature": 0.0}

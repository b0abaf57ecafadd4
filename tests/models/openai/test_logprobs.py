"""Log-probabilities of options, read from responses."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.models.openai.logprobs import FirstToken, first_token, parse_option_scores

LOGPROBS = {"A": -0.5, " A": -2.0, "B": -3.0, "The": -4.0}


def chat(sampled: str, top: dict[str, float], logprob: float | None = None) -> dict[str, Any]:
    rows = [{"token": token, "logprob": value} for token, value in top.items()]
    first = {"token": sampled, "logprob": top[sampled] if logprob is None else logprob, "top_logprobs": rows}
    return {"logprobs": {"content": [first, {"token": "B", "logprob": -9.0, "top_logprobs": []}]}}


def raw(sampled: str, top: dict[str, float]) -> dict[str, Any]:
    return {"logprobs": {"tokens": [sampled, "x"], "token_logprobs": [top[sampled], -1.0], "top_logprobs": [top, {}]}}


@pytest.mark.parametrize("form", [chat, raw])
def test_only_the_first_token_counts_and_spellings_are_added_up(form: Any) -> None:
    scores = parse_option_scores(form("A", LOGPROBS), ("A", "B"))
    assert scores is not None
    assert scores.logprobs["A"] == pytest.approx(math.log(math.exp(-0.5) + math.exp(-2.0)))
    assert scores.logprobs["B"] == -3.0
    assert (scores.upper_bound, scores.exact) == (None, False)


def test_an_option_that_is_missing_is_bounded_by_the_smallest_of_the_top_log_probabilities() -> None:
    scores = parse_option_scores(chat("A", LOGPROBS), ("A", "B", "C"))
    assert scores is not None
    assert set(scores.logprobs) == {"A", "B"}
    assert scores.upper_bound == -4.0


def test_a_sampled_token_that_is_not_among_the_top_ones_does_not_lower_the_bound() -> None:
    scores = parse_option_scores(chat("odd", LOGPROBS, logprob=-12.0), ("A", "C"))
    assert scores is not None
    assert scores.upper_bound == -4.0


def test_with_the_sampled_token_alone_the_others_share_the_remaining_probability() -> None:
    scores = parse_option_scores({"logprobs": {"content": [{"token": "A", "logprob": math.log(0.75)}]}}, ("A", "B"))
    assert scores is not None
    assert scores.upper_bound == pytest.approx(math.log(0.25))


@pytest.mark.parametrize(
    "logprobs",
    [
        None, 3, [], {}, {"content": []}, {"content": [3]}, {"content": [{"token": "A"}]}, {"tokens": []},
        {"content": [{"token": 3, "logprob": -1}]}, {"tokens": ["A"], "token_logprobs": [None], "top_logprobs": [None]},
        {"content": [{"token": "A", "logprob": float("nan")}]}, {"content": [{"token": "A", "logprob": True}]},
    ],
)  # fmt: skip
def test_a_response_without_numbers_has_no_scores(logprobs: object) -> None:
    assert first_token({"logprobs": logprobs}) is None
    assert parse_option_scores({"logprobs": logprobs}, ("A",)) is None


def test_top_log_probabilities_are_read_without_a_sampled_token() -> None:
    choice = {"logprobs": {"top_logprobs": [{"A": -1, "B": -math.inf}]}}
    assert first_token(choice) == FirstToken("A", -1.0, {"A": -1.0, "B": -9999.0})


@given(st.dictionaries(st.sampled_from(["A", " A", "B", "C", "x", "\n"]), st.floats(-50, 0), min_size=1))
def test_scores_are_at_most_0_and_a_bound_is_given_where_an_option_is_missing(top: dict[str, float]) -> None:
    scores = parse_option_scores(chat(next(iter(top)), top), ("A", "B", "C"))
    assert scores is not None
    assert all(value <= 0.0 for value in scores.logprobs.values())
    assert (scores.upper_bound is None) == ({"A", "B", "C"} <= {token.strip() for token in top})


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_number_of_hundreds_of_digits_is_none(number: int) -> None:
    token = first_token(
        {
            "logprobs": {
                "content": [{"token": "A", "logprob": -0.5, "top_logprobs": [{"token": "B", "logprob": number}]}]
            }
        }
    )
    assert token == FirstToken("A", -0.5, {})
    assert first_token({"logprobs": {"content": [{"token": "A", "logprob": number}]}}) is None

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.models.openai.logprobs import FirstToken, first_token, parse_option_scores

LOGPROBS = {"A": -0.5, " A": -2.0, "B": -3.0, "The": -4.0}


def chat(drawn: str, top: dict[str, float], logprob: float | None = None) -> dict[str, Any]:
    rows = [{"token": token, "logprob": value} for token, value in top.items()]
    first = {"token": drawn, "logprob": top[drawn] if logprob is None else logprob, "top_logprobs": rows}
    return {"logprobs": {"content": [first, {"token": "B", "logprob": -9.0, "top_logprobs": []}]}}


def raw(drawn: str, top: dict[str, float]) -> dict[str, Any]:
    return {"logprobs": {"tokens": [drawn, "x"], "token_logprobs": [top[drawn], -1.0], "top_logprobs": [top, {}]}}


@pytest.mark.parametrize("form", [chat, raw])
def test_only_the_first_token_counts_and_spellings_are_added_up(form: Any) -> None:
    scores = parse_option_scores(form("A", LOGPROBS), ("A", "B"))
    assert scores is not None
    assert scores.logprobs["A"] == pytest.approx(math.log(math.exp(-0.5) + math.exp(-2.0)))
    assert scores.logprobs["B"] == -3.0
    assert (scores.upper_bound, scores.exact) == (None, False)


def test_an_option_that_is_missing_is_bounded_by_the_least_likely_of_the_likeliest() -> None:
    scores = parse_option_scores(chat("A", LOGPROBS), ("A", "B", "C"))
    assert scores is not None
    assert set(scores.logprobs) == {"A", "B"}
    assert scores.upper_bound == -4.0


def test_a_drawn_token_beyond_the_likeliest_lowers_no_bound() -> None:
    scores = parse_option_scores(chat("odd", LOGPROBS, logprob=-12.0), ("A", "C"))
    assert scores is not None
    assert scores.upper_bound == -4.0


def test_with_the_drawn_token_alone_the_others_share_the_rest() -> None:
    scores = parse_option_scores({"logprobs": {"content": [{"token": "A", "logprob": math.log(0.75)}]}}, ("A", "B"))
    assert scores is not None
    assert scores.upper_bound == pytest.approx(math.log(0.25))


@pytest.mark.parametrize(
    "found",
    [
        None, 3, [], {}, {"content": []}, {"content": [3]}, {"content": [{"token": "A"}]}, {"tokens": []},
        {"content": [{"token": 3, "logprob": -1}]}, {"tokens": ["A"], "token_logprobs": [None], "top_logprobs": [None]},
        {"content": [{"token": "A", "logprob": float("nan")}]}, {"content": [{"token": "A", "logprob": True}]},
    ],
)  # fmt: skip
def test_what_holds_no_numbers_has_no_scores(found: object) -> None:
    assert first_token({"logprobs": found}) is None
    assert parse_option_scores({"logprobs": found}, ("A",)) is None


def test_values_without_a_drawn_token_are_read_all_the_same() -> None:
    found = {"logprobs": {"top_logprobs": [{"A": -1, "B": -math.inf}]}}
    assert first_token(found) == FirstToken("A", -1.0, {"A": -1.0, "B": -9999.0})


@given(st.dictionaries(st.sampled_from(["A", " A", "B", "C", "x", "\n"]), st.floats(-50, 0), min_size=1))
def test_scores_are_no_more_than_one_and_bounds_no_less_than_what_is_missing(top: dict[str, float]) -> None:
    drawn = next(iter(top))
    scores = parse_option_scores(chat(drawn, top), ("A", "B", "C"))
    assert scores is not None
    assert all(value <= 0.0 for value in scores.logprobs.values())
    assert (scores.upper_bound is None) == ({"A", "B", "C"} <= {token.strip() for token in top})

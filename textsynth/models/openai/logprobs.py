"""Reading the log-probabilities of options from a response, which is trusted no more than its text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from textsynth.core.records import OptionScores

MIN_LOGPROB = -9999.0
MIN_EXPONENT = -700.0
"""Keeps the argument of a logarithm above 0."""
WHITESPACE = " \n\t\u2581\u0120"
"""Whitespace as tokenizers write it, the marks of SentencePiece and byte-level BPE included."""


class FirstToken(NamedTuple):
    """The first token of a completion: the sampled one, and the log-probabilities (natural logarithm) by token.

    A value above 0 is kept, since it shows that these are not log-probabilities.
    """

    sampled: str
    logprob: float
    top_logprobs: dict[str, float]


def parse_option_scores(choice: Mapping[str, object], options: Sequence[str]) -> OptionScores | None:
    """Return the log-probabilities of the options as the first token; None where the response has none.

    Tokens that spell an option with whitespace around it ("A", " A") are added up. An option that no token spells has
    at most the smallest log-probability among the top ones; the sampled token need not be among those.
    """
    first = first_token(choice)
    if first is None:
        return None
    sums: dict[str, float] = {}
    for token, logprob in {**first.top_logprobs, first.sampled: first.logprob}.items():
        option = token.strip(WHITESPACE)
        if option in options:
            sums[option] = _log_add(sums.get(option, -math.inf), logprob)
    scores = {option: min(sums[option], 0.0) for option in options if option in sums}
    if len(scores) == len(options):
        return OptionScores(scores)
    others = [logprob for token, logprob in first.top_logprobs.items() if token != first.sampled]
    remainder = math.log(max(-math.expm1(min(first.logprob, 0.0)), math.exp(MIN_EXPONENT)))
    return OptionScores(scores, min([*others, remainder, 0.0]))


def first_token(choice: Mapping[str, object]) -> FirstToken | None:
    """Return the first token of a choice, in the format of chats or of raw completions; None where there is none."""
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        return None
    content = logprobs.get("content")
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], dict) else {}
        top = first.get("top_logprobs")
        rows = [row for row in top if isinstance(row, dict)] if isinstance(top, list) else []
        top_logprobs = _valid_logprobs((row.get("token"), row.get("logprob")) for row in rows)
        sampled = _valid_logprobs([(first.get("token"), first.get("logprob"))])
    else:
        top, token, logprob = (_first_of(logprobs.get(name)) for name in ("top_logprobs", "tokens", "token_logprobs"))
        top_logprobs = _valid_logprobs(top.items()) if isinstance(top, dict) else {}
        sampled = _valid_logprobs([(token, logprob)])
    for name, value in sampled.items() or top_logprobs.items():
        return FirstToken(name, value, top_logprobs)
    return None


def _first_of(values: object) -> object:
    return values[0] if isinstance(values, list) and values else None


def _valid_logprobs(pairs: Iterable[tuple[object, object]]) -> dict[str, float]:
    """Return the pairs of a text and a number; -inf is raised to MIN_LOGPROB, a token named twice has the larger."""
    logprobs: dict[str, float] = {}
    for token, logprob in pairs:
        if isinstance(token, str) and isinstance(logprob, (int, float)) and not isinstance(logprob, bool):
            try:
                value = float(logprob)
            except OverflowError:  # an integer of hundreds of digits, which JSON allows
                continue
            if not math.isnan(value) and value < math.inf:
                logprobs[token] = max(logprobs.get(token, MIN_LOGPROB), value)
    return logprobs


def _log_add(first: float, second: float) -> float:
    """Return log(exp(first) + exp(second))."""
    high = max(first, second)
    return high if high == -math.inf else high + math.log(math.exp(first - high) + math.exp(second - high))

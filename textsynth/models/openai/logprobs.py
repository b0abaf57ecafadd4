"""Reading log-probabilities of options from an answer, with the same suspicion as its text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from textsynth.core.records import OptionScores

LOWEST = -9999.0
BLANK = " \n\t\u2581\u0120"


class FirstToken(NamedTuple):
    """Log-probabilities (natural logarithm) of an answer's first token: of the drawn one, and of others by token.

    A value above 0 is kept, since it tells that these are no log-probabilities.
    """

    drawn: str
    logprob: float
    others: dict[str, float]


def parse_option_scores(choice: Mapping[str, object], options: Sequence[str]) -> OptionScores | None:
    """Return the options' log-probabilities as the first token of the answer; None where the answer has none.

    Tokens that spell an option but for blank space around it ("A", " A") are added up. An option that no token spells
    has at most the smallest log-probability among the likeliest tokens; the drawn one need not be of those.
    """
    first = first_token(choice)
    if first is None:
        return None
    sums: dict[str, float] = {}
    for token, logprob in {**first.others, first.drawn: first.logprob}.items():
        option = token.strip(BLANK)
        if option in options:
            sums[option] = _added(sums.get(option, -math.inf), logprob)
    known = {option: min(sums[option], 0.0) for option in options if option in sums}
    if len(known) == len(options):
        return OptionScores(known)
    likely = [logprob for token, logprob in first.others.items() if token != first.drawn]
    rest = math.log(max(-math.expm1(min(first.logprob, 0.0)), math.exp(-700)))
    return OptionScores(known, min([*likely, rest, 0.0]))


def first_token(choice: Mapping[str, object]) -> FirstToken | None:
    """Return what a choice says of its first token, in the format of chats or of raw completions; None: nothing."""
    found = choice.get("logprobs")
    if not isinstance(found, dict):
        return None
    content = found.get("content")
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], dict) else {}
        top = first.get("top_logprobs")
        rows = [one for one in top if isinstance(one, dict)] if isinstance(top, list) else []
        others = _numbers((one.get("token"), one.get("logprob")) for one in rows)
        drawn = _numbers([(first.get("token"), first.get("logprob"))])
    else:
        tops, tokens, logprobs = (_head(found.get(name)) for name in ("top_logprobs", "tokens", "token_logprobs"))
        others = _numbers(tops.items()) if isinstance(tops, dict) else {}
        drawn = _numbers([(tokens, logprobs)])
    for token, logprob in drawn.items() or others.items():
        return FirstToken(token, logprob, others)
    return None


def _head(values: object) -> object:
    return values[0] if isinstance(values, list) and values else None


def _numbers(pairs: Iterable[tuple[object, object]]) -> dict[str, float]:
    given: dict[str, float] = {}
    for token, logprob in pairs:
        if isinstance(token, str) and isinstance(logprob, (int, float)) and not isinstance(logprob, bool):
            value = float(logprob)
            if not math.isnan(value) and value < math.inf:
                given[token] = max(given.get(token, LOWEST), value)
    return given


def _added(one: float, other: float) -> float:
    high = max(one, other)
    return high if high == -math.inf else high + math.log(math.exp(one - high) + math.exp(other - high))

"""Surface features of texts, in words that a prompt can ask for: length, marks, digits, upper and lower case.

Does not measure what a text means, nor its style beyond these signs.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from textsynth.text.normalize import words_of

FeatureName = Literal["length", "question", "exclamation", "digits", "hashtag", "mention", "casing", "end_mark"]
FEATURES: tuple[FeatureName, ...] = get_args(FeatureName)
LENGTH_BINS = 5
END_MARKS = {"?": "ends with a question mark", "!": "ends with an exclamation mark", ".": "ends with a full stop"}
CLOSING_SIGNS = "\"'”’»)] \n"
NO_END_MARK = "ends without . ? or !"
CONTRADICTIONS: tuple[Mapping[FeatureName, str], ...] = (
    {"question": "contains no question mark", "end_mark": END_MARKS["?"]},
    {"exclamation": "contains no exclamation mark", "end_mark": END_MARKS["!"]},
)
"""Combinations that no text can have."""


def describe_features(texts: Sequence[str], features: Sequence[FeatureName]) -> dict[str, list[str]]:
    """Return for each feature its value in words for each text, in order.

    Lengths are in bins of about equally many texts, at most five; each is called after the median of its texts.
    """
    described: dict[str, list[str]] = {}
    for feature in features:
        describe = _DESCRIPTIONS.get(feature)
        described[feature] = _describe_lengths(texts) if describe is None else [describe(text) for text in texts]
    return described


def _describe_lengths(texts: Sequence[str]) -> list[str]:
    lengths = [len(words_of(text)) for text in texts]
    if not lengths:
        return []
    ordered = sorted(lengths)
    edges = sorted({ordered[len(ordered) * part // LENGTH_BINS] for part in range(1, LENGTH_BINS)} - {ordered[0]})
    bins = [bisect_right(edges, length) for length in lengths]
    names: dict[int, str] = {}
    for number in set(bins):
        median = statistics.median_low(length for length, bin_ in zip(lengths, bins, strict=True) if bin_ == number)
        names[number] = f"about {median} word{'' if median == 1 else 's'}"
    return [names[number] for number in bins]


def _contains(signs: str, name: str) -> Callable[[str], str]:
    return lambda text: (
        f"contains {name}" if any(sign in text for sign in signs) else f"contains no {name.split(' ', 1)[1]}"
    )


def _digits(text: str) -> str:
    return "contains digits" if any(sign.isdigit() for sign in text) else "contains no digits"


def _casing(text: str) -> str:
    letters = [sign for sign in text if sign.isalpha() and sign.lower() != sign.upper()]
    if not letters or not any(sign.isupper() for sign in letters):
        return "all in lower case"
    if len(letters) > 1 and all(sign.isupper() for sign in letters):
        return "all in capital letters"
    return (
        "begins with a capital letter" if letters[0].isupper() else "begins in lower case, with capital letters later"
    )


def _end_mark(text: str) -> str:
    return END_MARKS.get(text.rstrip(CLOSING_SIGNS)[-1:], NO_END_MARK)


_DESCRIPTIONS: Mapping[FeatureName, Callable[[str], str]] = {
    "question": _contains("?？", "a question mark"),
    "exclamation": _contains("!！", "an exclamation mark"),
    "digits": _digits,
    "hashtag": _contains("#", "a hashtag"),
    "mention": _contains("@", "a name after @"),
    "casing": _casing,
    "end_mark": _end_mark,
}

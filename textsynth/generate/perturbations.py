"""Perturbations: small changes of a text as people make them, each a function of the text and a random generator.

An operator changes a share of the words, at least one. Words with a digit stay as they are, so that numbers, dates and
amounts are kept. An operator returns the text unchanged where it has nothing to change.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

Operator = Callable[[str, random.Random, float], str]
"""Takes a text, a random generator and the share of the words to change (0 to 1); returns the changed text."""

Item = TypeVar("Item")

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
TOKEN = re.compile(r"\S+")
MIN_WORD = 4
"""The fewest letters of a word with a typo: in a shorter word it would often be another word."""

# The neighbours of each letter on a QWERTY keyboard.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS: Mapping[str, str] = {
    letter: "".join(
        ROWS[other_row][other]
        for other_row, other in ((row, index - 1), (row, index + 1), (row - 1, index + 1), (row + 1, index - 1))
        if 0 <= other_row < len(ROWS) and 0 <= other < len(ROWS[other_row])
    )
    for row, letters in enumerate(ROWS)
    for index, letter in enumerate(letters)
}

CONTRACTIONS: Mapping[str, str] = {
    "I am": "I'm",
    "I have": "I've",
    "I will": "I'll",
    "I would": "I'd",
    "you are": "you're",
    "you have": "you've",
    "you will": "you'll",
    "we are": "we're",
    "we have": "we've",
    "we will": "we'll",
    "they are": "they're",
    "they have": "they've",
    "it is": "it's",
    "that is": "that's",
    "there is": "there's",
    "what is": "what's",
    "where is": "where's",
    "who is": "who's",
    "how is": "how's",
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "are not": "aren't",
    "was not": "wasn't",
    "were not": "weren't",
    "has not": "hasn't",
    "have not": "haven't",
    "had not": "hadn't",
    "would not": "wouldn't",
    "could not": "couldn't",
    "should not": "shouldn't",
    "cannot": "can't",
    "will not": "won't",
}
"""English only: the long and the short form, which replace each other."""
_REPLACEMENTS = {long.lower(): short for long, short in CONTRACTIONS.items()} | {
    short.lower(): long for long, short in CONTRACTIONS.items()
}
_PATTERNS = [form.replace("'", "['’]") for form in sorted(_REPLACEMENTS, key=len, reverse=True)]
_FORMS = re.compile(rf"\b(?:{'|'.join(_PATTERNS)})\b(?!['’])", re.IGNORECASE)


def typos(text: str, generator: random.Random, share: float) -> str:
    """Change a letter in some words of four letters or more: swap, drop or double it, or take a key next to it.

    The first letter of a word stays.
    """
    words = [match for match in WORD.finditer(text) if match.end() - match.start() >= MIN_WORD]
    return _replace(text, [(match.span(), _typo(match[0], generator)) for match in _some(words, generator, share)])


def casing(text: str, generator: random.Random, share: float) -> str:
    """Write all letters small, all of them large, or each word with a capital, whichever changes the text.

    `share` is ignored.
    """
    variants = [variant for variant in (text.lower(), text.upper(), _capitalized(text)) if variant != text]
    return generator.choice(variants) if variants else text


def contractions(text: str, generator: random.Random, share: float) -> str:
    """Replace some English contractions by their long forms, and long forms by contractions."""
    matches = [match for match in _FORMS.finditer(text) if match[0].replace("’", "'").lower() in _REPLACEMENTS]
    return _replace(text, [(match.span(), _other_form(match[0])) for match in _some(matches, generator, share)])


def deletion(text: str, generator: random.Random, share: float) -> str:
    """Delete some words, with the space after them, but never the last word that is left."""
    tokens = list(TOKEN.finditer(text))
    words = [match for match in tokens if not _has_digit(match[0])]
    deleted = _some(words, generator, share)[: max(0, len(tokens) - 1)]
    starts = [match.start() for match in tokens] + [len(text)]
    spans = [(match.start(), next(start for start in starts if start > match.start())) for match in deleted]
    return _replace(text, [(span, "") for span in spans]).rstrip()


def swaps(text: str, generator: random.Random, share: float) -> str:
    """Exchange some pairs of neighbouring words."""
    tokens = list(TOKEN.finditer(text))
    words = [match[0] for match in tokens]
    pairs = [
        index
        for index in range(len(words) - 1)
        if words[index] != words[index + 1] and not _has_digit(words[index] + words[index + 1])
    ]
    swapped: set[int] = set()
    for index in _some(pairs, generator, share):
        if not swapped & {index, index + 1}:
            words[index], words[index + 1] = words[index + 1], words[index]
            swapped |= {index, index + 1}
    return _replace(text, [(match.span(), word) for match, word in zip(tokens, words, strict=True)])


OPERATORS: Mapping[str, Operator] = {
    "typos": typos,
    "casing": casing,
    "contractions": contractions,
    "deletion": deletion,
    "swaps": swaps,
}
ENGLISH_ONLY = frozenset({"contractions"})


def _some(items: Sequence[Item], generator: random.Random, share: float) -> list[Item]:
    """Return a random share of the items, at least one where there are any, in their order."""
    number = min(len(items), max(1, round(share * len(items))))
    return [items[index] for index in sorted(generator.sample(range(len(items)), number))]


def _typo(word: str, generator: random.Random) -> str:
    """Return the word with one letter after the first changed; always another word."""
    index = generator.randrange(1, len(word) - 1)
    letter = word[index]
    near = NEIGHBOURS.get(letter.lower(), "")
    variants = [
        word[:index] + word[index + 1] + letter + word[index + 2 :],
        word[:index] + word[index + 1 :],
        word[:index] + letter + word[index:],
    ]
    if near:
        key = generator.choice(near)
        variants.append(word[:index] + (key.upper() if letter.isupper() else key) + word[index + 1 :])
    return generator.choice([variant for variant in variants if variant != word])


def _other_form(form: str) -> str:
    """Return the long form of a contraction, or the contraction, with the capital that the form begins with."""
    other = _REPLACEMENTS[form.replace("’", "'").lower()]
    if form[0].isupper():
        return other[0].upper() + other[1:]
    return other if other.startswith("I") and form.startswith("i") else other[0].lower() + other[1:]


def _capitalized(text: str) -> str:
    return WORD.sub(lambda match: match[0][0].upper() + match[0][1:], text)


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _replace(text: str, replacements: Iterable[tuple[tuple[int, int], str]]) -> str:
    """Return the text with the parts between start and end replaced; the parts are in order and do not overlap."""
    pieces: list[str] = []
    position = 0
    for (start, end), new in replacements:
        pieces += [text[position:start], new]
        position = end
    return "".join([*pieces, text[position:]])

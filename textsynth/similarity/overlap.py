"""Copies of given texts: the same letters, all but a word or two, most of the words, or the whole inside a longer text.

Unlike the MinHash search of `neighbours` this one misses nothing at its limits: every pair that they take in is found,
by the rarest words of both sides (prefix filter, Chaudhuri et al. 2006). It is meant for a few thousand given texts
that stay as they are, such as a test set: a look takes 0.1 ms beside 3,000 texts of ten words, 2 ms beside 600 of 160.
Words count as often as they stand in a text, their order does not count, and a word with a hyphen counts as one or as
two, whichever is nearer.

Does not see: synonyms, translations, and misspelt words (each is another word). In languages written without spaces
a changed character is two changed "words".
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from textsynth.text.normalize import content_words, normal_form, words_of

WHOLE_WORDS = 5
SURE_WORDS = 5
# Cosines below which a short text with a word or two changed is about something else than the text it resembles: with a
# content word in common ("card"), and without ("what is a"). Chosen on banking77/train.csv against trec/train.csv.
RELATED_COSINE, RELATED_COSINE_BY_FORM = 0.2, 0.3
_LEAST_SHARE = 0.5


class OverlapMatch(NamedTuple):
    """A given text that a text is near to: its row, how it is near, and how much.

    `how` is "same" (the same letters and digits in the same order), "shared" (enough words in common) or "edited" (few
    words differ). `similarity` is the Jaccard index of the words, 0 to 1; `differing` the words to exchange, drop or
    add. An edited copy with less than five words in common is not `sure`: it may be chance.
    """

    row: int
    kind: Literal["same", "shared", "edited"]
    similarity: float
    differing_words: int
    sure: bool = True


class OverlapIndex:
    """Finds the given texts that a text copies."""

    def __init__(self, texts: Sequence[str], *, similarity: float = 0.7, edits: int = 2) -> None:
        """Index `texts`.

        A copy is a text whose words have a Jaccard index of at least `similarity`, in (0, 1], with those of a given
        one, or that differs from it in at most `edits` words while half of the longer one's words are common. The
        latter is sure when five words are common.
        """
        self._similarity, self._edits = similarity, edits
        self._texts = texts
        self._solid: defaultdict[str, list[int]] = defaultdict(list)
        self._bags: list[tuple[int, frozenset[str]]] = []
        for row, text in enumerate(texts):
            self._solid[_solid(text)].append(row)
            self._bags.extend((row, bag) for bag in _bags(text))
        self._often = Counter(word for _, bag in self._bags for word in bag)
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)
        for place, (_, bag) in enumerate(self._bags):
            for word in self._rarest(bag):
                self._by_word[word].append(place)

    def find_exact(self, text: str) -> list[int]:
        """Return the rows with the same letters and digits in the same order, the lowest first."""
        return self._solid.get(_solid(text), [])

    def find(self, text: str, *, exclude_row: int | None = None) -> list[OverlapMatch]:
        """Return the given texts that `text` copies, one entry a row, the row `without` left out.

        Order: the same letters first, then the sure ones, then the most similar, then the lowest row.
        """
        best = {row: OverlapMatch(row, "same", 1.0, 0) for row in self.find_exact(text)}
        for bag in _bags(text):
            for place in {place for word in self._rarest(bag) for place in self._by_word.get(word, ())}:
                row, other = self._bags[place]
                found = self._compared(bag, row, other)
                if found is not None and (row not in best or _rank(found) < _rank(best[row])):
                    best[row] = found
        return sorted((copy for row, copy in best.items() if row != exclude_row), key=_rank)

    def nearest(
        self, text: str, cosine: Callable[[int], float] | None = None, *, exclude_row: int | None = None
    ) -> OverlapMatch | None:
        """Return the first sure copy, else the first one whose cosine says that it is about the same thing, or None.

        `cosine` gives the likeness in meaning of `text` and a row, -1 to 1; without it only sure copies count.
        """
        for row in self.find_exact(text):
            if row != exclude_row:
                return OverlapMatch(row, "same", 1.0, 0)
        for copy in self.find(text, exclude_row=exclude_row):
            if copy.sure or (cosine is not None and cosine(copy.row) >= self._least(text, copy.row)):
                return copy
        return None

    def _least(self, text: str, row: int) -> float:
        apart = content_words(text).isdisjoint(content_words(self._texts[row]))
        return RELATED_COSINE_BY_FORM if apart else RELATED_COSINE

    def _compared(self, bag: frozenset[str], row: int, other: frozenset[str]) -> OverlapMatch | None:
        longer, shorter = max(len(bag), len(other)), min(len(bag), len(other))
        if longer - shorter > self._edits and shorter < self._similarity * longer - 1e-9:
            return None
        shared = len(bag & other)
        likeness, differing, share = shared / (longer + shorter - shared), longer - shared, shared / longer
        if likeness >= self._similarity - 1e-9:
            return OverlapMatch(row, "shared", likeness, differing)
        if differing <= self._edits and share >= _LEAST_SHARE:
            return OverlapMatch(row, "edited", likeness, differing, sure=shared >= SURE_WORDS)
        return None

    def _rarest(self, bag: frozenset[str]) -> list[str]:
        """Return words of which a copy must hold one.

        Two bags of n and m words that share s have in common one of the first n - s + 1 (m - s + 1) words in any
        order; the rarest given words first keeps the lists short.
        """
        enough = math.ceil(self._similarity * len(bag) - 1e-9)
        few = max(self._edits, len(bag) - enough) + 1
        return sorted(bag, key=lambda word: (self._often[word], word))[:few]


class SubstringIndex:
    """Finds the given text of at least five words that stands whole in a longer one, whatever case and punctuation."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index `texts`."""
        self._by_start: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for row, text in enumerate(texts):
            words = normal_form(text).split()
            if len(words) >= WHOLE_WORDS:
                self._by_start[" ".join(words[:2])].append((f" {' '.join(words)} ", row))

    def find(self, text: str) -> int | None:
        """Return the row of the given text that stands in `text`: the first in it, of those the lowest row."""
        form = normal_form(text)
        padded = f" {form} "
        for first, second in pairwise(form.split()):
            for whole, row in self._by_start.get(f"{first} {second}", ()):
                if whole in padded:
                    return row
        return None


def _rank(copy: OverlapMatch) -> tuple[bool, bool, float, int]:
    return copy.kind != "same", not copy.sure, -copy.similarity, copy.row


def _solid(text: str) -> str:
    """Return the normal form without its spaces, so that "top-up", "top up" and "topup" are one."""
    return normal_form(text).replace(" ", "")


def _bags(text: str) -> list[frozenset[str]]:
    """Return the words of a text, each with its count; where it has hyphens, once more with such words as one."""
    words = words_of(text)
    chunks = [solid for solid in map(_solid, text.split()) if solid]
    return [_bag(words)] if chunks == words else [_bag(words), _bag(chunks)]


def _bag(words: Iterable[str]) -> frozenset[str]:
    seen: Counter[str] = Counter()
    bag = set()
    for word in words:
        seen[word] += 1
        bag.add(sys.intern(word if seen[word] == 1 else f"{word} {seen[word]}"))
    return frozenset(bag)

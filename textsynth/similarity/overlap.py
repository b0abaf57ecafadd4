"""Copies of a fixed set of texts, found by shared words: equal, nearly equal, or contained in a longer text.

Unlike the MinHash search in `minhash`, `OverlapIndex` is exhaustive: it finds every pair within its limits (prefix
filter, Chaudhuri et al. 2006). It is meant for a few thousand fixed texts, such as a test set: a query takes 0.1 ms
with 3,000 texts of ten words, 2 ms with 600 texts of 160 words. Texts are compared as bags of words: a repeated word
counts each time, order is ignored, and a hyphenated word counts as one word or as two, whichever is nearer.

Does not find: synonyms, translations, and misspelt words (each is a different word). In languages written without
spaces a changed character changes two "words".
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from textsynth.text.normalize import content_words, normal_form, words_of

MIN_CONTAINED_WORDS = 5
MIN_SURE_WORDS = 5
# Below these cosines a short text that differs in a word or two is about something else than the text it resembles:
# with a content word in common ("card"), and with none ("what is a"). Chosen on banking77/train.csv against
# trec/train.csv.
RELATED_COSINE, RELATED_COSINE_NO_CONTENT_WORD = 0.2, 0.3
_MIN_SHARED_PART = 0.5  # of the longer text's words
_TOLERANCE = 1e-9


class OverlapMatch(NamedTuple):
    """An indexed text that a query text copies: its row, the kind of copy, and two measures of the overlap.

    `kind` is "same" (the same letters and digits in the same order), "shared" (enough words in common) or "edited"
    (few words differ). `similarity` is the Jaccard similarity of the word bags, 0 to 1; `differing_words` counts the
    words to replace, remove or add. `sure` is False for an edited copy with fewer than five words in common, which may
    be chance.
    """

    row: int
    kind: Literal["same", "shared", "edited"]
    similarity: float
    differing_words: int
    sure: bool = True


class OverlapIndex:
    """Finds the indexed texts that a query text copies."""

    def __init__(self, texts: Sequence[str], *, similarity: float = 0.7, edits: int = 2) -> None:
        """Index `texts`.

        A copy has a word bag with a Jaccard similarity of at least `similarity`, in (0, 1], or differs in at most
        `edits` words while at least half of the longer text's words are shared. The latter is sure from five shared
        words on.
        """
        self._similarity, self._edits = similarity, edits
        self._texts = texts
        self._rows_by_letters: defaultdict[str, list[int]] = defaultdict(list)
        self._bags: list[tuple[int, frozenset[str]]] = []
        for row, text in enumerate(texts):
            self._rows_by_letters[_without_spaces(text)].append(row)
            self._bags.extend((row, bag) for bag in _word_bags(text))
        self._frequency = Counter(word for _, bag in self._bags for word in bag)
        self._bags_by_word: defaultdict[str, list[int]] = defaultdict(list)
        for index, (_, bag) in enumerate(self._bags):
            for word in self._prefix(bag):
                self._bags_by_word[word].append(index)

    def find_exact(self, text: str) -> list[int]:
        """Return the rows with the same letters and digits in the same order, lowest row first."""
        return self._rows_by_letters.get(_without_spaces(text), [])

    def find(self, text: str, *, exclude_row: int | None = None) -> list[OverlapMatch]:
        """Return the indexed texts that `text` copies, one match a row, without `exclude_row`.

        Order: the same letters first, then sure matches, then the highest similarity, then the lowest row.
        """
        best = {row: OverlapMatch(row, "same", 1.0, 0) for row in self.find_exact(text)}
        for bag in _word_bags(text):
            for index in {index for word in self._prefix(bag) for index in self._bags_by_word.get(word, ())}:
                row, other = self._bags[index]
                match = self._compare(bag, row, other)
                if match is not None and (row not in best or _rank(match) < _rank(best[row])):
                    best[row] = match
        return sorted((match for row, match in best.items() if row != exclude_row), key=_rank)

    def nearest(
        self, text: str, cosine: Callable[[int], float] | None = None, *, exclude_row: int | None = None
    ) -> OverlapMatch | None:
        """Return the first match that is sure or that `cosine` confirms, or None.

        `cosine` returns the cosine of the embeddings of `text` and of a row, -1 to 1; without it only sure matches
        count.
        """
        for row in self.find_exact(text):
            if row != exclude_row:
                return OverlapMatch(row, "same", 1.0, 0)
        for match in self.find(text, exclude_row=exclude_row):
            if match.sure or (cosine is not None and cosine(match.row) >= self._min_cosine(text, match.row)):
                return match
        return None

    def _min_cosine(self, text: str, row: int) -> float:
        disjoint = content_words(text).isdisjoint(content_words(self._texts[row]))
        return RELATED_COSINE_NO_CONTENT_WORD if disjoint else RELATED_COSINE

    def _compare(self, bag: frozenset[str], row: int, other: frozenset[str]) -> OverlapMatch | None:
        longer, shorter = max(len(bag), len(other)), min(len(bag), len(other))
        if longer - shorter > self._edits and shorter < self._similarity * longer - _TOLERANCE:
            return None
        shared = len(bag & other)
        similarity, differing, shared_part = shared / (longer + shorter - shared), longer - shared, shared / longer
        if similarity >= self._similarity - _TOLERANCE:
            return OverlapMatch(row, "shared", similarity, differing)
        if differing <= self._edits and shared_part >= _MIN_SHARED_PART:
            return OverlapMatch(row, "edited", similarity, differing, sure=shared >= MIN_SURE_WORDS)
        return None

    def _prefix(self, bag: frozenset[str]) -> list[str]:
        """Return words of which every copy contains at least one (prefix filter).

        Two bags of n and m words that share s words share one of the first n - s + 1 (m - s + 1) words in any common
        order. Words that are rare in the index come first, which keeps the candidate lists short.
        """
        min_shared = math.ceil(self._similarity * len(bag) - _TOLERANCE)
        count = max(self._edits, len(bag) - min_shared) + 1
        return sorted(bag, key=lambda word: (self._frequency[word], word))[:count]


class SubstringIndex:
    """Finds the indexed text of at least five words that a longer text contains, ignoring case and punctuation."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index `texts`."""
        self._by_first_words: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for row, text in enumerate(texts):
            words = normal_form(text).split()
            if len(words) >= MIN_CONTAINED_WORDS:
                self._by_first_words[" ".join(words[:2])].append((f" {' '.join(words)} ", row))

    def find(self, text: str) -> int | None:
        """Return the row of the indexed text that `text` contains: the first by position, of those the lowest row."""
        form = normal_form(text)
        padded = f" {form} "
        position = 0
        for first, second in pairwise(form.split()):
            for indexed, row in self._by_first_words.get(f"{first} {second}", ()):
                if padded.startswith(indexed, position):
                    return row
            position += len(first) + 1
        return None


def _rank(match: OverlapMatch) -> tuple[bool, bool, float, int]:
    return match.kind != "same", not match.sure, -match.similarity, match.row


def _without_spaces(text: str) -> str:
    """Return the normal form without its spaces, so that "top-up", "top up" and "topup" are equal."""
    return normal_form(text).replace(" ", "")


def _word_bags(text: str) -> list[frozenset[str]]:
    """Return the word bag of a text; where it has hyphens, also the bag in which a hyphenated word is one word."""
    words = words_of(text)
    chunks = [letters for letters in map(_without_spaces, text.split()) if letters]
    return [_bag(words)] if chunks == words else [_bag(words), _bag(chunks)]


def _bag(words: Iterable[str]) -> frozenset[str]:
    """Return a multiset as a set: the nth occurrence of a word, n > 1, is the element `word n`."""
    seen: Counter[str] = Counter()
    bag = set()
    for word in words:
        seen[word] += 1
        bag.add(sys.intern(word if seen[word] == 1 else f"{word} {seen[word]}"))
    return frozenset(bag)

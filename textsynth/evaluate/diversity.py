"""Diversity of synthetic texts, and how many real texts they cover, each next to real texts of the same number.

No measure of diversity means anything alone: all depend on the number and the length of the texts. So both sides are
cut to the same number of texts, and measures over words or bytes to the same number of those.

Coverage: a real text is covered where some synthetic text is at least as near as a limit: the lower quartile of the
cosines of real texts to their nearest other real text, so that three real texts in four have another one that near.
Measured with 600 texts a side on tweets and questions (GPT-4, Llama-2, real texts, texts of the other set), the
quartile separated own from foreign texts best: covered by own ones .47 to .54, by real ones .60 to .64, by foreign ones
.09 to .11. With the median the own ones cover .23 to .29; with the 5th percentile foreign ones cover .41 to .47.

Does not detect: varied nonsense; it scores high in everything but coverage.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np

from textsynth.core.formatting import pluralize
from textsynth.evaluate.data import seeded_order
from textsynth.similarity.vectors import Vectors, nearest
from textsynth.text.normalize import normal_form, words_of

LIMIT_PERCENTILE = 25
MIN_REAL_TEXTS = 10  # a quartile of fewer texts is no reliable limit
MAX_TEXTS = 2000
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class DiversityScores:
    """Diversity of the texts of one side; None where there are too few texts, words or vectors.

    `distinct_1`, `distinct_2`: distinct unigrams and bigrams per unigram and bigram, 0 to 1 (Li et al. 2016).
    `compression_ratio`: bytes before zlib (level 9) per byte after it; higher is more repetitive, within 32 KB at a
    time. `mean_similarity`: the mean cosine of two texts. `vendi_score`: the effective number of different texts, 1 to
    n (Friedman & Dieng 2023, arXiv 2210.02410; cosine kernel). `duplicate_share`: the share of texts that repeat
    another one up to case, spacing and punctuation.
    """

    distinct_1: float | None
    distinct_2: float | None
    compression_ratio: float | None
    mean_similarity: float | None
    vendi_score: float | None
    duplicate_share: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of `real_texts` real texts that have a synthetic text at a cosine of at least `limit`.

    `reference` is the same share with as many other real texts in place of the synthetic ones: about .75, by the choice
    of the limit, with all the others, and less with fewer.
    """

    share: float
    real_texts: int
    limit: float
    reference: float


@dataclass(frozen=True, slots=True)
class Diversity:
    """Diversity of `texts_per_side` texts of each side, and coverage; figures to four decimals.

    A side without texts is None, and the other one is then measured alone. `notes`: sentences on what could not be
    measured.
    """

    texts_per_side: int
    synthetic: DiversityScores | None
    real: DiversityScores | None
    coverage: Coverage | None
    notes: tuple[str, ...] = field(default=())


def measure_diversity(
    synthetic_texts: Sequence[str],
    real_texts: Sequence[str],
    synthetic_vectors: Vectors | None,
    real_vectors: Vectors | None,
    *,
    seed: int,
    max_texts: int = MAX_TEXTS,
) -> Diversity:
    """Measure the diversity of the synthetic texts, next to equally many real ones, and how many real ones they cover.

    The vectors are unit embeddings of the texts, float32 (n, dim), in order; None leaves out what needs them. Both
    sides are cut to the size of the smaller one, at most `max_texts` texts (at least 1). Coverage uses at most
    `max_texts` real texts, and needs 10. The order of the texts does not matter.
    """
    synthetic_side = _sample(synthetic_texts, synthetic_vectors, seed, max_texts)
    real_side = _sample(real_texts, real_vectors, seed, max_texts)
    sides = (synthetic_side, real_side)
    n = min((len(side.texts) for side in sides if side.texts), default=0)
    synthetic, real = _diversity_scores([side.first(n) for side in sides])
    notes = []
    coverage = None
    if synthetic_side.vectors is None or real_side.vectors is None:
        notes.append("Mean similarity, Vendi score and coverage were not measured: there are no embeddings.")
    elif not synthetic_side.texts or len(real_side.texts) < MIN_REAL_TEXTS:
        notes.append(
            f"Coverage was not measured: it takes a synthetic and {MIN_REAL_TEXTS} real texts, but there are"
            f" {pluralize(len(synthetic_side.texts), 'synthetic text')} and"
            f" {pluralize(len(real_side.texts), 'real text')}."
        )
    else:
        coverage = _coverage(synthetic_side.vectors, real_side.vectors)
    return Diversity(n, synthetic, real, coverage, tuple(notes))


def vendi_score(vectors: Vectors) -> float | None:
    """Return the effective number of different rows of unit vectors (n, dim), 1 to n; None for no rows.

    It is the exponential of the entropy of the eigenvalues of the cosine matrix divided by n (Friedman & Dieng 2023).
    Apart from zeros, these equal the eigenvalues of the (dim, dim) matrix of second moments, so the smaller matrix of
    the two is used.
    """
    if not len(vectors):
        return None
    rows = vectors.astype(np.float64)
    matrix = rows.T @ rows if len(rows) > rows.shape[1] else rows @ rows.T
    values = np.linalg.eigvalsh(matrix)
    values = values[values > 1e-12 * len(rows)]
    shares = values / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def mean_similarity(vectors: Vectors) -> float | None:
    """Return the mean cosine of two different rows of unit vectors (n, dim); None for fewer than two rows.

    The sum over all pairs is the squared length of the sum of the rows, minus the squared lengths of the rows: n·dim
    operations.
    """
    n = len(vectors)
    if n < 2:
        return None
    rows = vectors.astype(np.float64)
    total = rows.sum(axis=0)
    return float((total @ total - (rows * rows).sum()) / (n * (n - 1)))


@dataclass(frozen=True, slots=True)
class _Side:
    """A sample of the texts of one side with their unit vectors, (n, dim)."""

    texts: list[str]
    vectors: Vectors | None

    def first(self, n: int) -> _Side:
        """Return the first n texts."""
        return _Side(self.texts[:n], None if self.vectors is None else self.vectors[:n])


_Items = TypeVar("_Items", list[str], list[tuple[str, str]], bytes)


def _sample(texts: Sequence[str], vectors: Vectors | None, seed: int, size: int) -> _Side:
    order = seeded_order(texts, seed)[:size]
    return _Side([texts[index] for index in order], None if vectors is None else vectors[order])


def _diversity_scores(sides: Sequence[_Side]) -> list[DiversityScores | None]:
    """Return the scores of each side, over equally many words, bigrams and bytes of each."""
    words = [[words_of(text) for text in side.texts] for side in sides]
    unigrams = _cut_to_shortest([[word for text in side for word in text] for side in words])
    bigrams = _cut_to_shortest([[pair for text in side for pair in pairwise(text)] for side in words])
    contents = _cut_to_shortest(["\n".join(side.texts).encode("utf-8", "surrogatepass") for side in sides])
    return [
        DiversityScores(
            distinct_1=_rounded(len(set(ones)) / len(ones) if ones else None),
            distinct_2=_rounded(len(set(twos)) / len(twos) if twos else None),
            compression_ratio=_rounded(len(content) / len(zlib.compress(content, 9)) if content else None),
            mean_similarity=_rounded(None if side.vectors is None else mean_similarity(side.vectors)),
            vendi_score=_rounded(None if side.vectors is None else vendi_score(side.vectors)),
            duplicate_share=_rounded(1 - len(set(map(normal_form, side.texts))) / len(side.texts)),
        )
        if side.texts
        else None
        for side, ones, twos, content in zip(sides, unigrams, bigrams, contents, strict=True)
    ]


def _cut_to_shortest(sides: Sequence[_Items]) -> list[_Items]:
    """Return the sides cut to the length of the shortest one that is not empty."""
    size = min((len(side) for side in sides if side), default=0)
    return [side[:size] for side in sides]


def _coverage(synthetic: Vectors, real: Vectors) -> Coverage:
    size = min(len(synthetic), len(real))
    limit = float(np.percentile(_nearest_other_cosines(real, len(real)), LIMIT_PERCENTILE))
    cosines, _ = nearest(real, synthetic[:size])
    reference = _nearest_other_cosines(real, size)
    min_cosine = limit - 1e-6  # the cosine of a copy is 1 only up to rounding
    return Coverage(
        share=round(float((cosines >= min_cosine).mean()), 4),
        real_texts=len(real),
        limit=round(limit, 4),
        reference=round(float((reference >= min_cosine).mean()), 4),
    )


def _nearest_other_cosines(vectors: Vectors, size: int) -> Vectors:
    """Return each row's highest cosine to one of the first `size` rows other than itself, (n,); -2 where none is."""
    best = np.full(len(vectors), -2, np.float32)
    compared = vectors[:size].copy()
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ compared.T
        own = np.arange(start, min(start + len(cosines), size))
        cosines[own - start, own] = -2
        best[start : start + BLOCK] = cosines.max(axis=1)
    return best


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)

"""How varied synthetic texts are, and how much of the real texts they reach, each beside real texts of the same size.

No figure of variety means anything alone: all depend on how many texts there are and how long they are. So both sides
are cut to the same number of texts, and what counts words or bytes to the same number of those.

Coverage: a real text is reached where some synthetic text is at least as near as the limit, the lower quartile of the
cosines from a real text to its nearest other real text: three real texts in four have another one so near. Measured
with 600 texts a side on tweets and questions (GPT-4, Llama-2, real texts, texts of the other set), the quartile told
own from foreign texts best: reached by own ones .47 to .54, by real ones .60 to .64, by foreign ones .09 to .11. With
the median the own ones reach .23 to .29; with the 5th percentile foreign ones reach .41 to .47.

Does not catch: varied nonsense; it scores high everywhere but in coverage.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np

from textsynth.core.formatting import pluralize
from textsynth.evaluate.sampling import seeded_order
from textsynth.similarity.vectors import Vectors, nearest
from textsynth.text.normalize import normal_form, words_of

QUARTILE = 25
FEWEST_REAL = 10  # a quartile of fewer is no limit
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class DiversityScores:
    """How varied the texts of one side are; None where texts, words or vectors are too few.

    `distinct_1`, `distinct_2`: different words, and pairs of words in a row within a text, per word and pair, 0 to 1
    (Li et al. 2016). `compression_ratio`: bytes before zlib (level 9) per byte after it; more is more repetitive, seen
    over 32 KB at a time. `mean_similarity`: the mean cosine of two texts. `vendi`: the effective number of different
    texts, 1 to n (Friedman & Dieng 2023, arXiv 2210.02410; cosine kernel). `duplicates`: the share of texts that
    repeat another one up to case, spacing and punctuation.
    """

    distinct_1: float | None
    distinct_2: float | None
    compression_ratio: float | None
    mean_similarity: float | None
    vendi: float | None
    duplicates: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of `of` real texts with a synthetic text at a cosine of at least `limit`.

    `reference` is the same for as many other real texts in place of the synthetic ones: about .75, by the limit, for
    all the others, and less for fewer.
    """

    share: float
    of: int
    limit: float
    reference: float


@dataclass(frozen=True, slots=True)
class Diversity:
    """Variety of `n` texts a side, and coverage; figures to four decimals.

    A side without texts is None, and the other one is then measured alone. `notes`: sentences on what could not be
    measured.
    """

    n: int
    synthetic: DiversityScores | None
    real: DiversityScores | None
    coverage: Coverage | None
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON takes them, by the fields' names; `notes` are told elsewhere."""
        return {key: value for key, value in asdict(self).items() if key != "notes"}


def measure_diversity(
    synthetic_texts: Sequence[str],
    real_texts: Sequence[str],
    synthetic_vectors: Vectors | None,
    real_vectors: Vectors | None,
    *,
    seed: int,
    at_most: int = 2000,
) -> Diversity:
    """Measure how varied the synthetic texts are, beside as many real ones, and how much of the real ones they reach.

    The vectors are unit embeddings of the texts, float32 (n, dim), in order; None leaves out what needs them. Both
    sides are cut to the size of the smaller one, at most `at_most` texts (at least 1). Coverage looks at no more than
    `at_most` real texts, of which there must be 10. The order of the texts changes nothing.
    """
    sides = [
        (_in(texts, order), None if vectors is None else vectors[order])
        for texts, vectors in ((synthetic_texts, synthetic_vectors), (real_texts, real_vectors))
        for order in [seeded_order(texts, seed)[:at_most]]
    ]
    (ours, our_vectors), (theirs, their_vectors) = sides
    n = min((len(texts) for texts, _ in sides if texts), default=0)
    synthetic, real = _varieties([(texts[:n], None if rows is None else rows[:n]) for texts, rows in sides])
    notes = []
    coverage = None
    if our_vectors is None or their_vectors is None:
        notes.append("Mean similarity, Vendi score and coverage were not measured: there are no embeddings.")
    elif not ours or len(theirs) < FEWEST_REAL:
        notes.append(
            f"Coverage was not measured: it takes a synthetic and {FEWEST_REAL} real texts, but there are"
            f" {pluralize(len(ours), 'synthetic text')} and {pluralize(len(theirs), 'real text')}."
        )
    else:
        coverage = _coverage(our_vectors, their_vectors)
    return Diversity(n, synthetic, real, coverage, tuple(notes))


def vendi_score(vectors: Vectors) -> float | None:
    """Return the effective number of different rows of unit vectors (n, dim), 1 to n; None for no rows.

    The exponential of the entropy of the eigenvalues of the cosine matrix over n (Friedman & Dieng 2023). These are,
    zeros aside, the eigenvalues of the (dim, dim) second moments, so the smaller of the two matrices is taken.
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

    The sum of all pairs is the squared length of the sum of the rows, less the rows' own: n·dim operations.
    """
    n = len(vectors)
    if n < 2:
        return None
    rows = vectors.astype(np.float64)
    total = rows.sum(axis=0)
    return float((total @ total - (rows * rows).sum()) / (n * (n - 1)))


_Side = tuple[list[str], Vectors | None]
_Many = TypeVar("_Many", list[str], list[tuple[str, str]], bytes)


def _in(texts: Sequence[str], order: Sequence[int]) -> list[str]:
    return [texts[place] for place in order]


def _varieties(sides: Sequence[_Side]) -> list[DiversityScores | None]:
    """Return each side's variety, with words, pairs and bytes cut to what the side with fewer has."""
    words = [[words_of(text) for text in texts] for texts, _ in sides]
    ones = _cut([[word for text in side for word in text] for side in words])
    twos = _cut([[pair for text in side for pair in pairwise(text)] for side in words])
    written = _cut(["\n".join(texts).encode("utf-8", "surrogatepass") for texts, _ in sides])
    return [
        DiversityScores(
            distinct_1=_rounded(len(set(one)) / len(one) if one else None),
            distinct_2=_rounded(len(set(two)) / len(two) if two else None),
            compression_ratio=_rounded(len(raw) / len(zlib.compress(raw, 9)) if raw else None),
            mean_similarity=_rounded(None if rows is None else mean_similarity(rows)),
            vendi=_rounded(None if rows is None else vendi_score(rows)),
            duplicates=_rounded(1 - len(set(map(normal_form, texts))) / len(texts)),
        )
        if texts
        else None
        for (texts, rows), one, two, raw in zip(sides, ones, twos, written, strict=True)
    ]


def _cut(sides: Sequence[_Many]) -> list[_Many]:
    """Cut sides to the length of the shorter one; an empty side cuts nothing."""
    size = min((len(side) for side in sides if side), default=0)
    return [side[:size] for side in sides]


def _coverage(synthetic: Vectors, real: Vectors) -> Coverage:
    size = min(len(synthetic), len(real))
    limit = float(np.percentile(_nearest_others(real, len(real)), QUARTILE))
    found, _ = nearest(real, synthetic[:size])
    reference = _nearest_others(real, size)
    at_least = limit - 1e-6  # a copy's cosine is 1 only up to rounding
    return Coverage(
        share=round(float((found >= at_least).mean()), 4),
        of=len(real),
        limit=round(limit, 4),
        reference=round(float((reference >= at_least).mean()), 4),
    )


def _nearest_others(vectors: Vectors, among: int) -> Vectors:
    """Return each row's highest cosine to one of the first `among` rows other than itself, (n,); -2 where none is."""
    best = np.full(len(vectors), -2, np.float32)
    others = vectors[:among].copy()
    for start in range(0, len(vectors), BLOCK):
        likeness = vectors[start : start + BLOCK] @ others.T
        own = np.arange(start, min(start + len(likeness), among))
        likeness[own - start, own] = -2
        best[start : start + BLOCK] = likeness.max(axis=1)
    return best


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)

"""How near real texts of a set are to each other: the yardstick for what counts as a copy of one of them.

In a domain of short, stock questions honest texts are near a test row by chance: of the train rows of banking77 33 %
are as near to one as the check `leak` drops, of trec's 11 %, of short messages 4 %, of tweets 1 %, of news none in 700.
So a near or semantic copy counts only beyond a limit that the test rows themselves set: nearer than 99 of 100 of them
are to any other one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from textsynth.similarity.overlap import CopyIndex
from textsynth.similarity.vectors import Vectors, nearest_other

Kind = Literal["exact", "near", "semantic", "family"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RARE = 0.01
SEMANTIC = 0.95
TIMES = 3
CERTAIN = 0.01 / 3  # three counts are looked at
_PRIOR_ROWS: Mapping[Kind, int] = {"exact": 1000, "near": 200, "semantic": 200}


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual among `rows` real texts, each looked at beside all others.

    `words` is the Jaccard index above which a near copy counts (0: all do), `cosine` the cosine above which a semantic
    one does. `rates` are shares of the rows, 0 to 1: "exact", "near" and "semantic" copies of another row that count,
    and "close": all copies and near-copies, whether they count or not.
    """

    rows: int
    words: float
    cosine: float
    rates: Mapping[str, float]

    def beyond(self, found: Mapping[Kind, int], texts: int) -> bool:
        """Whether `found` counts by kind among `texts` texts are more than chance and a domain explain.

        Looked at are exact copies, exact and near ones, and all three. Beyond is a count whose probability is under
        one in 300 (Poisson) where copies are three times as frequent as among the rows themselves; rates of few rows
        are drawn towards one exact copy in a thousand texts and one near or semantic one in 200.
        """
        rate, count = 0.0, 0
        for kind, prior in _PRIOR_ROWS.items():
            rate += (self.rates[kind] * self.rows + 1) / (self.rows + prior)
            count += sum(found.values()) - count if kind == "semantic" else found.get(kind, 0)
            if count and _at_least(count, TIMES * rate * texts) < CERTAIN:
                return True
        return False


def usual(texts: Sequence[str], vectors: Vectors, index: CopyIndex) -> Usual:
    """Return what is usual among `texts`; `vectors` (n, dim) are theirs, `index` holds them in their order."""
    cosines = nearest_other(vectors)[0].tolist()
    copies = [index.nearest(text, partial(_cosine, vectors, row), without=row) for row, text in enumerate(texts)]
    allowed = int(RARE * len(texts))
    near = [copy.similarity if copy is not None and copy.how != "same" else -1.0 for copy in copies]
    words = _limit(near, allowed, 0.0)
    exact = [copy is not None and copy.how == "same" for copy in copies]
    apart = [-1.0 if same or one > words else cosine for same, one, cosine in zip(exact, near, cosines, strict=True)]
    limit = _limit(apart, allowed, SEMANTIC)
    close = (copy is not None or cosine >= SEMANTIC for copy, cosine in zip(copies, cosines, strict=True))
    counts = {
        "exact": sum(exact),
        "near": sum(one > words for one in near),
        "semantic": sum(one > limit for one in apart),
        "close": sum(close),
    }
    return Usual(len(texts), words, limit, {kind: count / max(1, len(texts)) for kind, count in counts.items()})


def _limit(found: Sequence[float], allowed: int, least: float) -> float:
    """Return the value above which no more than `allowed` of the found ones lie, at least `least`."""
    return max(least, sorted(found, reverse=True)[allowed]) if len(found) > allowed else least


def _at_least(count: int, expected: float) -> float:
    """Return the probability of `count` or more where `expected` are expected, 0 to 1."""
    below = (math.exp(one * math.log(expected) - expected - math.lgamma(one + 1)) for one in range(count))
    return max(0.0, 1.0 - math.fsum(below))


def _cosine(vectors: Vectors, row: int, other: int) -> float:
    return float(vectors[row] @ vectors[other])

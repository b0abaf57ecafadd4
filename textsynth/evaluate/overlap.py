"""What straddles two sets: the texts of one that copy a row of the other, exactly, nearly, in meaning or as family."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from textsynth.core.records import Record
from textsynth.core.task import PARENT_TEXT_FIELDS
from textsynth.similarity.overlap import OverlapIndex, OverlapMatch
from textsynth.similarity.vectors import Vectors, nearest, nearest_other


@dataclass(frozen=True, slots=True)
class OverlapPair:
    """A text of the first set of `between` and the row of the second that it copies: ids, texts and labels of both.

    `similarity`: 1 for an exact copy, the Jaccard index of the words for a near one, the cosine for a semantic one; for
    a family that of the text from which the first was made.
    """

    kind: Kind
    between: tuple[str, str]
    ids: tuple[str, str]
    texts: tuple[str, str]
    labels: tuple[str, str]
    similarity: float

    @property
    def same_label(self) -> bool:
        """Whether both have the same label, or one has none; a copy with another one is a label conflict."""
        return self.labels[0] == self.labels[1] or "" in self.labels


@dataclass(frozen=True, slots=True)
class Overlap:
    """What was found between two sets: `texts` of the first, how many of them copy a row of the second, by kind.

    `rows` are the ids of the rows copied and of those with the same letters, `close` counts the texts as near to a row
    in words or meaning as the check `leak` drops, whether they count or not, `conflicts` the copies with another label.
    `beyond` says that the copies are more than chance and the domain explain. `pairs` has one pair a copying text.
    """

    texts: int
    kinds: Mapping[Kind, int]
    rows: frozenset[str]
    close: int
    conflicts: int
    beyond: bool
    pairs: tuple[OverlapPair, ...]

    @property
    def count(self) -> int:
        """How many texts copy a row."""
        return len(self.pairs)


class ReferenceSet:
    """The rows of a set that must not be copied, with what is usual among them."""

    def __init__(self, records: Sequence[Record], vectors: Vectors) -> None:
        """Index the records; `vectors` (n, dim) are their texts' unit vectors."""
        self.records = records
        self.vectors = vectors
        texts = [record.text for record in records]
        self.rows = {record.id: row for row, record in enumerate(records)}
        self.copies = OverlapIndex(texts)
        self.usual = base_rates(texts, vectors, self.copies)

    def describe(self, copy: OverlapMatch | None) -> Match | None:
        """Return what a copy by words is, or None where it does not count."""
        if copy is not None and copy.kind == "same":
            return Match("exact", copy.row, 1.0)
        if copy is not None and copy.similarity > self.usual.words:
            return Match("near", copy.row, copy.similarity)
        return None


class Match(NamedTuple):
    """A row that is copied: how, which, and how similar it is."""

    kind: Kind
    row: int
    similarity: float


def find_overlap(
    between: tuple[str, str],
    records: Sequence[Record],
    vectors: Vectors,
    held: ReferenceSet,
    known: Mapping[str, Record],
) -> Overlap:
    """Return the texts of `records` (`vectors`, (n, dim), are theirs) that copy a held row.

    `known` are all records by id, in which parents are looked up. A text counts once: by its strongest kind and its
    nearest row, ties the lowest row.
    """
    pairs, rows, close = [], set[int](), 0
    for record, vector, cosine, row in zip(records, vectors, *nearest(vectors, held.vectors), strict=True):
        copy = held.copies.nearest(record.text, partial(_cosine, held.vectors, vector))
        close += copy is not None or bool(cosine >= SEMANTIC)
        hit = held.describe(copy)
        if hit is None and cosine > held.usual.cosine:
            hit = Match("semantic", int(row), float(cosine))
        if hit is None:
            hit = _made_from(record, held, known)
        if hit is not None:
            other = held.records[hit.row]
            ids, texts = (record.id, other.id), (record.text, other.text)
            pairs.append(OverlapPair(hit.kind, between, ids, texts, (_label(record), _label(other)), hit.similarity))
            rows.update(held.copies.find_exact(other.text))
    counts = Counter(pair.kind for pair in pairs)
    kinds: dict[Kind, int] = {kind: counts[kind] for kind in KINDS}
    return Overlap(
        texts=len(records),
        kinds=kinds,
        rows=frozenset(held.records[row].id for row in rows),
        close=close,
        conflicts=sum(not pair.same_label for pair in pairs),
        beyond=held.usual.excess(kinds, len(records)),
        pairs=tuple(pairs),
    )


def _made_from(record: Record, held: ReferenceSet, known: Mapping[str, Record]) -> Match | None:
    """Return the row that is, or is copied by, a text from which the record was made, directly or over others."""
    rows = []
    texts = list(_rewritten(record))
    seen, waiting = {record.id}, list(record.provenance.parent_ids)
    while waiting:
        one = waiting.pop()
        if one in held.rows:
            rows.append(Match("family", held.rows[one], 1.0))
        parent = known.get(one)
        if parent is not None and one not in seen:
            texts.extend((parent.text, *_rewritten(parent)))
            waiting.extend(parent.provenance.parent_ids)
        seen.add(one)
    copied = (held.describe(held.copies.nearest(text)) for text in texts)
    rows.extend(Match("family", hit.row, hit.similarity) for hit in copied if hit is not None)
    return min(rows, key=lambda hit: (-hit.similarity, hit.row), default=None)


def _rewritten(record: Record) -> Iterator[str]:
    return (text for text in map(record.field_text, PARENT_TEXT_FIELDS) if text)


def _label(record: Record) -> str:
    return ", ".join(sorted(record.labels))


def _cosine(among: Vectors, vector: NDArray[np.float32], row: int) -> float:
    return float(among[row] @ vector)


Kind = Literal["exact", "near", "semantic", "family"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RARE = 0.01
SEMANTIC = 0.95
TIMES = 3
CERTAIN = 0.01 / 3  # three counts are looked at
_PRIOR_ROWS: Mapping[Kind, int] = {"exact": 1000, "near": 200, "semantic": 200}


@dataclass(frozen=True, slots=True)
class BaseRates:
    """What is usual among `rows` real texts, each looked at beside all others.

    `words` is the Jaccard index above which a near copy counts (0: all do), `cosine` the cosine above which a semantic
    one does. `rates` are shares of the rows, 0 to 1: "exact", "near" and "semantic" copies of another row that count,
    and "close": all copies and near-copies, whether they count or not.
    """

    rows: int
    words: float
    cosine: float
    rates: Mapping[str, float]

    def excess(self, found: Mapping[Kind, int], texts: int) -> bool:
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


def base_rates(texts: Sequence[str], vectors: Vectors, index: OverlapIndex) -> BaseRates:
    """Return what is usual among `texts`; `vectors` (n, dim) are theirs, `index` holds them in their order."""
    cosines = nearest_other(vectors)[0].tolist()
    copies = [
        index.nearest(text, partial(_cosine_of_usual, vectors, row), exclude_row=row) for row, text in enumerate(texts)
    ]
    allowed = int(RARE * len(texts))
    near = [copy.similarity if copy is not None and copy.kind != "same" else -1.0 for copy in copies]
    words = _limit(near, allowed, 0.0)
    exact = [copy is not None and copy.kind == "same" for copy in copies]
    apart = [-1.0 if same or one > words else cosine for same, one, cosine in zip(exact, near, cosines, strict=True)]
    limit = _limit(apart, allowed, SEMANTIC)
    close = (copy is not None or cosine >= SEMANTIC for copy, cosine in zip(copies, cosines, strict=True))
    counts = {
        "exact": sum(exact),
        "near": sum(one > words for one in near),
        "semantic": sum(one > limit for one in apart),
        "close": sum(close),
    }
    return BaseRates(len(texts), words, limit, {kind: count / max(1, len(texts)) for kind, count in counts.items()})


def _limit(found: Sequence[float], allowed: int, least: float) -> float:
    """Return the value above which no more than `allowed` of the found ones lie, at least `least`."""
    return max(least, sorted(found, reverse=True)[allowed]) if len(found) > allowed else least


def _at_least(count: int, expected: float) -> float:
    """Return the probability of `count` or more where `expected` are expected, 0 to 1."""
    below = (math.exp(one * math.log(expected) - expected - math.lgamma(one + 1)) for one in range(count))
    return max(0.0, 1.0 - math.fsum(below))


def _cosine_of_usual(vectors: Vectors, row: int, other: int) -> float:
    return float(vectors[row] @ vectors[other])

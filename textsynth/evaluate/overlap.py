"""The overlap of two sets of texts: which texts of one copy a row of the other, and how often rows copy each other.

A text copies a row exactly (the same letters and digits), nearly (most words), semantically (a high cosine), or by
family (it was made from a text that copies the row). In many domains honest texts are often close to a row. So the
reference rows set the limits themselves: each row is compared with all the others, and the limits of near and semantic
copies are chosen such that about one row in a hundred exceeds them. The shares of rows that still do are the base
rates, and an overlap is suspicious only where its copies are far more frequent.
"""

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

CopyKind = Literal["exact", "near", "semantic", "family"]
COPY_KINDS: tuple[CopyKind, ...] = get_args(CopyKind)
EXCEEDING_SHARE = 0.01  # the share of rows that may exceed a limit set by the rows themselves
MIN_COSINE = 0.95
MIN_RATE_RATIO = 3
SIGNIFICANCE = 0.01 / 3  # three counts are tested
# A base rate is smoothed with one copy in this number of rows.
PRIOR_ROWS: Mapping[CopyKind, int] = {"exact": 1000, "near": 200, "semantic": 200}


@dataclass(frozen=True, slots=True)
class BaseRates:
    """The limits and the base rates of copies among `rows` real texts, each compared with all the others.

    A near copy counts above the Jaccard index `words` (0: every one does), a semantic copy above the cosine `cosine`.
    `rates` are shares of the rows, 0 to 1: the `exact`, `near` and `semantic` copies of another row that count, and
    `close`: all exact copies and near-copies, whether they count or not.
    """

    rows: int
    words: float
    cosine: float
    rates: Mapping[str, float]

    def is_exceeded(self, counts: Mapping[CopyKind, int], texts: int) -> bool:
        """Return whether the counts of copies among `texts` texts are more than chance and the domain explain.

        Three cumulative counts are tested: exact copies; exact and near ones; all. A count exceeds the base rate where
        its Poisson probability is below one in 300, even if copies were three times as frequent as among the rows.
        The rates of few rows are smoothed towards one exact copy in 1,000 texts and one near or semantic copy in 200.
        """
        rate, count = 0.0, 0
        for kind, prior_rows in PRIOR_ROWS.items():
            rate += (self.rates[kind] * self.rows + 1) / (self.rows + prior_rows)
            count += sum(counts.values()) - count if kind == "semantic" else counts.get(kind, 0)
            if count and _poisson_tail(count, MIN_RATE_RATIO * rate * texts) < SIGNIFICANCE:
                return True
        return False


def base_rates(texts: Sequence[str], vectors: Vectors, index: OverlapIndex) -> BaseRates:
    """Return the base rates of `texts`; `vectors` (n, dim) are their unit vectors, `index` holds them in order."""
    cosines = nearest_other(vectors)[0].tolist()
    matches = [
        index.nearest(text, partial(_cosine, vectors, vectors[row]), exclude_row=row) for row, text in enumerate(texts)
    ]
    exceeding = int(EXCEEDING_SHARE * len(texts))
    exact = [match is not None and match.kind == "same" for match in matches]
    similarities = [match.similarity if match is not None and match.kind != "same" else -1.0 for match in matches]
    words_limit = _limit(similarities, exceeding, minimum=0.0)
    semantic = [
        -1.0 if is_exact or similarity > words_limit else cosine
        for is_exact, similarity, cosine in zip(exact, similarities, cosines, strict=True)
    ]
    cosine_limit = _limit(semantic, exceeding, minimum=MIN_COSINE)
    close = (match is not None or cosine >= MIN_COSINE for match, cosine in zip(matches, cosines, strict=True))
    counts = {
        "exact": sum(exact),
        "near": sum(similarity > words_limit for similarity in similarities),
        "semantic": sum(cosine > cosine_limit for cosine in semantic),
        "close": sum(close),
    }
    rates = {kind: count / max(1, len(texts)) for kind, count in counts.items()}
    return BaseRates(len(texts), words_limit, cosine_limit, rates)


@dataclass(frozen=True, slots=True)
class OverlapPair:
    """A text and the row that it copies: the names of their sets, their ids, texts and labels.

    `similarity`: 1 for an exact copy, the Jaccard index of the words for a near one, the cosine for a semantic one; for
    a family that of the text from which the copy was made.
    """

    kind: CopyKind
    sets: tuple[str, str]
    ids: tuple[str, str]
    texts: tuple[str, str]
    labels: tuple[str, str]
    similarity: float

    @property
    def same_label(self) -> bool:
        """Whether both have the same label, or one has none; otherwise the pair is a label conflict."""
        return self.labels[0] == self.labels[1] or "" in self.labels


@dataclass(frozen=True, slots=True)
class Overlap:
    """The copies of rows of one set among the texts of another.

    `texts` is the number of texts; `kinds` counts the copies by kind; `copied_rows` are the ids of the copied rows and
    of all rows with the same letters and digits. `close` counts the texts as near to a row, in words or meaning, as the
    filter `leak` drops, whether they count as copies or not; `label_conflicts` the copies with another label than their
    row. `above_base_rate` says whether the copies are more than chance and the domain explain. `pairs` has one pair for
    each copy.
    """

    texts: int
    kinds: Mapping[CopyKind, int]
    copied_rows: frozenset[str]
    close: int
    label_conflicts: int
    above_base_rate: bool
    pairs: tuple[OverlapPair, ...]

    @property
    def count(self) -> int:
        """The number of copies."""
        return len(self.pairs)


class CopiedRow(NamedTuple):
    """How a text copies a row: the kind of copy, the index of the row, and the similarity."""

    kind: CopyKind
    row: int
    similarity: float


class ReferenceSet:
    """The rows of a set that must not be copied, indexed for search, with their base rates."""

    def __init__(self, records: Sequence[Record], vectors: Vectors) -> None:
        """Index the records; `vectors` (n, dim) are the unit vectors of their texts."""
        self.records = records
        self.vectors = vectors
        texts = [record.text for record in records]
        self.row_of = {record.id: row for row, record in enumerate(records)}
        self.index = OverlapIndex(texts)
        self.base_rates = base_rates(texts, vectors, self.index)

    def copied_by(self, text: str, vector: NDArray[np.float32] | None = None) -> tuple[CopiedRow | None, bool]:
        """Return the row that a text copies by its words, None for none, and whether it is close to any row.

        `vector` is the text's unit vector; without it, matches that may be chance are left out.
        """
        cosine = None if vector is None else partial(_cosine, self.vectors, vector)
        match = self.index.nearest(text, cosine)
        return self._as_copy(match), match is not None

    def _as_copy(self, match: OverlapMatch | None) -> CopiedRow | None:
        if match is not None and match.kind == "same":
            return CopiedRow("exact", match.row, 1.0)
        if match is not None and match.similarity > self.base_rates.words:
            return CopiedRow("near", match.row, match.similarity)
        return None


def find_overlap(
    sets: tuple[str, str],
    records: Sequence[Record],
    vectors: Vectors,
    reference: ReferenceSet,
    known_records: Mapping[str, Record],
) -> Overlap:
    """Return the overlap of `records` with the reference rows.

    `sets` are the names of the two sets, `vectors` (n, dim) the unit vectors of the records. Parents are looked up by
    id in `known_records`. A text counts once: by its strongest kind and its nearest row, ties the lowest row.
    """
    pairs, rows, close = [], set[int](), 0
    for record, vector, cosine, row in zip(records, vectors, *nearest(vectors, reference.vectors), strict=True):
        copied, is_close = reference.copied_by(record.text, vector)
        close += is_close or bool(cosine >= MIN_COSINE)
        if copied is None and cosine > reference.base_rates.cosine:
            copied = CopiedRow("semantic", int(row), float(cosine))
        if copied is None:
            copied = _copied_by_ancestors(record, reference, known_records)
        if copied is not None:
            pairs.append(_pair(sets, record, reference.records[copied.row], copied))
            rows.update(reference.index.find_exact(reference.records[copied.row].text))
    counts = Counter(pair.kind for pair in pairs)
    kinds: dict[CopyKind, int] = {kind: counts[kind] for kind in COPY_KINDS}
    return Overlap(
        texts=len(records),
        kinds=kinds,
        copied_rows=frozenset(reference.records[row].id for row in rows),
        close=close,
        label_conflicts=sum(not pair.same_label for pair in pairs),
        above_base_rate=reference.base_rates.is_exceeded(kinds, len(records)),
        pairs=tuple(pairs),
    )


def _pair(sets: tuple[str, str], record: Record, row: Record, copied: CopiedRow) -> OverlapPair:
    labels = (_joined_labels(record), _joined_labels(row))
    return OverlapPair(copied.kind, sets, (record.id, row.id), (record.text, row.text), labels, copied.similarity)


def _copied_by_ancestors(
    record: Record, reference: ReferenceSet, known_records: Mapping[str, Record]
) -> CopiedRow | None:
    """Return the row that is, or is copied by, a text from which the record was made, directly or over others."""
    candidates = []
    texts = list(_rewritten_texts(record))
    visited, queue = {record.id}, list(record.provenance.parent_ids)
    while queue:
        id_ = queue.pop()
        if id_ in reference.row_of:
            candidates.append(CopiedRow("family", reference.row_of[id_], 1.0))
        parent = known_records.get(id_)
        if parent is not None and id_ not in visited:
            texts.extend((parent.text, *_rewritten_texts(parent)))
            queue.extend(parent.provenance.parent_ids)
        visited.add(id_)
    for text in texts:
        copied, _ = reference.copied_by(text)
        if copied is not None:
            candidates.append(CopiedRow("family", copied.row, copied.similarity))
    return min(candidates, key=lambda copied: (-copied.similarity, copied.row), default=None)


def _rewritten_texts(record: Record) -> Iterator[str]:
    return (text for text in map(record.field_text, PARENT_TEXT_FIELDS) if text)


def _joined_labels(record: Record) -> str:
    return ", ".join(sorted(record.labels))


def _cosine(vectors: Vectors, vector: NDArray[np.float32], row: int) -> float:
    return float(vectors[row] @ vector)


def _limit(values: Sequence[float], exceeding: int, *, minimum: float) -> float:
    """Return the smallest limit, at least `minimum`, that no more than `exceeding` of the values exceed."""
    return max(minimum, sorted(values, reverse=True)[exceeding]) if len(values) > exceeding else minimum


def _poisson_tail(count: int, expected: float) -> float:
    """Return the probability, 0 to 1, of `count` or more events where `expected` are expected."""
    below = (math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1.0 - math.fsum(below))

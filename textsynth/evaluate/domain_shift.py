"""Domain shift: how synthetic labelled texts differ from real ones.

Measured are how well a discriminator separates them (an AUC of 0.5 is best), the words that are characteristic of each
side, and length, vocabulary, labels and attributes of both sides. Two samples of one kind of text give an AUC of 0.5
with a standard deviation of .02 (600 texts a side). A high AUC alone does no harm: it shows where to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textsynth.core.formatting import pluralize
from textsynth.core.records import REVIEW_DECISION, Record
from textsynth.evaluate.data import seeded_order
from textsynth.evaluate.discriminator import DiscriminativeWord, WordDiscriminator, vector_auc
from textsynth.evaluate.matching import MIN_TEXTS, match_strata
from textsynth.evaluate.metrics import IntArray
from textsynth.similarity.vectors import Vectors
from textsynth.text.normalize import jaccard, words_of

# Fields that are no attributes.
RESERVED_FIELDS = frozenset({"source_text", "document", "chosen_label", "intended_label", REVIEW_DECISION})
MAX_VALUES = 50  # a field with more values is a copied column, not an attribute that was varied
BINS = 20
NOT_MEASURED = "How well a classifier separates synthetic from real texts was not measured"


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """Lengths of the texts of one side in words. `histogram` holds the share of texts in each bin, 0 to 1."""

    mean: float
    median: float
    p10: float
    p90: float
    histogram: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LengthComparison:
    """Lengths of both sides in words, None for a side without texts.

    `bin_edges` are those of both histograms, one more than there are bins. A bin contains its lower edge but not its
    upper one; the last bin, which starts about at the 99th percentile, contains all longer texts as well.
    """

    synthetic: LengthSummary | None
    real: LengthSummary | None
    bin_edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VocabularyComparison:
    """Distinct words among equally many words of each side; `shared` is the share of them that both sides use."""

    synthetic: int
    real: int
    shared: float | None


@dataclass(frozen=True, slots=True)
class ShareComparison:
    """The share of each side's labelled texts, 0 to 1, that carry one label; None for a side without labels."""

    synthetic: float | None
    real: float | None


@dataclass(frozen=True, slots=True)
class DomainShift:
    """How synthetic texts differ from real ones; figures to four decimals, None where they could not be measured.

    `auc_words` and `auc_embeddings`: the AUC of the discriminators, 0.5 at chance, 1.0 for perfect separation.
    `texts_per_side`: the number of texts of each side that they were measured on. `synthetic_words`, `real_words`: the
    words characteristic of each side, at most 15, the heaviest first. `labels`: by label, in the given order.
    `attributes`: by attribute and value the share of the synthetic texts that have the attribute, the most frequent
    value first. `notes`: sentences on what could not be measured.
    """

    auc_words: float | None
    auc_embeddings: float | None
    texts_per_side: int
    synthetic_words: tuple[DiscriminativeWord, ...]
    real_words: tuple[DiscriminativeWord, ...]
    length: LengthComparison
    vocabulary: VocabularyComparison
    labels: Mapping[str, ShareComparison]
    attributes: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = field(default=())


def measure_domain_shift(
    synthetic: Sequence[Record],
    real: Sequence[Record],
    synthetic_vectors: Vectors | None,
    real_vectors: Vectors | None,
    *,
    labels: Sequence[str],
    seed: int,
    text_fields: Collection[str] = (),
) -> DomainShift:
    """Measure how synthetic texts differ from real ones.

    The vectors are unit embeddings of the texts, float32 (n, dim), in order; None leaves `auc_embeddings` out. For the
    AUC and the characteristic words both sides are cut to the same number of texts, at most 4,000, with the same count
    of every label, so that different label shares alone do not raise the AUC. Labels of one side only are left out;
    where fewer than 20 texts a side remain, labels are ignored and a note says so. No copies (texts of one normal form)
    and no family (texts of one parent or completion) are split between the five folds; the AUC compares texts within a
    fold. With under 20 texts a side it is None. Length, labels and attributes are those of all texts.

    `labels` are the declared labels; other labels of the texts follow them by name. `text_fields` are the fields that
    hold texts of the records, which are no attributes. The order of the texts does not
    matter. Raises MissingExtra without scikit-learn.
    """
    discrimination = _discriminate(synthetic, real, synthetic_vectors, real_vectors, seed)
    attributes, attribute_notes = _attribute_shares(synthetic, RESERVED_FIELDS.union(text_fields))
    return DomainShift(
        auc_words=discrimination.auc_words,
        auc_embeddings=discrimination.auc_embeddings,
        texts_per_side=discrimination.texts_per_side,
        synthetic_words=tuple(discrimination.synthetic_words),
        real_words=tuple(discrimination.real_words),
        length=_compare_lengths(synthetic, real),
        vocabulary=_compare_vocabularies(synthetic, real, seed),
        labels=_compare_labels(synthetic, real, labels),
        attributes=attributes,
        notes=(*discrimination.notes, *attribute_notes),
    )


class _Discrimination(NamedTuple):
    """The results of the discriminators between the two sides."""

    texts_per_side: int
    notes: Sequence[str]
    auc_words: float | None = None
    auc_embeddings: float | None = None
    synthetic_words: Sequence[DiscriminativeWord] = ()
    real_words: Sequence[DiscriminativeWord] = ()


def _discriminate(
    synthetic: Sequence[Record],
    real: Sequence[Record],
    synthetic_vectors: Vectors | None,
    real_vectors: Vectors | None,
    seed: int,
) -> _Discrimination:
    matched = match_strata(synthetic, real, seed=seed)
    n = len(matched.synthetic)
    if n < MIN_TEXTS:
        sides = f"{pluralize(len(synthetic), 'synthetic text')} and {pluralize(len(real), 'real text')}"
        return _Discrimination(n, [f"{NOT_MEASURED}: it takes {MIN_TEXTS} texts a side, but there are {sides}."])
    if not matched.folds:
        return _Discrimination(n, [*matched.notes, f"{NOT_MEASURED}: all texts are copies of each other."])
    is_synthetic: NDArray[np.bool_] = np.arange(2 * n) < n
    folds = np.array(matched.folds * 2)
    texts = [synthetic[index].text for index in matched.synthetic] + [real[index].text for index in matched.real]
    discriminator = WordDiscriminator(texts)
    auc_embeddings = None
    if synthetic_vectors is not None and real_vectors is not None:
        vectors = np.concatenate([synthetic_vectors[matched.synthetic], real_vectors[matched.real]])
        auc_embeddings = round(vector_auc(vectors, is_synthetic, folds), 4)
    return _Discrimination(
        n,
        matched.notes,
        round(discriminator.auc(is_synthetic, folds), 4),
        auc_embeddings,
        *discriminator.discriminative_words(is_synthetic, folds),
    )


def _compare_lengths(synthetic: Sequence[Record], real: Sequence[Record]) -> LengthComparison:
    ours, theirs = (np.array([len(words_of(record.text)) for record in side]) for side in (synthetic, real))
    lengths = np.concatenate([ours, theirs])
    if not len(lengths):
        return LengthComparison(None, None, ())
    low, high = int(lengths.min()), int(np.percentile(lengths, 99))
    width = (high - low) // BINS + 1
    edges = np.arange(low, high + width + 1, width)
    return LengthComparison(
        _summarize_lengths(ours, edges), _summarize_lengths(theirs, edges), tuple(int(edge) for edge in edges)
    )


def _summarize_lengths(lengths: IntArray, edges: IntArray) -> LengthSummary | None:
    if not len(lengths):
        return None
    counts, _ = np.histogram(np.minimum(lengths, edges[-1]), edges)  # numpy's last bin contains its upper edge
    p10, median, p90 = (round(float(value), 4) for value in np.percentile(lengths, [10, 50, 90]))
    shares = tuple(round(int(count) / len(lengths), 4) for count in counts)
    return LengthSummary(round(float(lengths.mean()), 4), median, p10, p90, shares)


def _compare_vocabularies(synthetic: Sequence[Record], real: Sequence[Record], seed: int) -> VocabularyComparison:
    words = [
        [word for index in seeded_order([record.id for record in side], seed) for word in words_of(side[index].text)]
        for side in (synthetic, real)
    ]
    size = min(map(len, words))
    ours, theirs = (frozenset(islice(side, size)) for side in words)
    return VocabularyComparison(len(ours), len(theirs), round(jaccard(ours, theirs), 4) if size else None)


def _compare_labels(
    synthetic: Sequence[Record], real: Sequence[Record], declared: Sequence[str]
) -> dict[str, ShareComparison]:
    sides = (synthetic, real)
    counts = [Counter(label for record in side for label in record.labels) for side in sides]
    labelled = [sum(1 for record in side if record.labels) for side in sides]
    undeclared = sorted(set().union(*counts).difference(declared))
    return {
        label: ShareComparison(
            *(round(count[label] / n, 4) if n else None for count, n in zip(counts, labelled, strict=True))
        )
        for label in (*declared, *undeclared)
    }


def _attribute_shares(
    synthetic: Sequence[Record], other_fields: Collection[str]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the share of each value by attribute, and a note for each attribute with too many values.

    `other_fields` are fields that are no attributes.
    """
    counts: dict[str, Counter[str]] = {}
    for record in synthetic:
        for name, value in record.fields.items():
            if name not in other_fields and isinstance(value, str):
                counts.setdefault(name, Counter())[value] += 1
    shares: dict[str, dict[str, float]] = {}
    notes = []
    for name, values in sorted(counts.items()):
        if len(values) > MAX_VALUES:
            notes.append(f"The attribute {name!r} has {len(values):,} values and is not shown; at most 50 are.")
            continue
        ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        shares[name] = {value: round(count / values.total(), 4) for value, count in ordered}
    return shares, notes

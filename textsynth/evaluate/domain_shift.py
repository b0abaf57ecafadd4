"""The domain gap: how synthetic labelled texts differ from real ones.

How well a classifier tells them apart (0.5 is good), the words that give them away, and length, vocabulary, labels
and attributes side by side. Two samples of one kind of text give an AUC of 0.5 with a spread of .02 (600 texts a side).
A high AUC alone is no harm: it says where to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textsynth.core.formatting import pluralize
from textsynth.core.records import REVIEW_DECISION, Record
from textsynth.evaluate.discriminator import DiscriminativeWord, WordCounts, vector_auc
from textsynth.evaluate.matching import FEWEST, match_strata
from textsynth.evaluate.sampling import seeded_order
from textsynth.similarity.vectors import Vectors
from textsynth.text.normalize import jaccard, words_of

NO_ATTRIBUTES = frozenset({"source_text", "document", "chosen_label", "intended_label", REVIEW_DECISION})
VALUES_AT_MOST = 50  # a field of more values is a column that came along, not an attribute that was varied
BINS = 20
NOT_TOLD = "How well synthetic is told from real was not measured"


@dataclass(frozen=True, slots=True)
class Length:
    """Lengths of the texts of one side in words. `histogram` holds the share of texts in each bin, 0 to 1."""

    mean: float
    median: float
    p10: float
    p90: float
    histogram: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Both sides' lengths in words, None for a side without texts.

    `edges` are those of the bins of both histograms, one more than bins: a bin holds from its edge to below the next
    one; the last bin, which starts about where the longest hundredth does, holds all longer texts as well.
    """

    synthetic: Length | None
    real: Length | None
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Different words among as many words of each side; `shared` is the share of all of them that both sides use."""

    synthetic: int
    real: int
    shared: float | None


@dataclass(frozen=True, slots=True)
class ShareComparison:
    """The share of each side's labelled texts, 0 to 1, that carries one label; None for a side without labels."""

    synthetic: float | None
    real: float | None


@dataclass(frozen=True, slots=True)
class DomainShift:
    """How synthetic texts differ from real ones; figures to four decimals, None where they could not be measured.

    `auc_words` and `auc_embeddings`: how well a classifier tells them apart, 0.5 not at all, 1.0 always. `n`: texts a
    side that it was measured on. `synthetic_words`, `real_words`: what gives each side away, at most 15, the heaviest
    first. `labels`: by label, in the order given. `attributes`: by attribute and value the share of the synthetic
    texts that have the attribute, the commonest value first. `notes`: sentences on what could not be measured.
    """

    auc_words: float | None
    auc_embeddings: float | None
    n: int
    synthetic_words: tuple[DiscriminativeWord, ...]
    real_words: tuple[DiscriminativeWord, ...]
    length: Lengths
    vocabulary: Vocabulary
    labels: Mapping[str, ShareComparison]
    attributes: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON takes them, by the fields' names; `notes` are told elsewhere."""
        return {key: value for key, value in asdict(self).items() if key != "notes"}


def measure_domain_shift(
    synthetic: Sequence[Record],
    real: Sequence[Record],
    synthetic_vectors: Vectors | None,
    real_vectors: Vectors | None,
    *,
    labels: Sequence[str],
    seed: int,
) -> DomainShift:
    """Measure how synthetic texts differ from real ones.

    The vectors are unit embeddings of the texts, float32 (n, dim), in order; None leaves `auc_embeddings` out. For the
    AUC and the words that give a side away, both sides are cut to the same number of texts, at most 4,000, with the
    same count of every label, so that another distribution of labels alone does not raise the AUC; labels of one side
    only stay out, and where fewer than 20 texts a side are left, labels are not looked at and a note says so. No
    copies (texts of one normal form) and no family (texts of one parent or answer) straddle the five folds; the AUC
    compares texts of one fold. Under 20 texts a side it is None. Length, labels and attributes are of all the texts.

    `labels` are the declared labels; others that texts carry come after them by name. The order of the texts changes
    nothing. Raises MissingExtra without scikit-learn.
    """
    told = _told(synthetic, real, synthetic_vectors, real_vectors, seed)
    attributes, left_out = _attributes(synthetic)
    return DomainShift(
        auc_words=told.words,
        auc_embeddings=told.embeddings,
        n=told.n,
        synthetic_words=tuple(told.ours),
        real_words=tuple(told.theirs),
        length=_lengths(synthetic, real),
        vocabulary=_vocabulary(synthetic, real, seed),
        labels=_labels(synthetic, real, labels),
        attributes=attributes,
        notes=(*told.notes, *left_out),
    )


class _Discriminators(NamedTuple):
    """What classifiers that tell the sides apart say."""

    n: int
    notes: Sequence[str]
    words: float | None = None
    embeddings: float | None = None
    ours: Sequence[DiscriminativeWord] = ()
    theirs: Sequence[DiscriminativeWord] = ()


def _told(
    synthetic: Sequence[Record], real: Sequence[Record], ours: Vectors | None, theirs: Vectors | None, seed: int
) -> _Discriminators:
    matched = match_strata(synthetic, real, seed=seed)
    n = len(matched.synthetic)
    if n < FEWEST:
        sides = f"{pluralize(len(synthetic), 'synthetic text')} and {pluralize(len(real), 'real text')}"
        return _Discriminators(n, [f"{NOT_TOLD}: it takes {FEWEST} texts a side, but there are {sides}."])
    if not matched.folds:
        return _Discriminators(n, [*matched.notes, f"{NOT_TOLD}: all texts are copies of each other."])
    is_synthetic: NDArray[np.bool_] = np.arange(2 * n) < n
    folds = np.array(matched.folds * 2)
    counts = WordCounts([synthetic[at].text for at in matched.synthetic] + [real[at].text for at in matched.real])
    embeddings = None
    if ours is not None and theirs is not None:
        vectors = np.concatenate([ours[matched.synthetic], theirs[matched.real]])
        embeddings = round(vector_auc(vectors, is_synthetic, folds), 4)
    words = round(counts.auc(is_synthetic, folds), 4)
    return _Discriminators(n, matched.notes, words, embeddings, *counts.discriminative_words(is_synthetic, folds))


def _lengths(synthetic: Sequence[Record], real: Sequence[Record]) -> Lengths:
    ours, theirs = (np.array([len(words_of(one.text)) for one in side]) for side in (synthetic, real))
    both = np.concatenate([ours, theirs])
    if not len(both):
        return Lengths(None, None, ())
    low, high = int(both.min()), int(np.percentile(both, 99))
    width = (high - low) // BINS + 1
    edges = np.arange(low, high + width + 1, width)
    return Lengths(_length(ours, edges), _length(theirs, edges), tuple(int(edge) for edge in edges))


def _length(words: NDArray[np.int64], edges: NDArray[np.int64]) -> Length | None:
    if not len(words):
        return None
    counts, _ = np.histogram(np.minimum(words, edges[-1]), edges)  # numpy's last bin takes its upper edge in
    p10, median, p90 = (round(float(part), 4) for part in np.percentile(words, [10, 50, 90]))
    shares = tuple(round(int(count) / len(words), 4) for count in counts)
    return Length(round(float(words.mean()), 4), median, p10, p90, shares)


def _vocabulary(synthetic: Sequence[Record], real: Sequence[Record], seed: int) -> Vocabulary:
    sides = [
        [word for place in seeded_order([one.id for one in side], seed) for word in words_of(side[place].text)]
        for side in (synthetic, real)
    ]
    size = min(map(len, sides))
    ours, theirs = (frozenset(islice(side, size)) for side in sides)
    return Vocabulary(len(ours), len(theirs), round(jaccard(ours, theirs), 4) if size else None)


def _labels(synthetic: Sequence[Record], real: Sequence[Record], declared: Sequence[str]) -> dict[str, ShareComparison]:
    counts = [Counter(label for one in side for label in one.labels) for side in (synthetic, real)]
    labelled = [sum(1 for one in side if one.labels) for side in (synthetic, real)]
    others = sorted(set().union(*counts).difference(declared))
    return {
        label: ShareComparison(
            *(round(count[label] / n, 4) if n else None for count, n in zip(counts, labelled, strict=True))
        )
        for label in (*declared, *others)
    }


def _attributes(synthetic: Sequence[Record]) -> tuple[dict[str, dict[str, float]], list[str]]:
    counts: dict[str, Counter[str]] = {}
    for record in synthetic:
        for name, value in record.fields.items():
            if name not in NO_ATTRIBUTES and isinstance(value, str):
                counts.setdefault(name, Counter())[value] += 1
    shares: dict[str, dict[str, float]] = {}
    notes = []
    for name, values in sorted(counts.items()):
        if len(values) > VALUES_AT_MOST:
            notes.append(f"The attribute {name!r} has {len(values):,} values and is not shown; at most 50 are.")
            continue
        ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        shares[name] = {value: round(count / values.total(), 4) for value, count in ordered}
    return shares, notes

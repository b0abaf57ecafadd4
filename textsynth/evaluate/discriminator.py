"""Discriminators between synthetic and real texts (classifier two-sample tests, C2ST), and the words they rely on.

Logistic regression, once on words (TF-IDF of unigrams and bigrams, without case and punctuation), once on embeddings.
C = 10 in both: of 1, 3, 10, 30 and 100 it separated texts by GPT-4 and Llama-2 from the real texts of two training sets
best, or within .001 of the best. An AUC of 0.5 is chance; at 1.0 every pair is ranked right.

Does not detect: what no single word, bigram or embedding shows, such as punctuation, layout and coherence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textsynth.core.errors import require_extra
from textsynth.evaluate.metrics import IntArray
from textsynth.similarity.vectors import Vectors
from textsynth.text.normalize import words_of

BoolArray = NDArray[np.bool_]
INVERSE_STRENGTH = 10.0
MIN_TEXTS = 2  # a word that occurs in one training text says nothing about another text
MAX_WORDS = 15
MIN_STANDARD_ERRORS = 3.0
MIN_AGREEING_FOLDS = 0.8
PURPOSE = "telling synthetic from real texts"


@dataclass(frozen=True, slots=True)
class DiscriminativeWord:
    """A unigram or bigram that is characteristic of one side.

    `weight` is its coefficient, above 0 for synthetic; `synthetic` and `real` are the shares, 0 to 1, of the texts of
    each side that contain it.
    """

    word: str
    weight: float
    synthetic: float
    real: float


class WordDiscriminator:
    """A discriminator on the unigrams and bigrams of n texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Count the words of the texts once for all folds. Raises MissingExtra without scikit-learn."""
        require_extra("embed", "sklearn", why=PURPOSE)
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(analyzer=_terms)
        if any(words_of(text) for text in texts):
            self._counts = vectorizer.fit_transform(texts)
            self._terms = [str(term) for term in vectorizer.get_feature_names_out()]
        else:
            self._counts = None
            self._terms = []

    def auc(self, is_synthetic: BoolArray, folds: IntArray) -> float:
        """Return the cross-validated AUC, 0 to 1, of TF-IDF and logistic regression; 0.5 where no text has a word.

        `is_synthetic` and `folds` have a value for each of the n texts. Vocabulary, document frequencies and
        coefficients come from the training folds only.
        """
        return 0.5 if self._counts is None else _cross_validated_auc(self._scores, is_synthetic, folds)

    def discriminative_words(
        self, is_synthetic: BoolArray, folds: IntArray
    ) -> tuple[list[DiscriminativeWord], list[DiscriminativeWord]]:
        """Return up to 15 words characteristic of synthetic texts and as many of real texts, the heaviest first.

        The weights are those of one classifier fitted on all n texts. A word is listed where it occurs in significantly
        more texts of one side, by three standard errors of the difference of two proportions, and in at least four
        folds of five (a name that a single family repeats is not listed). Of overlapping words ("in order",
        "order to") only the heaviest is listed; ties: in alphabetical order.
        """
        if self._counts is None:
            return [], []
        columns = np.flatnonzero(_is_significant(self._counts, is_synthetic, folds))
        if not len(columns):
            return [], []
        shares = [_document_counts(self._counts[side]) / max(1, side.sum()) for side in (is_synthetic, ~is_synthetic)]
        words = [
            DiscriminativeWord(
                self._terms[column],
                *(round(float(value), 4) for value in (weight, *(share[column] for share in shares))),
            )
            for column, weight in zip(columns, self._weights(columns, is_synthetic), strict=True)
        ]
        return (
            _heaviest([word for word in words if word.weight > 0 and word.synthetic > word.real]),
            _heaviest([word for word in words if word.weight < 0 and word.synthetic < word.real]),
        )

    def _weights(self, columns: IntArray, is_synthetic: BoolArray) -> NDArray[np.float64]:
        """Return the coefficients of the columns, all of which occur in enough texts."""
        frequent = np.flatnonzero(_document_counts(self._counts) >= MIN_TEXTS)
        _, classifier = _fit(self._counts[:, frequent], is_synthetic)
        return np.asarray(classifier.coef_[0][np.searchsorted(frequent, columns)])

    def _scores(self, train: IntArray, held_out: IntArray, is_synthetic: BoolArray) -> Any:  # noqa: ANN401
        columns = np.flatnonzero(_document_counts(self._counts[train]) >= MIN_TEXTS)
        if not len(columns):
            return np.zeros(len(held_out))
        tfidf, classifier = _fit(self._counts[train][:, columns], is_synthetic[train])
        return classifier.decision_function(tfidf.transform(self._counts[held_out][:, columns]))


def vector_auc(vectors: Vectors, is_synthetic: BoolArray, folds: IntArray) -> float:
    """Return the cross-validated AUC, 0 to 1, of logistic regression on n unit vectors (n, dim).

    `is_synthetic` and `folds` have a value for each row. Raises MissingExtra without scikit-learn.
    """
    require_extra("embed", "sklearn", why=PURPOSE)

    def scores(train: IntArray, held_out: IntArray, is_synthetic: BoolArray) -> Any:  # noqa: ANN401
        return _fit_regression(vectors[train], is_synthetic[train]).decision_function(vectors[held_out])

    return _cross_validated_auc(scores, is_synthetic, folds)


_ScoreFunction = Callable[[IntArray, IntArray, BoolArray], Any]


def _cross_validated_auc(scores: _ScoreFunction, is_synthetic: BoolArray, folds: IntArray) -> float:
    """Return the share of pairs within a fold, a synthetic and a real text, that are ranked right; ties count half.

    Pairs across folds are left out: their scores come from different classifiers, and comparing those biases an AUC
    (Airola et al. 2011).
    """
    from sklearn.metrics import roc_auc_score

    right, pairs = 0.0, 0
    for fold in np.unique(folds):
        held_out, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        truth = is_synthetic[held_out]
        fold_pairs = int(truth.sum()) * int((~truth).sum())
        right += fold_pairs * float(roc_auc_score(truth, scores(train, held_out, is_synthetic)))
        pairs += fold_pairs
    return right / pairs


def _terms(text: str) -> Iterator[str]:
    words = words_of(text)
    yield from words
    yield from map(" ".join, pairwise(words))


def _document_counts(counts: Any) -> IntArray:  # noqa: ANN401 — a sparse matrix
    """Return for each column in how many rows its term occurs."""
    return np.asarray((counts > 0).sum(axis=0)).ravel()


def _is_significant(counts: Any, is_synthetic: BoolArray, folds: IntArray) -> BoolArray:  # noqa: ANN401
    """Return for each column whether it occurs in more texts of one side, by a test and in most folds."""
    sizes = is_synthetic.sum(), (~is_synthetic).sum()
    synthetic, real = (
        _document_counts(counts[side]) / size for side, size in zip((is_synthetic, ~is_synthetic), sizes, strict=True)
    )
    pooled = (synthetic * sizes[0] + real * sizes[1]) / sum(sizes)
    errors = np.sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1]))
    direction = np.sign(synthetic - real)
    agreeing = np.zeros(len(direction))
    fold_ids = np.unique(folds)
    for fold in fold_ids:
        synthetic_texts, real_texts = (
            _document_counts(counts[side & (folds == fold)]) for side in (is_synthetic, ~is_synthetic)
        )
        agreeing += np.sign(synthetic_texts - real_texts) == direction
    consistent = (agreeing >= MIN_AGREEING_FOLDS * len(fold_ids)) & (direction != 0)
    return np.asarray(consistent & (np.abs(synthetic - real) >= MIN_STANDARD_ERRORS * errors))


def _fit(counts: Any, is_synthetic: BoolArray) -> tuple[Any, Any]:  # noqa: ANN401 — scikit-learn has no types
    """Return the TF-IDF transformer and the classifier fitted on word counts."""
    from sklearn.feature_extraction.text import TfidfTransformer

    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
    return tfidf, _fit_regression(tfidf.transform(counts), is_synthetic)


def _fit_regression(features: Any, is_synthetic: BoolArray) -> Any:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=INVERSE_STRENGTH, max_iter=1000).fit(features, is_synthetic)


def _heaviest(words: Sequence[DiscriminativeWord]) -> list[DiscriminativeWord]:
    """Return the heaviest words that do not overlap, at most 15."""
    listed: list[DiscriminativeWord] = []
    used: set[str] = set()
    for word in sorted(words, key=lambda word: (-abs(word.weight), word.word)):
        parts = set(word.word.split())
        if used.isdisjoint(parts):
            listed.append(word)
            used |= parts
        if len(listed) == MAX_WORDS:
            break
    return listed

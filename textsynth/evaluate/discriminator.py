"""How well a classifier tells synthetic texts from real ones, and by which words.

Logistic regression, once on words (TF-IDF of words and pairs of words, case and punctuation aside), once on
embeddings. C = 10 in both: of 1, 3, 10, 30 and 100 it told texts by GPT-4 and Llama-2 from the real ones of two
training sets best, or within .001 of the best. An AUC of 0.5 is a coin's; 1.0 tells every pair right.

Does not catch: what no single word, pair of words or embedding shows, such as punctuation, layout and coherence.
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
from textsynth.similarity.vectors import Vectors
from textsynth.text.normalize import words_of

INVERSE_STRENGTH = 10.0
TEXTS_A_TERM = 2  # a word that training saw once tells nothing about another text
WORDS_TOLD = 15
STANDARD_ERRORS = 3.0
FOLDS_THAT_AGREE = 0.8
WHY = "telling synthetic from real texts"


@dataclass(frozen=True, slots=True)
class DiscriminativeWord:
    """A word, or two in a row, by which one side is known.

    `weight` is its coefficient, above 0 for synthetic; `synthetic` and `real` are the shares, 0 to 1, of the texts
    of each side that hold it.
    """

    word: str
    weight: float
    synthetic: float
    real: float


class WordCounts:
    """Which words and pairs of words stand in each of n texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Count the texts' words once, for every fold. Raises MissingExtra without scikit-learn."""
        require_extra("embed", "sklearn", why=WHY)
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(analyzer=_terms)
        if any(words_of(text) for text in texts):
            self._counts = counter.fit_transform(texts)
            self._names = [str(name) for name in counter.get_feature_names_out()]
        else:
            self._counts = None
            self._names = []

    def auc(self, synthetic: NDArray[np.bool_], folds: NDArray[np.int64]) -> float:
        """Return the cross-validated AUC, 0 to 1, of TF-IDF and logistic regression; 0.5 where no text has a word.

        `synthetic` says of each of the n texts whether it is; `folds` is the fold of each. Words, their document
        frequencies and the classifier come from the training folds only.
        """
        return 0.5 if self._counts is None else _auc(self._scores, synthetic, folds)

    def discriminative_words(
        self, synthetic: NDArray[np.bool_], folds: NDArray[np.int64]
    ) -> tuple[list[DiscriminativeWord], list[DiscriminativeWord]]:
        """Return up to 15 words by which synthetic and as many by which real texts are known, the heaviest first.

        The weights are those of one classifier fitted on all n texts. Listed are words that stand in more texts of the
        side named, clearly: by three standard errors of the difference of two proportions, and in four folds of five
        (so a name that one family repeats is none). Of words that overlap ("in order", "order to") only the heaviest
        is listed; ties: in the order of the alphabet.
        """
        if self._counts is None:
            return [], []
        columns = np.flatnonzero(_clear(self._counts, synthetic, folds))
        if not len(columns):
            return [], []
        shares = [_texts_with(self._counts[side]) / max(1, side.sum()) for side in (synthetic, ~synthetic)]
        told = [
            DiscriminativeWord(
                self._names[column], *(round(float(part), 4) for part in (weight, *(share[column] for share in shares)))
            )
            for column, weight in zip(columns, self._weights(columns, synthetic), strict=True)
        ]
        return (
            _heaviest([one for one in told if one.weight > 0 and one.synthetic > one.real]),
            _heaviest([one for one in told if one.weight < 0 and one.synthetic < one.real]),
        )

    def _weights(self, columns: NDArray[np.int64], synthetic: NDArray[np.bool_]) -> NDArray[np.float64]:
        known = np.flatnonzero(_texts_with(self._counts) >= TEXTS_A_TERM)  # holds all that is clear
        _, classifier = _fitted(self._counts[:, known], synthetic)
        return np.asarray(classifier.coef_[0][np.searchsorted(known, columns)])

    def _scores(self, train: NDArray[np.int64], held_out: NDArray[np.int64], y: NDArray[np.bool_]) -> Any:  # noqa: ANN401
        columns = np.flatnonzero(_texts_with(self._counts[train]) >= TEXTS_A_TERM)
        if not len(columns):
            return np.zeros(len(held_out))
        frequencies, classifier = _fitted(self._counts[train][:, columns], y[train])
        return classifier.decision_function(frequencies.transform(self._counts[held_out][:, columns]))


def vector_auc(vectors: Vectors, synthetic: NDArray[np.bool_], folds: NDArray[np.int64]) -> float:
    """Return the cross-validated AUC, 0 to 1, of logistic regression on n unit vectors (n, dim).

    `synthetic` says of each row whether it is; `folds` is the fold of each. Raises MissingExtra without scikit-learn.
    """
    require_extra("embed", "sklearn", why=WHY)

    def scores(train: NDArray[np.int64], held_out: NDArray[np.int64], y: NDArray[np.bool_]) -> Any:  # noqa: ANN401
        return _regression(vectors[train], y[train]).decision_function(vectors[held_out])

    return _auc(scores, synthetic, folds)


_Scores = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]], Any]


def _auc(scores: _Scores, synthetic: NDArray[np.bool_], folds: NDArray[np.int64]) -> float:
    """Return the share of pairs of one fold, a synthetic and a real text, that are ranked right; ties count half.

    Pairs across folds are left out: their scores come from different classifiers, and comparing those biases an AUC
    (Airola et al. 2011).
    """
    from sklearn.metrics import roc_auc_score

    right, pairs = 0.0, 0
    for fold in np.unique(folds):
        held_out, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        known = synthetic[held_out]
        here = int(known.sum()) * int((~known).sum())
        right += here * float(roc_auc_score(known, scores(train, held_out, synthetic)))
        pairs += here
    return right / pairs


def _terms(text: str) -> Iterator[str]:
    words = words_of(text)
    yield from words
    yield from map(" ".join, pairwise(words))


def _texts_with(counts: Any) -> NDArray[np.int64]:  # noqa: ANN401 — a sparse matrix
    return np.asarray((counts > 0).sum(axis=0)).ravel()


def _clear(counts: Any, synthetic: NDArray[np.bool_], folds: NDArray[np.int64]) -> NDArray[np.bool_]:  # noqa: ANN401
    """Return which columns stand in clearly more texts of one side, by a test and in most folds."""
    sizes = synthetic.sum(), (~synthetic).sum()
    ours, theirs = (_texts_with(counts[side]) / size for side, size in zip((synthetic, ~synthetic), sizes, strict=True))
    both = (ours * sizes[0] + theirs * sizes[1]) / sum(sizes)
    errors = np.sqrt(both * (1 - both) * (1 / sizes[0] + 1 / sizes[1]))
    way = np.sign(ours - theirs)
    agree = np.zeros(len(way))
    names = np.unique(folds)
    for fold in names:
        here, there = (_texts_with(counts[side & (folds == fold)]) for side in (synthetic, ~synthetic))
        agree += np.sign(here - there) == way
    enough = (agree >= FOLDS_THAT_AGREE * len(names)) & (way != 0)
    return np.asarray(enough & (np.abs(ours - theirs) >= STANDARD_ERRORS * errors))


def _fitted(counts: Any, y: NDArray[np.bool_]) -> tuple[Any, Any]:  # noqa: ANN401 — scikit-learn has no types
    from sklearn.feature_extraction.text import TfidfTransformer

    frequencies = TfidfTransformer(sublinear_tf=True).fit(counts)
    return frequencies, _regression(frequencies.transform(counts), y)


def _regression(rows: Any, y: NDArray[np.bool_]) -> Any:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=INVERSE_STRENGTH, max_iter=1000).fit(rows, y)


def _heaviest(told: Sequence[DiscriminativeWord]) -> list[DiscriminativeWord]:
    kept: list[DiscriminativeWord] = []
    seen: set[str] = set()
    for one in sorted(told, key=lambda one: (-abs(one.weight), one.word)):
        words = set(one.word.split())
        if seen.isdisjoint(words):
            kept.append(one)
            seen |= words
        if len(kept) == WORDS_TOLD:
            break
    return kept

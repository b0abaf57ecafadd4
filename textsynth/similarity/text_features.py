"""Features of rows with one text or several: word counts and embeddings of each text, and of each pair of texts.

The features of a row with one text are those of the text. Those of a row with the texts a and b are a, b, |a − b| and
a · b side by side, element by element, for the words (with one vocabulary) as for the embeddings; so a classifier sees
what both texts share and in what they differ (as in InferSent, Conneau et al. 2017). With more texts the last two are
added for each pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

IntArray = NDArray[np.int64]
Float32Array = NDArray[np.float32]


class WordCounts:
    """The word counts of all texts of a pool, for each text of a row its own matrix (rows, words)."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        columns = list(zip(*texts, strict=True))
        counts = vectorizer.fit_transform([text for column in columns for text in column]).tocsr()
        self._counts = [counts[index * len(texts) : (index + 1) * len(texts)] for index in range(len(columns))]

    def features(self, train: IntArray, rows: IntArray) -> tuple[csr_matrix, csr_matrix]:
        """Return the TF-IDF features of the training rows and of other rows; words and IDF are of the former."""
        from scipy.sparse import vstack

        if len(self._counts) == 1:
            return tfidf(self._counts[0][train], self._counts[0][rows])
        stacked = (vstack([counts[part] for counts in self._counts], format="csr") for part in (train, rows))
        train_features, features = tfidf(*stacked)
        texts = len(self._counts)
        return _side_by_side(train_features, texts), _side_by_side(features, texts)


def tfidf(train: csr_matrix, test: csr_matrix) -> tuple[csr_matrix, csr_matrix]:
    """Return TF-IDF features of word counts: words of the training rows only, 1 + log of counts, smooth IDF, unit rows.

    The same as scikit-learn's TfidfVectorizer(sublinear_tf=True) fitted on the training rows.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    columns = np.flatnonzero(train.getnnz(axis=0))
    transformer = TfidfTransformer(sublinear_tf=True)
    return transformer.fit_transform(train[:, columns]), transformer.transform(test[:, columns])


def _side_by_side(stacked: csr_matrix, texts: int) -> csr_matrix:
    """Return the features of rows from those of all first texts, then all second texts, and so on."""
    from scipy.sparse import hstack

    rows = stacked.shape[0] // texts
    columns = [stacked[index * rows : (index + 1) * rows] for index in range(texts)]
    pairs = [block for a, b in combinations(columns, 2) for block in (abs(a - b), a.multiply(b))]
    return hstack([*columns, *pairs], format="csr")


def text_vectors(texts: Sequence[Sequence[str]], embed: Callable[[Sequence[str]], Float32Array]) -> Float32Array:
    """Return the vectors of rows of texts: (rows, dim) for one text each, (rows, 4 · dim) for two.

    `embed` returns the unit vectors of n texts, (n, dim); it is called once.
    """
    columns = list(zip(*texts, strict=True))
    vectors = embed([text for column in columns for text in column])
    if len(columns) <= 1:
        return vectors
    parts = np.split(vectors, len(columns))
    pairs = [block for a, b in combinations(parts, 2) for block in (np.abs(a - b), a * b)]
    return np.concatenate([*parts, *pairs], axis=1)

"""Made-up labelled texts: each label has words of its own among words that all labels use; and their classifiers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.contexts import MemoryStore
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.classifiers import Classifiers
from textsynth.evaluate.data import LabelledPool
from textsynth.similarity.embedder import VectorStore

LABEL_WORDS = {
    label: words.split()
    for label, words in {
        "garden": "soil seed rake tulip hedge weed prune compost mulch bulb lawn spade",
        "kitchen": "oven whisk dough simmer pepper skillet recipe broth ladle onion bake apron",
        "harbour": "anchor mast tide deck sail buoy crew ferry jetty rope gull hull",
        "concert": "violin chorus stage encore drum tenor melody bow flute solo applause score",
        "football": "goal referee penalty striker league pitch keeper corner offside coach derby shirt",
        "post": "parcel stamp courier letter envelope address delivery mailbox customs sender clerk counter",
    }.items()
}
LABELS = tuple(LABEL_WORDS)
COMMON = (
    "the a we and then was when again some very my it today with before new this they had after never old late small "
    "near under morning friend people little good long still every once about"
)
COMMON_WORDS = COMMON.split()
DIM = 48


class World:
    """Writes labelled texts; `share` of a text's words are its label's own. The same seed writes the same texts."""

    def __init__(self, seed: int = 1, *, labels: Sequence[str] = LABELS, share: float = 0.3) -> None:
        self.labels = tuple(labels)
        self._share = share
        self._random = random.Random(seed)

    def text(self, *labels: str) -> str:
        """Return nine words, some of them the labels' own."""
        own = [word for label in labels for word in LABEL_WORDS[label]]
        return " ".join(
            self._random.choice(own if self._random.random() < self._share else COMMON_WORDS) for _ in range(9)
        )

    def rows(self, name: str, per_label: int) -> list[Record]:
        """Return `per_label` texts of every label, the labels in turn."""
        return [
            Record(self.text(label), Provenance(name, index=index), (label,))
            for index in range(per_label)
            for label in self.labels
        ]

    def multi_label_rows(self, name: str, count: int) -> list[Record]:
        """Return `count` texts of one or two labels each, in the labels' order."""
        records = []
        for index in range(count):
            chosen = self._random.sample(self.labels, self._random.randint(1, 2))
            labels = tuple(label for label in self.labels if label in chosen)
            records.append(Record(self.text(*labels), Provenance(name, index=index), labels))
        return records

    def with_random_labels(self, records: Sequence[Record]) -> list[Record]:
        """Return the texts again, each with a random label."""
        return [record.with_labels([self._random.choice(self.labels)]) for record in records]


class PairWorld:
    """Writes labelled pairs: `same` where both texts are about one thing, with words in common, else `other`.

    Neither text alone says which label its pair has.
    """

    labels = ("same", "other")

    def __init__(self, seed: int = 1, *, shared_words: int = 3) -> None:
        self._shared_words = shared_words
        self._random = random.Random(seed)

    def rows(self, name: str, per_label: int) -> list[Record]:
        """Return `per_label` pairs of each label, the labels in turn; the second text is the field `text_b`."""
        return [self._pair(name, index, label) for index in range(per_label) for label in self.labels]

    def _pair(self, name: str, index: int, label: str) -> Record:
        first, second = self._random.sample(LABELS, 2)
        words = self._random.sample(LABEL_WORDS[first], self._shared_words)
        repeated = words if label == "same" else self._random.sample(LABEL_WORDS[second], self._shared_words)
        return Record(self._text(words), Provenance(name, index=index), (label,), {"text_b": self._text(repeated)})

    def _text(self, words: Sequence[str]) -> str:
        text = [*words, *self._random.choices(COMMON_WORDS, k=5)]
        self._random.shuffle(text)
        return " ".join(text)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return for each text a unit vector (n, 48) of hashed words: each word adds or subtracts 1 in one dimension."""
    vectors = np.zeros((len(texts), DIM), np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in text.split():
            digest = hashlib.sha256(word.encode()).digest()
            vector[digest[0] % DIM] += 1 if digest[1] & 1 else -1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def make_classifiers(pool: LabelledPool, cache: VectorStore | None = None) -> Classifiers:
    """Return the classifiers over a pool, with hashed words as embeddings."""
    return Classifiers(
        pool.texts,
        len(pool.labels),
        multi_label=pool.multi_label,
        embed=embed,
        embedder="hashed",
        cache=MemoryStore() if cache is None else cache,
    )

"""A small made-up world of texts: labels with words of their own among words that all use, and what learns from it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.contexts import MemoryStore
from textsynth.core.records import Provenance, Record
from textsynth.evaluate import classifiers as classify
from textsynth.evaluate.classifiers import Classifiers
from textsynth.evaluate.data import LabelledPool

SAID = {
    "garden": "soil seed rake tulip hedge weed prune compost mulch bulb lawn spade",
    "kitchen": "oven whisk dough simmer pepper skillet recipe broth ladle onion bake apron",
    "harbour": "anchor mast tide deck sail buoy crew ferry jetty rope gull hull",
    "concert": "violin chorus stage encore drum tenor melody bow flute solo applause score",
    "football": "goal referee penalty striker league pitch keeper corner offside coach derby shirt",
    "post": "parcel stamp courier letter envelope address delivery mailbox customs sender clerk counter",
}
ALL_SAY = (
    "the a we and then was when again some very my it today with before new this they had after never old late "
    "small near under morning friend people little good long still every once about"
)
LABELS = tuple(SAID)
OWN = {label: words.split() for label, words in SAID.items()}
COMMON = ALL_SAY.split()
DIM = 48


class World:
    """Writes labelled texts; `share` of a text's words are its label's own. The same seed writes the same texts."""

    def __init__(self, seed: int = 1, *, labels: Sequence[str] = LABELS, share: float = 0.3) -> None:
        self.labels = tuple(labels)
        self._share = share
        self._random = random.Random(seed)

    def text(self, *labels: str) -> str:
        """Return nine words, some of them a label's own."""
        own = [word for label in labels for word in OWN[label]]
        return " ".join(self._random.choice(own if self._random.random() < self._share else COMMON) for _ in range(9))

    def rows(self, name: str, each: int) -> list[Record]:
        """Return `each` texts of every label, in turn."""
        return [
            Record(self.text(label), Provenance(name, index=place), (label,))
            for place in range(each)
            for label in self.labels
        ]

    def several(self, name: str, count: int) -> list[Record]:
        """Return `count` texts of one or two labels, in their order."""
        found = []
        for place in range(count):
            picked = self._random.sample(self.labels, self._random.randint(1, 2))
            labels = tuple(label for label in self.labels if label in picked)
            found.append(Record(self.text(*labels), Provenance(name, index=place), labels))
        return found

    def mislabelled(self, rows: Sequence[Record]) -> list[Record]:
        """Return the texts again, each with a label drawn at random."""
        return [row.with_labels([self._random.choice(self.labels)]) for row in rows]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return for each text the sum of a signed place a word, as unit rows (n, 48): the same word, the same place."""
    found = np.zeros((len(texts), DIM), np.float32)
    for row, text in zip(found, texts, strict=True):
        for word in text.split():
            told = hashlib.sha256(word.encode()).digest()
            row[told[0] % DIM] += 1 if told[1] & 1 else -1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def classifiers(pool: LabelledPool, memory: classify.VectorStore | None = None) -> Classifiers:
    """Return the classifiers over a pool, with hashed words for embeddings."""
    kept = MemoryStore() if memory is None else memory
    return Classifiers(
        pool.texts, len(pool.labels), multi_label=pool.multi_label, embed=embed, embedder="hashed", memory=kept
    )

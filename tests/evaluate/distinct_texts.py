"""Random texts that hardly resemble each other, and an embedder of a few lines, for tests of contamination."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

import numpy as np

from textsynth.similarity.vectors import Vectors
from textsynth.text.normalize import words_of

STEMS = [f"{first}{last}" for first in ("bal", "cor", "dem", "fin", "gar", "hol", "jun", "kel") for last in ("a", "o")]
ENDS = ["ti", "mur", "sen", "dol", "pa", "rix"]
WORDS = [stem + end for stem in STEMS for end in ENDS]


def embed(texts: Sequence[str]) -> Vectors:
    """Return unit vectors (n, 64): the sum of a fixed random vector for each word."""
    vectors = np.zeros((len(texts), 64))
    for row, text in enumerate(texts):
        for word in words_of(text) or [""]:
            vectors[row] += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(64)
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def random_texts(count: int, seed: int, *, words: int = 9) -> list[str]:
    """Return different random sentences; no two have many words in common."""
    generator = random.Random(seed)
    return [" ".join(generator.sample(WORDS, words)).capitalize() + "." for _ in range(count)]

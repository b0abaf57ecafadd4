"""Sentences in a plain and in a fancy style, records of them, and random vectors, for tests of domain shift."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from textsynth.core.records import Provenance, Record
from textsynth.similarity.vectors import Vectors

PLAIN = [
    *("train", "bus", "ticket", "fare", "stop", "late", "platform", "driver"),
    *("seat", "map", "queue", "town", "bridge", "morning", "gate", "change"),
]
FANCY = [
    *("kindly", "delightful", "journey", "splendid", "voyage", "assist"),
    *("wondrous", "traverse", "esteemed", "conveyance", "inquire", "truly"),
]


def sentences(words: Sequence[str], count: int, seed: int, *, length: int = 8) -> list[str]:
    """Return sentences of random words; hardly two are the same."""
    generator = random.Random(seed)
    return [" ".join(generator.choices(words, k=length)) for _ in range(count)]


def make_records(texts: Sequence[str], labels: Sequence[str] = ("",), step: str = "seeds") -> list[Record]:
    """Return a record for each text, with the labels in turn ("" is none)."""
    return [
        Record(text, Provenance(step, index=index), tuple(filter(None, [labels[index % len(labels)]])))
        for index, text in enumerate(texts)
    ]


def make_children(texts: Sequence[str], parents: Sequence[str]) -> list[Record]:
    """Return a record for each text, each rewriting the next of the parents in turn."""
    return [
        Record(text, Provenance("paraphrase", parent_ids=(parents[index % len(parents)],), index=index))
        for index, text in enumerate(texts)
    ]


def unit_vectors(rows: int, seed: int, dim: int = 16) -> Vectors:
    """Return random unit vectors (rows, dim)."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

"""What tests of the domain gap share: records, and sentences that one style or another would have."""

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
    chance = random.Random(seed)
    return [" ".join(chance.choices(words, k=length)) for _ in range(count)]


def records(texts: Sequence[str], labels: Sequence[str] = ("",), item: str = "given") -> list[Record]:
    """Return a record for each text, labels in turn ("" is none)."""
    return [
        Record(text, Provenance(item, index=place), tuple(filter(None, [labels[place % len(labels)]])))
        for place, text in enumerate(texts)
    ]


def children(texts: Sequence[str], parents: Sequence[str]) -> list[Record]:
    """Return a record for each text, rewriting the parents in turn."""
    return [
        Record(text, Provenance("paraphrase", parent_ids=(parents[place % len(parents)],), index=place))
        for place, text in enumerate(texts)
    ]


def unit(rows: int, seed: int, dim: int = 16) -> Vectors:
    """Return random unit vectors (rows, dim)."""
    drawn = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

"""The nearest real texts of some synthetic ones, kept and dropped: what an eye should look at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textsynth.core.records import Record
from textsynth.evaluate.data import SyntheticSet
from textsynth.evaluate.sampling import seeded_order
from textsynth.similarity.vectors import nearest

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A real text near a synthetic one: which set it is of, and the cosine."""

    text: str
    label: str
    similarity: float
    set: str


@dataclass(frozen=True, slots=True)
class TextComparison:
    """A synthetic text, why it was dropped ("" where it was selected), and the nearest text of each real set."""

    id: str
    text: str
    label: str
    kept: bool
    why: str
    nearest: tuple[Neighbour, ...]


def nearest_real_texts(
    synthetic: SyntheticSet,
    real: Mapping[str, Sequence[Record]],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    *,
    seed: int,
) -> list[TextComparison]:
    """Return twelve selected and twelve dropped texts, drawn at random, with their nearest texts of every real set."""
    kept = [(record, "") for record in _drawn(synthetic.selected, seed)]
    reasons = {drop.record.id: f"{drop.step}: {drop.reason}" for drop in synthetic.drops}
    kept += [(record, reasons[record.id]) for record in _drawn([drop.record for drop in synthetic.drops], seed)]
    if not kept:
        return []
    vectors = embed([record.text for record, _ in kept])
    near: list[list[Neighbour]] = [[] for _ in kept]
    for name, rows in real.items():
        best, places = nearest(vectors, embed([row.text for row in rows]))
        for found, cosine, place in zip(near, best.tolist(), places.tolist(), strict=True):
            row = rows[place]
            found.append(Neighbour(row.text, ", ".join(row.labels), round(cosine, 4), name))
    return [
        TextComparison(record.id, record.text, ", ".join(record.labels), not why, why, tuple(found))
        for (record, why), found in zip(kept, near, strict=True)
    ]


def _drawn(records: Sequence[Record], seed: int) -> list[Record]:
    order = seeded_order([record.id for record in records], seed)
    return [records[place] for place in order[:SHOWN]]

"""The nearest real texts of a sample of selected and dropped synthetic texts: what to read first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.records import Record
from textsynth.evaluate.data import SyntheticSet, seeded_order
from textsynth.similarity.vectors import Vectors, nearest

SAMPLE_SIZE = 12


@dataclass(frozen=True, slots=True)
class NearestText:
    """A real text near a synthetic one, the name of its set, and the cosine."""

    text: str
    label: str
    similarity: float
    set: str


@dataclass(frozen=True, slots=True)
class TextComparison:
    """A synthetic text, why it was dropped ("" for a selected one), and the nearest text of each real set."""

    id: str
    text: str
    label: str
    selected: bool
    drop_reason: str
    nearest: tuple[NearestText, ...]


def nearest_real_texts(
    synthetic: SyntheticSet,
    real: Mapping[str, Sequence[Record]],
    embed: Callable[[Sequence[str]], Vectors],
    *,
    seed: int,
) -> list[TextComparison]:
    """Return a random sample of twelve selected and twelve dropped texts with the nearest text of every real set."""
    sample = [(record, "") for record in _sample(synthetic.selected, seed)]
    reasons = {drop.record.id: f"{drop.step}: {drop.reason}" for drop in synthetic.drops}
    dropped = [drop.record for drop in synthetic.drops]
    sample += [(record, reasons[record.id]) for record in _sample(dropped, seed)]
    if not sample:
        return []
    vectors = embed([record.text for record, _ in sample])
    nearest_texts: list[list[NearestText]] = [[] for _ in sample]
    for name, records in real.items():
        cosines, rows = nearest(vectors, embed([record.text for record in records]))
        for texts, cosine, row in zip(nearest_texts, cosines.tolist(), rows.tolist(), strict=True):
            record = records[row]
            texts.append(NearestText(record.text, ", ".join(record.labels), round(cosine, 4), name))
    return [
        TextComparison(record.id, record.text, ", ".join(record.labels), not reason, reason, tuple(texts))
        for (record, reason), texts in zip(sample, nearest_texts, strict=True)
    ]


def _sample(records: Sequence[Record], seed: int) -> list[Record]:
    order = seeded_order([record.id for record in records], seed)
    return [records[index] for index in order[:SAMPLE_SIZE]]

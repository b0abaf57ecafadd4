"""Selects the labels that a prompt lists for a text: all, or the nearest ones by embedding.

A text's intended label is always among them and is not marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textsynth.core.protocols import Context
from textsynth.core.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Shortlist:
    """Selects at most `size` labels for each text. Where the recipe has no more labels, nothing is embedded."""

    def __init__(self, context: Context, size: int) -> None:
        self._context = context
        self._size = size
        self._label_vectors: NDArray[np.float32] | None = None

    def labels_for(self, records: Sequence[Record]) -> list[list[str]]:
        """Return the labels to list for each record: the nearest first, or all in the recipe's order."""
        labels = list(self._context.labels)
        if len(labels) <= self._size or not records:
            return [labels] * len(records)
        if self._label_vectors is None:
            texts = [f"{name.replace('_', ' ')}: {meaning}" for name, meaning in self._context.labels.items()]
            self._label_vectors = self._context.embed(texts)
        cosines = self._context.embed([record.text for record in records]) @ self._label_vectors.T
        return [self._nearest(record, row.tolist()) for record, row in zip(records, cosines, strict=True)]

    def _nearest(self, record: Record, cosines: Sequence[float]) -> list[str]:
        labels = list(self._context.labels)
        by_cosine = sorted(range(len(labels)), key=lambda index: (-cosines[index], index))
        nearest = [labels[index] for index in by_cosine[: self._size]]
        missing = [label for label in record.labels if label not in nearest]
        return [*nearest[: self._size - len(missing)], *missing]

"""Regions of vectors: groups around a central vector, found one after the other, the largest first (Butina 1999).

The vector with most neighbours, those with at least a given cosine to it, becomes the centre of the first region, and
its neighbours are taken out; then the same again. No number of regions has to be chosen, and a vector without enough
neighbours is in no region.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textsynth.similarity.vectors import Vectors, nearest_other

ROWS_AT_A_TIME = 2048
DECIMALS = 5
"""Cosines are rounded, so that the last bits, which differ from machine to machine, decide nothing."""
USUAL_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Region:
    """A central row, and the rows of the region with the central one, in ascending order."""

    center: int
    rows: NDArray[np.int64]


def usual_similarity(vectors: Vectors) -> float:
    """Return the cosine that three of four vectors have at least to the nearest other one; 0 for a single vector."""
    if len(vectors) < 2:
        return 0.0
    cosines, _ = nearest_other(vectors)
    return max(0.0, round(float(np.quantile(cosines, 1 - USUAL_SHARE)), DECIMALS))


def find_regions(vectors: Vectors, similarity: float, *, min_rows: int, max_regions: int) -> list[Region]:
    """Return at most `max_regions` regions with `min_rows` rows or more of n vectors, (n, dim).

    Ties: the lowest row is the centre. Takes n·n·dim operations and n·n/8 bytes.
    """
    count = len(vectors)
    neighbours = np.zeros((count, (count + 7) // 8), np.uint8)
    counts = np.zeros(count, np.int64)
    for start in range(0, count, ROWS_AT_A_TIME):
        block = vectors[start : start + ROWS_AT_A_TIME].copy()
        near = np.round(block @ vectors.T, DECIMALS) >= similarity
        counts[start : start + len(block)] = near.sum(axis=1)
        neighbours[start : start + len(block)] = np.packbits(near, axis=1)
    free = np.ones(count, np.bool_)
    regions: list[Region] = []
    while len(regions) < max_regions and free.any():
        center = int(np.where(free, counts, -1).argmax())
        rows = np.flatnonzero(np.unpackbits(neighbours[center], count=count).astype(np.bool_) & free)
        if len(rows) < min_rows:
            break
        regions.append(Region(center, rows))
        free[rows] = False
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            taken = neighbours[rows[start : start + ROWS_AT_A_TIME]]
            counts -= np.unpackbits(taken, axis=1, count=count).sum(axis=0, dtype=np.int64)
    return regions

"""Search and selection among unit vectors: exact, in blocks, deterministic.

All vectors are float32 of unit length, so a dot product is a cosine. Blocks keep memory small, and no array is ever
multiplied with its own transpose at once (numpy with OpenBLAS crashes on that past 2 GB).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
BLOCK = 4096


class VectorIndex:
    """Finds the added vector nearest to a given one. Grows a block at a time: 1.5 KB a vector of 384 dimensions."""

    def __init__(self) -> None:
        self._blocks: list[Vectors] = []
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, vectors: Vectors) -> None:
        """Add vectors (n, dim); their rows go on from the last one."""
        while len(vectors):
            at = self._used % BLOCK
            if at == 0:
                self._blocks.append(np.empty((BLOCK, vectors.shape[1]), np.float32))
            some = vectors[: BLOCK - at]
            self._blocks[-1][at : at + len(some)] = some
            self._used += len(some)
            vectors = vectors[len(some) :]

    def nearest(self, vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
        """Return for each of n vectors the highest cosine (n,) and its row (n,); ties: the lowest row.

        With nothing added the cosines are -1 and the rows -1.
        """
        starts = range(0, self._used, BLOCK)
        return _nearest(vectors, (block[: self._used - at] for at, block in zip(starts, self._blocks, strict=True)))


def nearest(vectors: Vectors, among: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return for each of n `vectors` (n, dim) the highest cosine to `among` (m, dim), (n,), and its row, (n,).

    Ties: the lowest row. With m = 0 the cosines are -1 and the rows -1.
    """
    return _nearest(vectors, (among[start : start + BLOCK] for start in range(0, len(among), BLOCK)))


def _nearest(vectors: Vectors, blocks: Iterable[Vectors]) -> tuple[Vectors, NDArray[np.int64]]:
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    for place, block in enumerate(blocks):
        likeness = vectors @ block.T
        at = likeness.argmax(axis=1)
        found = likeness[np.arange(len(vectors)), at]
        better = (found > best) | (rows < 0)
        best[better] = found[better]
        rows[better] = at[better] + place * BLOCK
    return best, rows


def nearest_other(vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return for each of n vectors (n, dim) the highest cosine to *another* one, (n,), and its row, (n,).

    Ties: the lowest row. For a single vector the cosine is -1 and the row -1.
    """
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    if len(vectors) < 2:
        return best, rows
    for start in range(0, len(vectors), BLOCK // 4):
        block = vectors[start : start + BLOCK // 4].copy()
        likeness = block @ vectors.T
        inside = np.arange(len(block))
        likeness[inside, start + inside] = -2
        at = likeness.argmax(axis=1)
        best[start : start + len(block)], rows[start : start + len(block)] = likeness[inside, at], at
    return best, rows


def nearest_earlier(vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return for each vector the highest cosine to an *earlier* one and its row; -1 and -1 for the first.

    Ties: the lowest row.
    """
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        best[start : start + BLOCK], rows[start : start + BLOCK] = nearest(block, vectors[:start])
        inside = block @ block.copy().T
        inside[np.triu_indices(len(block))] = -2
        at = inside.argmax(axis=1)
        found = inside[np.arange(len(block)), at]
        better = found > best[start : start + BLOCK]
        better[0] = False
        best[start : start + BLOCK][better] = found[better]
        rows[start : start + BLOCK][better] = at[better] + start
    return best, rows


def k_center(vectors: Vectors, k: int) -> list[int]:
    """Return the rows of a diverse pick of k of n vectors, in the order of picking.

    Greedy k-center (Gonzalez 1985): starts with the vector nearest to the mean, then always takes the one farthest
    from its nearest pick; ties: the lowest row. n·k·dim operations, no n·n memory. k ≥ n picks all.
    """
    if not len(vectors) or k <= 0:
        return []
    first = int((vectors @ vectors.mean(axis=0)).argmax())
    picked = [first]
    closest = vectors @ vectors[first]
    closest[first] = np.inf
    while len(picked) < min(k, len(vectors)):
        farthest = int(closest.argmin())
        picked.append(farthest)
        np.maximum(closest, vectors @ vectors[farthest], out=closest)
        closest[farthest] = np.inf  # stays so: the larger of the two is kept
    return picked

"""Nearest-neighbour search and diverse selection among unit vectors: exact, deterministic, computed in blocks.

All vectors are float32 of unit length, so that a dot product is a cosine. Blocks bound the memory, and no array is ever
multiplied with its own transpose as a whole (numpy with OpenBLAS crashes on that beyond 2 GB).
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Unit vectors, one a row: (n, dim)."""
BLOCK_ROWS = 4096
SINGLE_ROWS = 65_536
"""Vectors that an index keeps in single precision: 100 MB with 384 dimensions."""


class VectorIndex:
    """Finds the added vector nearest to a query vector.

    The first `single_rows` vectors take 1.5 KB each with 384 dimensions. Later ones are rounded to half precision and
    are in a temporary file that is mapped into memory: 768 bytes each, which the system may take back. Their cosines
    are exact to 0.0005.
    """

    def __init__(self, single_rows: int = SINGLE_ROWS) -> None:
        self._blocks: list[Vectors | NDArray[np.float16]] = []
        self._count = 0
        self._single_rows = single_rows
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """The bytes of the vectors, in memory or mapped into it."""
        return sum(block.nbytes for block in self._blocks)

    def add(self, vectors: Vectors) -> None:
        """Add vectors (n, dim); their rows continue from the last one."""
        while len(vectors):
            offset = self._count % BLOCK_ROWS
            if offset == 0:
                self._blocks.append(np.empty((BLOCK_ROWS, vectors.shape[1]), np.float32))
            chunk = vectors[: BLOCK_ROWS - offset]
            self._blocks[-1][offset : offset + len(chunk)] = chunk
            self._count += len(chunk)
            vectors = vectors[len(chunk) :]
            if self._count % BLOCK_ROWS == 0 and self._count > self._single_rows:
                self._blocks[-1] = self._mapped(self._blocks[-1].astype(np.float16))

    def _mapped(self, block: NDArray[np.float16]) -> NDArray[np.float16]:
        """Return the block as it is in a file that has no name; the block itself where there is no space for it."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  open for as long as the index
                weakref.finalize(self, self._file.close)
            start = self._file.seek(0, 2)
            self._file.write(block.tobytes())
            self._file.flush()
            return np.memmap(self._file, np.float16, "r", start, block.shape)
        except OSError:
            return block

    def nearest(self, vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
        """Return, for each of n vectors, the highest cosine (n,) and its row (n,); ties: the lowest row.

        While the index is empty the cosines are -1 and the rows -1.
        """
        starts = range(0, self._count, BLOCK_ROWS)
        return _nearest_in_blocks(
            vectors, (block[: self._count - start] for start, block in zip(starts, self._blocks, strict=True))
        )


def nearest(vectors: Vectors, among: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return, for each of n `vectors` (n, dim), the highest cosine to `among` (m, dim), (n,), and its row, (n,).

    Ties: the lowest row. With m = 0 the cosines are -1 and the rows -1.
    """
    return _nearest_in_blocks(
        vectors, (among[start : start + BLOCK_ROWS] for start in range(0, len(among), BLOCK_ROWS))
    )


def nearest_other(vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return, for each of n vectors (n, dim), the highest cosine to *another* one, (n,), and its row, (n,).

    Ties: the lowest row. For a single vector the cosine is -1 and the row -1.
    """
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    if len(vectors) < 2:
        return best, rows
    for start in range(0, len(vectors), BLOCK_ROWS // 4):
        block = vectors[start : start + BLOCK_ROWS // 4].copy()
        cosines = block @ vectors.T
        offsets = np.arange(len(block))
        cosines[offsets, start + offsets] = -2
        block_rows = cosines.argmax(axis=1)
        best[start : start + len(block)] = cosines[offsets, block_rows]
        rows[start : start + len(block)] = block_rows
    return best, rows


def nearest_earlier(vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """Return, for each vector, the highest cosine to an *earlier* one and its row; -1 and -1 for the first vector.

    Ties: the lowest row.
    """
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        best[start : start + BLOCK_ROWS], rows[start : start + BLOCK_ROWS] = nearest(block, vectors[:start])
        cosines = block @ block.copy().T
        cosines[np.triu_indices(len(block))] = -2
        block_rows = cosines.argmax(axis=1)
        block_best = cosines[np.arange(len(block)), block_rows]
        better = block_best > best[start : start + BLOCK_ROWS]
        better[0] = False
        best[start : start + BLOCK_ROWS][better] = block_best[better]
        rows[start : start + BLOCK_ROWS][better] = block_rows[better] + start
    return best, rows


def k_center(vectors: Vectors, k: int, weights: NDArray[np.float64] | None = None) -> list[int]:
    """Return the rows of a diverse selection of k of n vectors, in the order of selection.

    Greedy k-center (Gonzalez 1985): starts with the vector nearest to the mean, then always takes the vector farthest
    from its nearest selected one; ties: the lowest row. n·k·dim operations, no n·n memory. k ≥ n selects all. With
    `weights` (n numbers above 0) the distance, 1 - cosine, counts times the weight of the row.
    """
    if not len(vectors) or k <= 0:
        return []
    first = int((vectors @ vectors.mean(axis=0)).argmax())
    if weights is not None:
        return _weighted_k_center(vectors, min(k, len(vectors)), weights, first)
    selected = [first]
    closest = vectors @ vectors[first]
    closest[first] = np.inf
    while len(selected) < min(k, len(vectors)):
        farthest = int(closest.argmin())
        selected.append(farthest)
        np.maximum(closest, vectors @ vectors[farthest], out=closest)
        closest[farthest] = np.inf  # stays infinite, as `maximum` keeps the larger value
    return selected


def _weighted_k_center(vectors: Vectors, k: int, weights: NDArray[np.float64], first: int) -> list[int]:
    selected = [first]
    distances = 1.0 - vectors @ vectors[first]
    while len(selected) < k:
        scores = np.maximum(distances, 0.0) * weights
        scores[selected] = -1.0
        farthest = int(scores.argmax())
        selected.append(farthest)
        np.minimum(distances, 1.0 - vectors @ vectors[farthest], out=distances)
    return selected


def _nearest_in_blocks(
    vectors: Vectors, blocks: Iterable[Vectors | NDArray[np.float16]]
) -> tuple[Vectors, NDArray[np.int64]]:
    best = np.full(len(vectors), -1, np.float32)
    rows = np.full(len(vectors), -1, np.int64)
    for number, block in enumerate(blocks):
        cosines = vectors @ block.astype(np.float32, copy=False).T
        block_rows = cosines.argmax(axis=1)
        block_best = cosines[np.arange(len(vectors)), block_rows]
        better = (block_best > best) | (rows < 0)
        best[better] = block_best[better]
        rows[better] = block_rows[better] + number * BLOCK_ROWS
    return best, rows

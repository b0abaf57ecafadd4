"""A column of texts, compressed in blocks: of a source with millions of rows, texts as such take most of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

ROWS_PER_BLOCK = 1000
MIN_PACKED = 100_000
"""A column with fewer rows stays a list."""
_SEPARATOR = "\0"


class PackedTexts(Sequence[str]):
    """Texts in their order, of which a text of 24 words takes 65 bytes instead of 220.

    They are unpacked a block at a time, and the last block stays unpacked: reading in order is fast, and a text at any
    position takes as long as a block.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._blocks: list[_Block | list[str]] = []
        self._last: list[str] = []
        self._unpacked: tuple[int, list[str]] = (-1, [])
        self.extend(texts)

    def __len__(self) -> int:
        return len(self._blocks) * ROWS_PER_BLOCK + len(self._last)

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks():
            yield from block

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self._rows(range(*index.indices(len(self))))
        row = range(len(self))[index]
        return self._block(row // ROWS_PER_BLOCK)[row % ROWS_PER_BLOCK]

    def blocks(self) -> Iterator[list[str]]:
        """Yield the texts, a thousand at a time."""
        for number in range(len(self._blocks) + bool(self._last)):
            yield self._block(number)

    def extend(self, texts: Iterable[str]) -> None:
        """Add texts."""
        self._last += texts
        full = len(self._last) // ROWS_PER_BLOCK * ROWS_PER_BLOCK
        for start in range(0, full, ROWS_PER_BLOCK):
            self._blocks.append(_pack(self._last[start : start + ROWS_PER_BLOCK]))
        del self._last[:full]

    def pop(self) -> str:
        """Remove and return the last text."""
        if not self._last:
            self._last = list(self._block(len(self._blocks) - 1))
            self._blocks.pop()
            self._unpacked = (-1, [])
        return self._last.pop()

    def _rows(self, rows: range) -> list[str]:
        if rows.step != 1 or not rows:
            return [self[row] for row in rows]
        first, last = rows[0] // ROWS_PER_BLOCK, rows[-1] // ROWS_PER_BLOCK
        texts = [text for number in range(first, last + 1) for text in self._block(number)]
        return texts[rows[0] - first * ROWS_PER_BLOCK :][: len(rows)]

    def _block(self, number: int) -> list[str]:
        if number == len(self._blocks):
            return self._last
        block = self._blocks[number]
        if isinstance(block, list):
            return block
        if self._unpacked[0] != number:
            self._unpacked = (number, _unpack(block))
        return self._unpacked[1]


class _Block(NamedTuple):
    content: bytes
    size: int


def _pack(texts: list[str]) -> _Block | list[str]:
    """Return the texts compressed; a block of which a text has the separator is not, as no source may have one."""
    import pyarrow as pa

    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) >= len(texts):
        return texts
    content = joined.encode("utf-8", "surrogatepass")
    return _Block(pa.Codec("zstd", compression_level=1).compress(content, asbytes=True), len(content))


def _unpack(block: _Block) -> list[str]:
    import pyarrow as pa

    content: bytes = pa.Codec("zstd").decompress(block.content, decompressed_size=block.size, asbytes=True)
    return content.decode("utf-8", "surrogatepass").split(_SEPARATOR)

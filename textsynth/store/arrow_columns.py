"""Python values as columns of Arrow, from their buffers.

`pyarrow.array` imports pandas at the first list that it converts, wherever it is installed: half a second of a
command's time and 45 MB, for texts, numbers and lists that have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 2**31 - 1
"""Of the texts in one array; more of them are several."""


def arrow_column(cells: Sequence[object], kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Return values as a column of a type that data sets here have: text, number, or list of these; None is null."""
    import numpy as np
    import pyarrow as pa

    joined = None
    if pa.types.is_string(kind):
        try:
            joined = "".join(cast("Sequence[str]", cells))
        except TypeError:  # some are null
            joined = None
    has_nulls = joined is None and None in cells
    nulls = np.fromiter((cell is None for cell in cells), bool, len(cells)) if has_nulls else None
    validity = None if nulls is None else pa.py_buffer(np.packbits(~nulls, bitorder="little"))
    null_count = 0 if nulls is None else int(nulls.sum())
    if pa.types.is_list(kind):
        lists = [cell or () for cell in cast("Sequence[Sequence[object] | None]", cells)]
        offsets = _offsets(map(len, lists), len(lists))
        children = [arrow_column(list(chain.from_iterable(lists)), kind.value_type)]
        return pa.Array.from_buffers(kind, len(cells), [validity, offsets], null_count, children=children)
    if pa.types.is_string(kind):
        texts = cast("Sequence[str]", cells if nulls is None else [cell or "" for cell in cells])
        joined = "".join(texts) if joined is None else joined
        content = joined.encode()
        if len(content) > MAX_BYTES:
            return pa.array(cells, kind)
        sizes = map(len, texts) if len(content) == len(joined) else (len(text.encode()) for text in texts)
        buffers = [validity, _offsets(sizes, len(texts)), pa.py_buffer(content)]
        return pa.Array.from_buffers(kind, len(cells), buffers, null_count)
    values = np.array([0 if cell is None else cell for cell in cells], kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(cells), [validity, pa.py_buffer(values)], null_count)


def _offsets(sizes: Iterable[int], count: int) -> pa.Buffer:
    """Return the buffer that says where each value starts, and where the last one ends."""
    import numpy as np
    import pyarrow as pa

    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.fromiter(sizes, np.int32, count), out=offsets[1:])
    return pa.py_buffer(offsets)

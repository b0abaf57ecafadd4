"""Records in a temporary file of the run's folder, so that memory does not grow with the run.

The file has no name: it ends with the process, however that ends, and nothing of it is ever left in the folder. (Where
a file system cannot do that, it has a name for an instant.) It takes the space of the texts on the disk.
"""

from __future__ import annotations

import pickle
import tempfile
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, overload

from textsynth.core.errors import RunError, write_error_reason
from textsynth.core.records import NO_FIELDS, NO_SCORES, DroppedRecord, JsonValue, Provenance, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PENDING = 100_000
"""Records in memory before they are written as a group; a run with fewer ones writes none."""
PARTS = 256  # of a group: the records whose ids begin with the same two digits

Item = TypeVar("Item", Record, DroppedRecord)


class RecordSpool(Sequence[Item], Generic[Item]):
    """Accepted or dropped records in the order in which they were added; most of them are on the disk.

    They are read again for each use: in their order, or in the order of their ids. In memory are at most `max_pending`
    of them and, while they are read, a group or those of all ids that begin with the same two digits. Raises RunError
    where the disk is full.
    """

    def __init__(self, folder: Path, max_pending: int = MAX_PENDING) -> None:
        """`folder` is where the temporary file is, from the first group on."""
        self._folder = folder
        self._max_pending = max_pending
        self._pending: list[Item] = []
        self._groups: list[_Group] = []
        self._written = 0
        self._last: Item | None = None
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._written + len(self._pending)

    def extend(self, items: Iterable[Item]) -> None:
        """Add records; all that are in memory are written once they are more than `max_pending`."""
        self._pending.extend(items)
        if len(self._pending) > self._max_pending:
            self._write_pending()

    def __iter__(self) -> Iterator[Item]:
        for group in self._groups:
            yield from self._read_group(group)
        yield from self._pending

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        if position >= self._written:
            return self._pending[position - self._written]
        if position == self._written - 1 and self._last is not None:
            return self._last
        for group in self._groups:
            if position < group.size:
                return self._read_group(group)[position]
            position -= group.size
        raise AssertionError("a position below the length is in a group")

    @property
    def in_memory(self) -> Sequence[Item] | None:
        """The records where all are in memory, else None."""
        return None if self._groups else self._pending

    def in_id_order(self, mask: NDArray[np.bool_] | None = None) -> Iterator[Item]:
        """Return the records in the order of their ids; with a mask only those at the positions where it is true."""
        if self._groups:
            return self._merged_in_id_order(mask)
        items = self._pending if mask is None else list(compress(self._pending, mask))
        return iter(_in_order(items))

    def _merged_in_id_order(self, mask: NDArray[np.bool_] | None) -> Iterator[Item]:
        for part, pending in enumerate(_parts(self._pending)):
            items: list[Item] = []
            first = 0
            for group in self._groups:
                positions, of_group = self._read_part(group, part)
                items += of_group if mask is None else compress(of_group, mask[first:][positions])
                first += group.size
            wanted = pending if mask is None else [row for row in pending if mask[self._written + row]]
            items += [self._pending[row] for row in wanted]
            yield from _in_order(items)

    def _write_pending(self) -> None:
        ends = array("Q", [0])
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  open for as long as the spool
                weakref.finalize(self, self._file.close)
            start = self._file.seek(0, 2)
            for positions in _parts(self._pending):
                content = _packed(positions, [self._pending[position] for position in positions])
                self._file.write(content)
                ends.append(ends[-1] + len(content))
            self._file.flush()
        except OSError as error:
            raise RunError(f"{self._folder}: texts cannot be written: {write_error_reason(error)}") from error
        self._groups.append(_Group(start, ends, len(self._pending)))
        self._written += len(self._pending)
        self._last = self._pending[-1]
        self._pending = []

    def _read_group(self, group: _Group) -> list[Item]:
        items: list[Item | None] = [None] * group.size
        for part in range(PARTS):
            for position, item in zip(*self._read_part(group, part), strict=True):
                items[position] = item
        return cast("list[Item]", items)

    def _read_part(self, group: _Group, part: int) -> tuple[Sequence[int], list[Item]]:
        assert self._file is not None
        self._file.seek(group.start + group.ends[part])
        content = self._file.read(group.ends[part + 1] - group.ends[part])
        positions, items = _unpacked(content)
        return positions, cast("list[Item]", items)


Records: TypeAlias = "list[Item] | RecordSpool[Item]"
"""Records to which others can be added, in memory or mostly on the disk."""


class SpooledPart(Sequence[Record]):
    """The records of a spool at the positions where `mask` is true, in their order."""

    def __init__(self, records: RecordSpool[Record], mask: NDArray[np.bool_]) -> None:
        self._records = records
        self._mask = mask

    def __len__(self) -> int:
        return int(self._mask.sum())

    def __iter__(self) -> Iterator[Record]:
        return compress(self._records, self._mask)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        positions: list[int] = self._mask.nonzero()[0].tolist()
        if isinstance(index, slice):
            return [self._records[position] for position in positions[index]]
        return self._records[positions[index]]

    def in_id_order(self) -> Iterator[Record]:
        """Yield the records in the order of their ids."""
        return self._records.in_id_order(self._mask)


def in_id_order(items: Sequence[Item]) -> Iterator[Item]:
    """Yield records in the order of their ids; drops of equal ids are in that of section, step and reason."""
    if isinstance(items, (RecordSpool, SpooledPart)):
        return cast("Iterator[Item]", items.in_id_order())
    if items and isinstance(items[0], DroppedRecord):
        return iter(sorted(items, key=cast("Any", drop_key)))
    return iter(_in_order(items))


def drop_key(drop: DroppedRecord) -> tuple[str, ...]:
    """Return the key by which dropped records are sorted."""
    return drop.record.id, drop.section, drop.step, drop.reason


class _Group:
    """A group in the file: its first byte, the ends of its parts relative to that, and the number of records."""

    __slots__ = ("ends", "size", "start")

    def __init__(self, start: int, ends: array[int], size: int) -> None:
        self.start = start
        self.ends = ends
        self.size = size


def _ids(items: Sequence[Record | DroppedRecord]) -> list[str]:
    return [item.id for item in _records(items)]


def _records(items: Sequence[Record | DroppedRecord]) -> Sequence[Record]:
    """Return records, or those of drops; there is one kind of them in a spool."""
    if items and isinstance(items[0], DroppedRecord):
        return [drop.record for drop in cast("Sequence[DroppedRecord]", items)]
    return cast("Sequence[Record]", items)


def _in_order(items: Sequence[Item]) -> list[Item]:
    """Return items in the order of their ids."""
    return [items[position] for position in _positions_in_order(_ids(items))]


def _positions_in_order(ids: Sequence[str]) -> list[int]:
    return sorted(range(len(ids)), key=ids.__getitem__)


def _parts(items: Sequence[Record | DroppedRecord]) -> Iterator[list[int]]:
    """Yield the positions of the items of each part, in the order of their ids."""
    ids = _ids(items)
    order = _positions_in_order(ids)
    ids.sort()
    starts = [bisect_left(ids, f"{part:02x}") for part in range(PARTS)]
    for start, end in pairwise([*starts, len(ids)]):
        yield order[start:end]


def _packed(positions: Sequence[int], items: Sequence[Record | DroppedRecord]) -> bytes:
    """Return records at their positions in a group as bytes; equal values that are one object are written once."""
    records = _records(items)
    origins = {id(record.provenance): record.provenance for record in records}
    number_of = {key: number for number, key in enumerate(origins)}
    columns = (
        array("I", positions).tobytes(),
        bytes.fromhex("".join(_ids(records))),
        [record.text for record in records],
        [(each.step, each.parent_ids, each.example_ids, each.request_key, each.index) for each in origins.values()],
        [number_of[id(record.provenance)] for record in records],
        [record.labels for record in records],
        [_plain(record.fields) if record.fields else None for record in records],
        [dict(record.scores) if record.scores else None for record in records],
        [
            (drop.section, drop.step, drop.reason, drop.score, drop.limit, drop.duplicate_of)
            for drop in items
            if isinstance(drop, DroppedRecord)
        ],
    )
    return pickle.dumps(columns, pickle.HIGHEST_PROTOCOL)


def _plain(value: JsonValue) -> JsonValue:
    """Return a JSON value of lists and dicts alone; read-only mappings, for example, cannot be pickled."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def _unpacked(content: bytes) -> tuple[Sequence[int], list[Record] | list[DroppedRecord]]:
    """Return the positions and the records that `_packed` turned into bytes."""
    positions, id_bytes, texts, origins, numbers, labels, fields, scores, drops = pickle.loads(content)
    provenances = [Provenance(*origin) for origin in origins]
    ids = id_bytes.hex()
    records = [
        Record.restored(
            ids[start : start + 16],
            text,
            provenances[number],
            own_labels,
            own_fields or NO_FIELDS,
            own_scores or NO_SCORES,
        )
        for start, text, number, own_labels, own_fields, own_scores in zip(
            range(0, len(ids), 16), texts, numbers, labels, fields, scores, strict=True
        )
    ]
    own_positions = array("I")
    own_positions.frombytes(positions)
    if not drops:
        return own_positions, records
    return own_positions, [DroppedRecord(record, *drop) for record, drop in zip(records, drops, strict=True)]

"""The rows of a source: columns, from which a record is made when it is used.

A record takes several times the memory of its row, and the time of a hash. What needs one column of all rows (checks of
labels, notes on encodings) makes no records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import overload

from textsynth.core.records import NO_FIELDS, JsonValue, Provenance, Record


class SourceRows(Sequence[Record]):
    """Rows as records, in the file's order; records of the same row are equal, and are made again for each use.

    `texts`, `labels` and `fields` (None: no row has any) are columns; `number_rows` returns `Provenance.index` of each
    row, and is called at the first record. `step` is the name of the source.
    """

    def __init__(
        self,
        step: str,
        texts: Sequence[str],
        labels: Sequence[tuple[str, ...]] | None,
        fields: Sequence[Mapping[str, JsonValue]] | None,
        number_rows: Callable[[], Sequence[int] | None],
    ) -> None:
        self.step = step
        self.texts = texts
        self.labels = labels
        self.fields = fields
        self._number_rows = number_rows

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Record]:
        return self._records(slice(None))

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return list(self._records(index))
        row = range(len(self.texts))[index]
        return next(self._records(slice(row, row + 1)))

    def as_step(self, name: str) -> SourceRows:
        """Return the rows with the step `name` as their origin: the candidates of a generator that takes them."""
        return SourceRows(name, self.texts, self.labels, self.fields, lambda: self._numbers[0])

    def _records(self, part: slice) -> Iterator[Record]:
        numbers, provenance = self._numbers
        texts = self.texts if part == slice(None) else self.texts[part]
        origins = repeat(provenance[0]) if numbers is None else map(provenance.__getitem__, numbers[part])
        labels = repeat(()) if self.labels is None else self.labels[part]
        return map(Record, texts, origins, labels, repeat(NO_FIELDS) if self.fields is None else self.fields[part])

    @cached_property
    def _numbers(self) -> tuple[Sequence[int] | None, Mapping[int, Provenance]]:
        """The index of each row, None where all are 0; and the provenance by index, which rows share."""
        numbers = self._number_rows()
        return numbers, {number: Provenance(self.step, index=number) for number in {0, *(numbers or ())}}


def rows_as_step(rows: Sequence[Record], name: str) -> Sequence[Record]:
    """Return the rows of a source with the step `name` as their origin, each with its labels and fields."""
    if isinstance(rows, SourceRows):
        return rows.as_step(name)
    return [Record(row.text, Provenance(name, index=row.provenance.index), row.labels, row.fields) for row in rows]


def have_labels(rows: Sequence[Record]) -> bool:
    """Whether the rows of a source were read with labels, which single rows may lack."""
    return rows.labels is not None if isinstance(rows, SourceRows) else any(row.labels for row in rows)


def row_texts(rows: Sequence[Record]) -> Sequence[str]:
    """Return the text of each row of a source."""
    return rows.texts if isinstance(rows, SourceRows) else [row.text for row in rows]


def row_labels(rows: Sequence[Record]) -> Sequence[tuple[str, ...]]:
    """Return the labels of each row of a source."""
    if isinstance(rows, SourceRows):
        return [()] * len(rows) if rows.labels is None else rows.labels
    return [row.labels for row in rows]


class SourceIds:
    """The ids of all rows of sources, computed when the first one is looked up."""

    def __init__(self, sources: Mapping[str, Sequence[Record]]) -> None:
        self._sources = sources

    def __contains__(self, id_: object) -> bool:
        return id_ in self._ids

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(row.id for rows in self._sources.values() for row in rows)


class SeenSources(Mapping[str, Sequence[Record]]):
    """Sources as a step sees them: `views` of each row, made when the step first reads a source."""

    def __init__(self, sources: Mapping[str, Sequence[Record]], views: Callable[[Record], list[Record]]) -> None:
        self._sources = sources
        self._views = views
        self._seen: dict[str, list[Record]] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __getitem__(self, name: str) -> list[Record]:
        if name not in self._seen:
            self._seen[name] = [view for row in self._sources[name] for view in self._views(row)]
        return self._seen[name]

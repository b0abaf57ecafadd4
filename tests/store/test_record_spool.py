from __future__ import annotations

import gc
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RunError
from textsynth.core.records import DroppedRecord, JsonValue, Provenance, Record
from textsynth.store.record_spool import RecordSpool, SpooledPart, in_id_order

JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=5,
)


@st.composite
def record_lists(draw: st.DrawFn) -> list[Record]:
    records: list[Record] = []
    for number in range(draw(st.integers(0, 40))):
        ids = tuple(draw(st.lists(st.sampled_from(["a1", "b2"]), max_size=2)))
        provenance = Provenance(draw(st.sampled_from(["existing", "labelled"])), ids, ids[:1], f"key{number}", number)
        labels = tuple(draw(st.lists(st.sampled_from(["refund", "delivery"]), max_size=2, unique=True)))
        fields = draw(st.dictionaries(st.text(max_size=3), JSON, max_size=2))
        scores = draw(st.dictionaries(st.sampled_from(["length", "agreement"]), st.floats(0, 1)))
        records.append(Record(draw(st.text()), provenance, labels, fields, scores))
    return records


def spool_of(records: list[Record], folder: Path, max_pending: int, batch: int) -> RecordSpool[Record]:
    spool: RecordSpool[Record] = RecordSpool(folder, max_pending)
    for start in range(0, len(records), batch):
        spool.extend(records[start : start + batch])
    return spool


@given(record_lists(), st.integers(0, 12), st.integers(1, 9), st.data())
def test_records_come_back_as_they_were_in_both_orders(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], max_pending: int, batch: int, data: st.DataObject
) -> None:
    spool = spool_of(records, tmp_path_factory.getbasetemp(), max_pending, batch)
    assert len(spool) == len(records)
    assert [(record, record.id) for record in spool] == [(record, record.id) for record in records]
    assert [spool[index] for index in range(-len(records), len(records))] == [*records, *records]
    assert spool[1:7:2] == records[1:7:2]
    assert list(in_id_order(spool)) == list(in_id_order(records)) == sorted(records, key=lambda record: record.id)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(records), max_size=len(records))), bool)
    part, expected = SpooledPart(spool, mask), [record for record, is_in in zip(records, mask, strict=True) if is_in]
    assert (len(part), list(part), part[:]) == (len(expected), expected, expected)
    assert [part[index] for index in range(len(expected))] == expected
    assert list(in_id_order(part)) == list(in_id_order(expected))


@given(record_lists(), st.integers(0, 12))
def test_dropped_records_keep_their_reasons(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], max_pending: int
) -> None:
    drops = [
        DroppedRecord(record, ("filter", "review")[number % 2], "length", f"reason {number}", number / 3, None, "a1")
        for number, record in enumerate(records)
    ]
    spool: RecordSpool[DroppedRecord] = RecordSpool(tmp_path_factory.getbasetemp(), max_pending)
    for start in range(0, len(drops), 5):
        spool.extend(drops[start : start + 5])
    assert list(spool) == drops
    assert list(in_id_order(spool)) == list(in_id_order(drops))


def test_a_read_only_field_comes_back(tmp_path: Path) -> None:
    record = Record("text", Provenance("own"), (), MappingProxyType({"turns": ({"a": MappingProxyType({"b": 1})},)}))
    assert list(spool_of([record], tmp_path, 0, 1)) == [record]


def test_most_records_are_not_in_memory_and_no_file_has_a_name(tmp_path: Path) -> None:
    def living() -> int:
        gc.collect()
        return sum(isinstance(each, Record) and each.provenance.step == "living" for each in gc.get_objects())

    spool: RecordSpool[Record] = RecordSpool(tmp_path, max_pending=100)
    alive = []
    for window in range(40):
        spool.extend([Record(f"text {window} {number}", Provenance("living")) for number in range(30)])
        alive.append(living())
    assert max(alive) <= 102  # those that wait, with the last one written
    read = 0
    for read, _ in enumerate(spool, 1):
        if read % 400 == 0:
            alive.append(living())
    assert read == len(spool) == 1200
    assert max(alive) <= 102 + 2 * 120  # a group more, twice while the next one is read
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="texts cannot be written: No such file or directory"):
        spool_of([Record("text", Provenance("own"))], tmp_path / "missing", 0, 1)

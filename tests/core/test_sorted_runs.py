from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import Provenance, Record
from textsynth.core.sorted_runs import SortedRuns, id_numbers, id_text

NUMBERS = st.lists(st.sets(st.integers(0, 60) | st.integers(0, 2**64 - 1), max_size=20), max_size=8)


@given(NUMBERS, st.lists(st.integers(0, 60) | st.integers(0, 2**64 - 1), max_size=30))
def test_each_number_has_the_value_that_was_added_with_it(batches: list[set[int]], queries: list[int]) -> None:
    runs, expected = SortedRuns(np.int64), {}
    for batch in batches:
        new = [number for number in batch if number not in expected]
        values = range(len(expected) + 1, len(expected) + 1 + len(new))
        runs.add(np.array(new, np.uint64), np.array(values, np.int64))
        expected |= dict(zip(new, values, strict=True))
    found, values_found = runs.find(np.array([*queries, *expected], np.uint64))
    assert found.tolist() == [number in expected for number in (*queries, *expected)]
    assert values_found.tolist() == [expected.get(number, 0) for number in (*queries, *expected)]
    assert len(runs) == len(expected)


def test_ids_have_the_order_of_their_numbers() -> None:
    ids = [Record(f"text {number}", Provenance("existing")).id for number in range(200)]
    numbers = id_numbers(ids).tolist()
    assert [id_text(number) for number in sorted(numbers)] == sorted(ids)
    assert id_text(id_numbers(["00000000000000ff"])[0]) == "00000000000000ff"

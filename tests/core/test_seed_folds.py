from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import Provenance, Record
from textsynth.core.seed_folds import assign_folds


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_folds_are_even_within_a_label_and_do_not_depend_on_the_order(labels: list[str]) -> None:
    records = [Record(f"text {n}", Provenance("seeds"), (label,)) for n, label in enumerate(labels)]
    folds = assign_folds(records)
    assert assign_folds(records[::-1]) == folds
    assert set(folds) == {record.id for record in records}
    for label in set(labels):
        sizes = Counter(folds[record.id] for record in records if record.label == label)
        if sum(sizes.values()) < 4:
            assert set(sizes) == {0}
        else:
            assert abs(sizes[0] - sizes[1]) <= 1

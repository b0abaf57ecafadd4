from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.worlds import World
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.data import (
    LabelledPool,
    RealSets,
    SyntheticSet,
    cluster_ids,
    ids_in_run,
    labelled,
    labels_of,
    seed_ancestors,
    seeded_order,
)

ROWS = World(labels=("post", "garden")).rows("rows", 3)


def test_raw_texts_are_selected_surplus_and_dropped_in_this_order() -> None:
    first, second, third, fourth = ROWS[:4]
    drop = DroppedRecord(fourth, "filter", "length", "has too few words")
    synthetic = SyntheticSet("run", [first, second], [third], [drop])
    assert synthetic.accepted == [first, second, third]
    assert synthetic.raw == [first, second, third, fourth]
    assert synthetic.has_unselected
    assert SyntheticSet("run", [first], [second]).has_unselected
    assert not SyntheticSet("file", ROWS).has_unselected


def test_real_sets_with_rows_are_listed_by_name() -> None:
    assert list(RealSets(ROWS, train=ROWS, all_rows=ROWS).by_name()) == ["train", "test", "all"]
    assert list(RealSets(ROWS).by_name()) == ["test"]


def test_a_pool_gives_each_record_a_row_and_the_code_of_its_label() -> None:
    pool = LabelledPool(["garden", "post"], multi_label=False)
    first, empty, second = pool.add(ROWS[:2]), pool.add([]), pool.add(ROWS[2:])
    assert (first.tolist(), empty.tolist(), second.tolist()) == ([0, 1], [], [2, 3, 4, 5])
    assert pool.targets.tolist() == [1, 0, 1, 0, 1, 0]
    assert pool.records == ROWS
    assert pool.texts == [(row.text,) for row in ROWS]


def test_a_multi_label_pool_has_zero_one_targets() -> None:
    pool = LabelledPool(["garden", "post", "harbour"], multi_label=True)
    two_labels = Record("tulips by letter", Provenance("rows"), ("post", "garden"))
    pool.add([two_labels, Record("of nothing", Provenance("rows"))])
    pool.add([Record("a buoy", Provenance("rows"), ("harbour",))])
    assert pool.targets.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_an_unknown_label_is_reported_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError, match=r"^rows: the label 'pots' of 'a letter' is not one of the 2 labels.*'post'"):
        LabelledPool(["garden", "post"], multi_label=False).add([Record("a letter", Provenance("rows"), ("pots",))])


def test_labels_are_in_order_of_first_occurrence() -> None:
    two_labels = Record("tulips by letter", Provenance("others"), ("harbour", "garden"))
    unlabelled = Record("of nothing", Provenance("others"))
    assert labels_of(ROWS, [two_labels, unlabelled]) == ["post", "garden", "harbour"]
    assert labelled([unlabelled, two_labels]) == [two_labels]


def test_texts_of_one_completion_share_a_cluster() -> None:
    completion = [
        Record(text, Provenance("labelled", request_key="abc", index=index))
        for index, text in enumerate(("one", "two"))
    ]
    clusters = cluster_ids([*completion, ROWS[0], ROWS[1]])
    assert clusters[0] == clusters[1]
    assert len(set(clusters)) == 3


def test_seed_ancestors_are_the_rewritten_seeds_and_the_examples_of_the_prompt() -> None:
    # The same rows as the run read them, from a source of another name.
    in_run = [Record(row.text, Provenance("examples", index=row.provenance.index), row.labels) for row in ROWS]
    assert in_run[0].id != ROWS[0].id
    assert in_run[0].id in ids_in_run(ROWS[0], ["seeds", "examples"])
    prompted = Record("one", Provenance("labelled", example_ids=(in_run[1].id, in_run[4].id)))
    rewritten = Record("two", Provenance("paraphrase", parent_ids=(in_run[0].id, "unknown id")))
    prompted_by_own_id = Record("three", Provenance("labelled", example_ids=(ROWS[2].id,)))
    independent = Record("four", Provenance("labelled"))
    records = [prompted, rewritten, prompted_by_own_id, independent]
    assert seed_ancestors(records, ROWS, ["seeds", "examples"]) == [{1, 4}, {0}, {2}, frozenset()]
    assert seed_ancestors([prompted], ROWS, ["seeds"]) == [frozenset()]


def test_rows_of_a_pool_are_numpy_indices() -> None:
    pool = LabelledPool(["garden", "post"], multi_label=False)
    pool.add(ROWS)
    assert np.issubdtype(pool.add(ROWS).dtype, np.integer)


KEYS = st.lists(st.text(max_size=4), max_size=30)


@given(KEYS, st.integers(0, 99), st.randoms(use_true_random=False))
def test_a_seeded_order_is_a_permutation_that_does_not_depend_on_the_order_of_the_keys(
    keys: list[str], seed: int, generator: random.Random
) -> None:
    order = seeded_order(keys, seed)
    assert sorted(order) == list(range(len(keys)))
    shuffled = generator.sample(keys, len(keys))
    assert [shuffled[index] for index in seeded_order(shuffled, seed)] == [keys[index] for index in order]


def test_another_seed_gives_another_order() -> None:
    keys = [str(number) for number in range(50)]
    assert seeded_order(keys, 1) == seeded_order(keys, 1)
    assert seeded_order(keys, 1) != seeded_order(keys, 2)
    assert seeded_order(keys, 1) != list(range(50))


def test_every_key_is_equally_likely_to_be_sampled() -> None:
    keys = [str(number) for number in range(20)]
    counts = [0] * 20
    for seed in range(2000):
        for index in seeded_order(keys, seed)[:5]:
            counts[index] += 1
    assert all(400 < count < 600 for count in counts)  # 500 expected; five standard deviations


def test_equal_keys_are_spread_over_the_order() -> None:
    order = seeded_order(["same"] * 10 + [str(number) for number in range(90)], 3)
    positions = [position for position, index in enumerate(order) if index < 10]
    assert positions[-1] - positions[0] > 20


def test_a_lone_surrogate_is_a_valid_key() -> None:
    assert sorted(seeded_order(["\ud800", "a"], 1)) == [0, 1]

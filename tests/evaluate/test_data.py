from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.worlds import World
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.data import (
    LabelledPool,
    RealSets,
    SyntheticSet,
    clusters_of,
    ids_of,
    labelled,
    labels_of,
    seed_ancestors,
)

ROWS = World(labels=("post", "garden")).rows("rows", 3)


def test_raw_is_everything_that_was_parsed_in_its_order() -> None:
    one, two, three, four = ROWS[:4]
    drop = DroppedRecord(four, "filter", "length", "has too few words")
    run = SyntheticSet("run", [one, two], [three], [drop])
    assert run.accepted == [one, two, three]
    assert run.raw == [one, two, three, four]
    assert run.checked
    assert SyntheticSet("run", [one], [two]).checked
    assert not SyntheticSet("file", ROWS).checked


def test_real_sets_are_named_where_they_have_rows() -> None:
    assert list(RealSets(ROWS, train=ROWS, whole=ROWS).named()) == ["train", "test", "all"]
    assert list(RealSets(ROWS).named()) == ["test"]


def test_a_pool_gives_each_row_a_place_and_the_code_of_its_label() -> None:
    pool = LabelledPool(["garden", "post"], multi_label=False)
    first, none, second = pool.add(ROWS[:2]), pool.add([]), pool.add(ROWS[2:])
    assert (first.tolist(), none.tolist(), second.tolist()) == ([0, 1], [], [2, 3, 4, 5])
    assert pool.targets.tolist() == [1, 0, 1, 0, 1, 0]
    assert pool.records == ROWS
    assert pool.texts == [row.text for row in ROWS]


def test_a_pool_of_several_labels_a_text_marks_each() -> None:
    pool = LabelledPool(["garden", "post", "harbour"], multi_label=True)
    pool.add(
        [Record("tulips by letter", Provenance("rows"), ("post", "garden")), Record("of nothing", Provenance("rows"))]
    )
    pool.add([Record("a buoy", Provenance("rows"), ("harbour",))])
    assert pool.targets.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_an_unknown_label_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"^rows: the label 'pots' of 'a letter' is not one of the 2 labels.*'post'"):
        LabelledPool(["garden", "post"], multi_label=False).add([Record("a letter", Provenance("rows"), ("pots",))])


def test_labels_stand_in_the_order_in_which_they_come() -> None:
    both = Record("tulips by letter", Provenance("more"), ("harbour", "garden"))
    bare = Record("of nothing", Provenance("more"))
    assert labels_of(ROWS, [both, bare]) == ["post", "garden", "harbour"]
    assert labelled([bare, both]) == [both]


def test_a_cluster_is_an_answer_or_a_text_alone() -> None:
    answer = [Record(text, Provenance("labelled", request_key="abc", index=n)) for n, text in enumerate(("one", "two"))]
    clusters = clusters_of([*answer, ROWS[0], ROWS[1]])
    assert clusters[0] == clusters[1]
    assert len(set(clusters)) == 3


def test_seeds_behind_a_text_are_those_it_rewrites_and_those_it_was_shown() -> None:
    # the same rows as the run read them, from a source of another name
    there = [Record(row.text, Provenance("examples", index=row.provenance.index), row.labels) for row in ROWS]
    assert there[0].id != ROWS[0].id
    assert there[0].id in ids_of(ROWS[0], ["seeds", "examples"])
    shown = Record("one", Provenance("labelled", example_ids=(there[1].id, there[4].id)))
    rewritten = Record("two", Provenance("paraphrase", parent_ids=(there[0].id, "somewhere else")))
    given = Record("three", Provenance("labelled", example_ids=(ROWS[2].id,)))
    alone = Record("four", Provenance("labelled"))
    behind = seed_ancestors([shown, rewritten, given, alone], ROWS, ["seeds", "examples"])
    assert behind == [{1, 4}, {0}, {2}, frozenset()]
    assert seed_ancestors([shown], ROWS, ["seeds"]) == [frozenset()]


def test_rows_of_a_pool_are_places_for_numpy() -> None:
    pool = LabelledPool(["garden", "post"], multi_label=False)
    pool.add(ROWS)
    assert np.issubdtype(pool.add(ROWS).dtype, np.integer)

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.contexts import context
from tests.evaluate.worlds import LABELS, World, embed
from textsynth.core.protocols import Context
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.cross_validation import FOLDS, leave_seeds_out, make_folds
from textsynth.evaluate.data import SyntheticSet
from textsynth.evaluate.metrics import IntArray
from textsynth.filter.agreement import Agreement

TARGETS = st.lists(st.integers(0, 5), min_size=1, max_size=50).map(np.array)


def no_rows(held_out: IntArray) -> IntArray:
    return np.zeros(0, np.int64)


@settings(deadline=None)
@given(TARGETS, st.integers(0, 99), st.integers(1, 3))
def test_each_seed_is_held_out_once_a_repeat_and_no_label_is_lost(targets: np.ndarray, seed: int, repeats: int) -> None:
    pool_targets = np.concatenate([[9, 9], targets])  # two rows of the pool are not seeds
    seeds = np.arange(2, len(pool_targets))
    folds = make_folds(seeds, pool_targets, no_rows, seed=seed, repeats=repeats)
    label_counts = Counter(targets.tolist())
    held_out_counts = Counter(row for fold in folds for row in fold.held_out.tolist())
    assert held_out_counts == {row: repeats for row in seeds.tolist() if label_counts[int(pool_targets[row])] > 1}
    for fold in folds:
        assert len(fold.held_out)
        assert sorted([*fold.held_out.tolist(), *fold.train.tolist()]) == seeds.tolist()
        assert set(pool_targets[fold.train].tolist()) == set(targets.tolist())
    repeated = make_folds(seeds, pool_targets, no_rows, seed=seed, repeats=repeats)
    assert [fold.held_out.tolist() for fold in repeated] == [fold.held_out.tolist() for fold in folds]


def test_a_fold_holds_out_about_a_fifth_of_every_label() -> None:
    targets = np.repeat([0, 1, 2], [5, 10, 13])
    folds = make_folds(np.arange(28), targets, no_rows, seed=1, repeats=2)
    assert len(folds) == 2 * FOLDS
    for fold in folds:
        counts = np.bincount(targets[fold.held_out])
        assert counts[:2].tolist() == [1, 2]
        assert counts[2] in (2, 3)
    assert {tuple(fold.held_out) for fold in folds[:FOLDS]} != {tuple(fold.held_out) for fold in folds[FOLDS:]}


def test_the_synthetic_rows_of_a_fold_depend_on_its_held_out_seeds() -> None:
    folds = make_folds(np.arange(10), np.repeat([0, 1], 5), lambda held_out: held_out + 100, seed=1, repeats=1)
    assert all(np.array_equal(fold.synthetic, fold.held_out + 100) for fold in folds)


def test_multi_label_seeds_are_stratified_by_their_first_label() -> None:
    targets = np.array([[1, 0, 1]] * 5 + [[0, 1, 1]] * 5)
    for fold in make_folds(np.arange(10), targets, no_rows, seed=1, repeats=1):
        assert targets[fold.held_out].sum(axis=0).tolist() == [1, 1, 2]


@pytest.mark.parametrize("targets", [[0], [0, 1, 2]])
def test_labels_with_one_seed_make_no_folds(targets: list[int]) -> None:
    assert make_folds(np.arange(len(targets)), np.array(targets), no_rows, seed=1, repeats=1) == []


SOURCE = "seeds"
DESCRIPTIONS = dict.fromkeys(LABELS, "is about it")


def context_with(seeds: Sequence[Record]) -> Context:
    return context(sources={SOURCE: seeds}, labels=DESCRIPTIONS, embed=embed)


def generate(world: World, seeds: Sequence[Record], per_label: int) -> list[Record]:
    """Return texts of every label; in turn one whose prompt showed two seeds of it, and one that rewrites a seed."""
    records = []
    for label in world.labels:
        seed_ids = [seed.id for seed in seeds if seed.label == label]
        for number in range(per_label):
            used = (seed_ids[number % len(seed_ids)], seed_ids[(number + 2) % len(seed_ids)])
            provenance = Provenance("labelled", example_ids=used, index=number)
            if number % 2:
                provenance = Provenance("paraphrase", parent_ids=used[:1], index=number)
            records.append(Record(world.text(label), provenance, (label,)))
    return records


def uses_a_seed(record: Record, seeds: Sequence[Record], indices: Sequence[int]) -> bool:
    ids = {seeds[index].id for index in indices}
    return bool(ids & {*record.provenance.example_ids, *record.provenance.parent_ids})


def dropped_by(records: Sequence[Record], step: str = "agreement") -> list[DroppedRecord]:
    return [
        DroppedRecord(record, "filter", step, "the seeds' classifier puts another label first: post")
        for record in records
    ]


class SmallRun:
    """A run of a small world: of the texts of each label half are selected, the others surplus and dropped ones."""

    def __init__(self, *, agreement: bool = True) -> None:
        world = World(share=0.4)
        self.seeds = world.rows(SOURCE, 6)
        texts = generate(world, self.seeds, 12)
        numbered = [(number % 12, text) for number, text in enumerate(texts)]
        self.selected = [text for number, text in numbered if number < 6]
        self.surplus = [text for number, text in numbered if 6 <= number < 8]
        self.drops = dropped_by([text for number, text in numbered if 8 <= number < 10])
        length_drops = dropped_by([text for number, text in numbered if number >= 10], "length")
        step = ("agreement", Agreement()) if agreement else None
        self.synthetic = SyntheticSet("run", self.selected, self.surplus, [*self.drops, *length_drops], step)
        self.texts_without = leave_seeds_out(self.synthetic, self.seeds, context_with(self.seeds), [SOURCE])


HELD_OUT = ([0], [1, 2, 3], list(range(0, 36, 5)), list(range(12)))


@pytest.mark.parametrize("agreement", [True, False])
@pytest.mark.parametrize("held_out", HELD_OUT)
def test_no_text_depends_on_a_held_out_seed(held_out: list[int], agreement: bool) -> None:
    small = SmallRun(agreement=agreement)
    texts = small.texts_without(held_out)
    assert texts
    assert not any(uses_a_seed(text, small.seeds, held_out) for text in texts)
    selected, remaining = (Counter(record.labels for record in records) for records in (small.selected, texts))
    assert all(count <= selected[labels] for labels, count in remaining.items())
    candidates = [*small.synthetic.accepted, *(drop.record for drop in small.drops)] if agreement else small.selected
    ids = [text.id for text in texts]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {record.id for record in candidates}


def test_selected_texts_come_before_surplus_and_dropped_ones() -> None:
    small = SmallRun()
    selected_ids = {record.id for record in small.selected}
    is_selected = [text.id in selected_ids for text in small.texts_without(HELD_OUT[1])]
    assert is_selected == sorted(is_selected, reverse=True)
    assert not all(is_selected)  # surplus and dropped texts replace those that depend on the held-out seeds


def test_without_agreement_the_independent_selected_texts_are_returned_as_they_are() -> None:
    small = SmallRun(agreement=False)
    held_out = HELD_OUT[1]
    independent = [record for record in small.selected if not uses_a_seed(record, small.seeds, held_out)]
    assert small.texts_without(held_out) == independent
    assert small.texts_without([]) == small.selected


def test_agreement_is_evaluated_anew_by_classifiers_without_the_held_out_seeds() -> None:
    seeds = World(share=0.5, labels=LABELS[:3]).rows(SOURCE, 6)
    # Two seeds of an unusual word, and for each a text of that word alone under the same label.
    unusual = [
        Record(" ".join(["zeppelin"] * 6), Provenance(SOURCE, index=99), ("harbour",)),
        Record(" ".join(["gazebo"] * 6), Provenance(SOURCE, index=98), ("garden",)),
    ]
    all_seeds = [*seeds, *unusual]
    texts = [
        Record("zeppelin zeppelin zeppelin", Provenance("labelled"), ("harbour",)),
        Record("gazebo gazebo gazebo", Provenance("labelled"), ("garden",)),
    ]
    synthetic = SyntheticSet("run", texts, seed_filter=("agreement", Agreement(min_confidence=0.6)))
    texts_without = leave_seeds_out(synthetic, all_seeds, context_with(all_seeds), [SOURCE])
    zeppelin, gazebo = len(seeds), len(seeds) + 1
    assert texts_without([]) == texts
    assert texts_without([0]) == texts
    assert texts_without([zeppelin]) == texts[1:]
    assert texts_without([gazebo]) == texts[:1]


def test_a_text_that_agreement_dropped_is_returned_where_the_remaining_seeds_agree() -> None:
    seeds = World(share=0.5, labels=LABELS[:3]).rows(SOURCE, 6)
    mislabelled = Record("zeppelin zeppelin zeppelin", Provenance(SOURCE, index=99), ("garden",))
    correct = Record("zeppelin zeppelin tide mast", Provenance(SOURCE, index=98), ("harbour",))
    all_seeds = [*seeds, mislabelled, correct]
    text = Record("zeppelin zeppelin zeppelin", Provenance("labelled"), ("harbour",))
    dependent = Record("tide mast anchor", Provenance("labelled", example_ids=(mislabelled.id,)), ("harbour",))
    for step, expected in (("agreement", [text]), ("length", [])):
        drops = dropped_by([text], step)
        synthetic = SyntheticSet("run", [dependent], drops=drops, seed_filter=("agreement", Agreement()))
        texts_without = leave_seeds_out(synthetic, all_seeds, context_with(all_seeds), [SOURCE])
        assert texts_without([len(seeds)]) == expected


def test_seeds_that_the_run_read_from_a_source_of_another_name_are_recognized() -> None:
    small = SmallRun(agreement=False)
    renamed = [Record(seed.text, Provenance("train", index=seed.provenance.index), seed.labels) for seed in small.seeds]
    texts_without = leave_seeds_out(small.synthetic, renamed, context_with(small.seeds), ["test", SOURCE])
    for held_out in HELD_OUT:
        assert texts_without(held_out) == small.texts_without(held_out)
        assert len(texts_without(held_out)) < len(small.selected)


def test_texts_are_embedded_for_agreement_only() -> None:
    calls: list[int] = []

    def counting_embed(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        return embed(texts)

    def leave_first_seed_out(small: SmallRun) -> None:
        counting_context = context(sources={SOURCE: small.seeds}, embed=counting_embed)
        leave_seeds_out(small.synthetic, small.seeds, counting_context, [SOURCE])([0])

    leave_first_seed_out(SmallRun(agreement=False))
    assert calls == []
    leave_first_seed_out(SmallRun())
    assert calls

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
from textsynth.evaluate.classifiers import Codes
from textsynth.evaluate.cross_validation import FOLDS, leave_seeds_out, make_folds
from textsynth.evaluate.data import SyntheticSet
from textsynth.filter.agreement import Agreement

TARGETS = st.lists(st.integers(0, 5), min_size=1, max_size=50).map(np.array)


def nothing(held: Codes) -> Codes:
    return np.zeros(0, np.int64)


@settings(deadline=None)
@given(TARGETS, st.integers(0, 99), st.integers(1, 3))
def test_each_seed_is_held_out_once_a_repeat_and_no_label_is_lost(targets: np.ndarray, seed: int, repeats: int) -> None:
    pool = np.concatenate([[9, 9], targets])  # two rows of the pool that are no seeds
    seeds = np.arange(2, len(pool))
    rounds = make_folds(seeds, pool, nothing, seed=seed, repeats=repeats)
    sizes = Counter(targets.tolist())
    held = Counter(row for one in rounds for row in one.held.tolist())
    assert held == {row: repeats for row in seeds.tolist() if sizes[int(pool[row])] > 1}
    for one in rounds:
        assert len(one.held)
        assert sorted([*one.held.tolist(), *one.seeds.tolist()]) == seeds.tolist()
        assert set(pool[one.seeds].tolist()) == set(targets.tolist())
    again = make_folds(seeds, pool, nothing, seed=seed, repeats=repeats)
    assert [one.held.tolist() for one in again] == [one.held.tolist() for one in rounds]


def test_a_round_holds_out_about_a_fifth_of_every_label() -> None:
    targets = np.repeat([0, 1, 2], [5, 10, 13])
    rounds = make_folds(np.arange(28), targets, nothing, seed=1, repeats=2)
    assert len(rounds) == 2 * FOLDS
    for one in rounds:
        counts = np.bincount(targets[one.held])
        assert counts[:2].tolist() == [1, 2]
        assert counts[2] in (2, 3)
    assert {tuple(one.held) for one in rounds[:FOLDS]} != {tuple(one.held) for one in rounds[FOLDS:]}


def test_the_synthetic_rows_of_a_round_are_those_allowed_without_its_seeds() -> None:
    rounds = make_folds(np.arange(10), np.repeat([0, 1], 5), lambda held: held + 100, seed=1, repeats=1)
    assert all(np.array_equal(one.synthetic, one.held + 100) for one in rounds)


def test_several_labels_a_text_are_parted_by_the_first() -> None:
    targets = np.array([[1, 0, 1]] * 5 + [[0, 1, 1]] * 5)
    for one in make_folds(np.arange(10), targets, nothing, seed=1, repeats=1):
        assert targets[one.held].sum(axis=0).tolist() == [1, 1, 2]


@pytest.mark.parametrize("targets", [[0], [0, 1, 2]])
def test_seeds_alone_in_their_label_make_no_rounds(targets: list[int]) -> None:
    assert make_folds(np.arange(len(targets)), np.array(targets), nothing, seed=1, repeats=1) == []


SOURCE = "seeds"
EVERY = dict.fromkeys(LABELS, "is about it")


def at(seeds: Sequence[Record]) -> Context:
    return context(sources={SOURCE: seeds}, labels=EVERY, embed=embed)


def written(world: World, seeds: Sequence[Record], each: int) -> list[Record]:
    """Return texts of every label, in turn one that was shown two seeds of it and one that rewrites another."""
    found = []
    for label in world.labels:
        own = [seed.id for seed in seeds if seed.label == label]
        for number in range(each):
            some = (own[number % len(own)], own[(number + 2) % len(own)])
            origin = Provenance("labelled", example_ids=some, index=number)
            if number % 2:
                origin = Provenance("paraphrase", parent_ids=some[:1], index=number)
            found.append(Record(world.text(label), origin, (label,)))
    return found


def behind(record: Record, seeds: Sequence[Record], held: Sequence[int]) -> bool:
    return bool({seeds[place].id for place in held} & {*record.provenance.example_ids, *record.provenance.parent_ids})


def dropped(records: Sequence[Record], item: str = "agreement") -> list[DroppedRecord]:
    return [
        DroppedRecord(record, "filter", item, "the seeds' classifier puts another label first: post")
        for record in records
    ]


class Made:
    """A run of a small world: the first half of the texts of a label selected, then spare ones, then dropped ones."""

    def __init__(self, *, agreement: bool = True) -> None:
        world = World(share=0.4)
        self.seeds = world.rows(SOURCE, 6)
        texts = written(world, self.seeds, 12)
        place = [number % 12 for number in range(len(texts))]
        self.selected = [text for text, turn in zip(texts, place, strict=True) if turn < 6]
        self.spare = [text for text, turn in zip(texts, place, strict=True) if 6 <= turn < 8]
        self.drops = dropped([text for text, turn in zip(texts, place, strict=True) if 8 <= turn < 10])
        self.others = dropped([text for text, turn in zip(texts, place, strict=True) if turn >= 10], "length")
        own = ("agreement", Agreement()) if agreement else None
        self.run = SyntheticSet("run", self.selected, self.spare, [*self.drops, *self.others], own)
        self.allowed = leave_seeds_out(self.run, self.seeds, at(self.seeds), [SOURCE])


ROUNDS = ([0], [1, 2, 3], list(range(0, 36, 5)), list(range(12)))


@pytest.mark.parametrize("agreement", [True, False])
@pytest.mark.parametrize("held", ROUNDS)
def test_no_text_that_knows_a_held_out_seed_comes_back(held: list[int], agreement: bool) -> None:
    made = Made(agreement=agreement)
    found = made.allowed(held)
    assert found
    assert not any(behind(record, made.seeds, held) for record in found)
    wanted, kept = (Counter(record.labels for record in some) for some in (made.selected, found))
    assert all(count <= wanted[labels] for labels, count in kept.items())
    known = [*made.run.accepted, *(drop.record for drop in made.drops)] if agreement else made.selected
    ids = [record.id for record in found]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {record.id for record in known}


def test_what_was_selected_comes_before_what_was_not() -> None:
    made = Made()
    held = ROUNDS[1]
    picked = {record.id for record in made.selected}
    turns = [record.id in picked for record in made.allowed(held)]
    assert turns == sorted(turns, reverse=True)
    assert not all(turns)  # spare and dropped texts fill the places of those that knew


def test_without_agreement_the_selected_that_do_not_know_come_back_as_they_are() -> None:
    made = Made(agreement=False)
    held = ROUNDS[1]
    assert made.allowed(held) == [record for record in made.selected if not behind(record, made.seeds, held)]
    assert made.allowed([]) == made.selected


def test_agreement_is_judged_anew_by_classifiers_that_never_saw_the_held_out_seeds() -> None:
    seeds = World(share=0.5, labels=LABELS[:3]).rows(SOURCE, 6)
    # a seed with an odd word, and a text of just that word under the same label
    odd = [
        Record(" ".join(["zeppelin"] * 6), Provenance(SOURCE, index=99), ("harbour",)),
        Record(" ".join(["gazebo"] * 6), Provenance(SOURCE, index=98), ("garden",)),
    ]
    told = [*seeds, *odd]
    texts = [
        Record("zeppelin zeppelin zeppelin", Provenance("labelled"), ("harbour",)),
        Record("gazebo gazebo gazebo", Provenance("labelled"), ("garden",)),
    ]
    run = SyntheticSet("run", texts, agreement=("agreement", Agreement(min_confidence=0.6)))
    allowed = leave_seeds_out(run, told, at(told), [SOURCE])
    places = {"zeppelin": len(seeds), "gazebo": len(seeds) + 1}
    assert allowed([]) == texts
    assert allowed([0]) == texts
    assert allowed([places["zeppelin"]]) == texts[1:]
    assert allowed([places["gazebo"]]) == texts[:1]


def test_a_text_that_agreement_dropped_comes_in_where_the_seeds_left_agree() -> None:
    seeds = World(share=0.5, labels=LABELS[:3]).rows(SOURCE, 6)
    wrong = Record("zeppelin zeppelin zeppelin", Provenance(SOURCE, index=99), ("garden",))
    right = Record("zeppelin zeppelin tide mast", Provenance(SOURCE, index=98), ("harbour",))
    told = [*seeds, wrong, right]
    text = Record("zeppelin zeppelin zeppelin", Provenance("labelled"), ("harbour",))
    other = Record("tide mast anchor", Provenance("labelled", example_ids=(wrong.id,)), ("harbour",))
    for item, wanted in (("agreement", [text]), ("length", [])):
        run = SyntheticSet("run", [other], drops=dropped([text], item), agreement=("agreement", Agreement()))
        assert leave_seeds_out(run, told, at(told), [SOURCE])([len(seeds)]) == wanted


def test_seeds_that_the_run_read_under_another_name_are_known_too() -> None:
    made = Made(agreement=False)
    given = [Record(seed.text, Provenance("train", index=seed.provenance.index), seed.labels) for seed in made.seeds]
    allowed = leave_seeds_out(made.run, given, at(made.seeds), ["test", SOURCE])
    for held in ROUNDS:
        assert allowed(held) == made.allowed(held)
        assert len(allowed(held)) < len(made.selected)


def test_texts_are_embedded_for_agreement_alone() -> None:
    made = Made()
    calls: list[int] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        return embed(texts)

    quiet = Made(agreement=False)
    leave_seeds_out(quiet.run, quiet.seeds, context(sources={SOURCE: quiet.seeds}, embed=counted), [SOURCE])([0])
    assert calls == []
    leave_seeds_out(made.run, made.seeds, context(sources={SOURCE: made.seeds}, embed=counted), [SOURCE])([0])
    assert calls

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.distinct_texts import embed, random_texts
from tests.evaluate.styled_texts import make_records
from tests.filter.filtering import read_rows, real_data
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.contamination import MAX_PAIRS, Contamination, find_contamination

TEST = make_records(random_texts(60, 1), ("fare", "route"), "test")
CLEAN = make_records(random_texts(80, 2), ("fare", "route"), "raw")


def make_record(text: str, label: str = "fare", parent_ids: Sequence[str] = (), **fields: str) -> Record:
    provenance = Provenance("generated", parent_ids=tuple(parent_ids))
    return Record(text, provenance, (label,) if label else (), fields)


def contamination_with(*selected: Record, **sets: Sequence[Record]) -> Contamination:
    """Return the contamination of 80 clean selected texts and the given ones."""
    return find_contamination({"selected": [*CLEAN, *selected], "test": TEST, **sets}, embed)


def test_unrelated_texts_are_not_contaminated() -> None:
    contamination = contamination_with()
    assert (contamination.test_copies, contamination.above_base_rate) == (0, ())
    assert (contamination.is_contaminated, contamination.pairs) == (False, ())
    assert contamination.overlaps["selected-test"].close == 0


def test_every_pair_of_sets_is_compared() -> None:
    train, dev = make_records(random_texts(20, 3), step="train"), make_records(random_texts(20, 4), step="dev")
    raw = [make_record(dev[0].text), make_record(TEST[0].text), make_record(TEST[1].text)]
    sets = {
        "train": [*train, make_record(dev[1].text), make_record(TEST[2].text)],
        "dev": [*dev, make_record(TEST[3].text)],
        "test": TEST,
        "raw": raw,
        "selected": raw[:2],
    }
    contamination = find_contamination(sets, embed)
    assert {name: overlap.count for name, overlap in contamination.overlaps.items()} == {
        "train-test": 1,
        "train-dev": 1,
        "dev-test": 1,
        "raw-test": 2,
        "selected-test": 1,
        "raw-dev": 1,
        "selected-dev": 1,
    }
    assert contamination.test_copies == 1
    listed = [pair.sets for pair in contamination.pairs if "test" in pair.sets]
    assert sorted(listed) == [("dev", "test"), ("raw", "test"), ("selected", "test"), ("train", "test")]


def test_copied_rows_are_the_indices_of_rows_that_synthetic_texts_copy() -> None:
    contamination = contamination_with(
        make_record(TEST[8].text), raw=[make_record(TEST[2].text), *CLEAN], train=[make_record(TEST[5].text)]
    )
    assert contamination.copied_rows("test") == [2, 8]
    assert contamination.copied_rows("dev") == []
    duplicated = find_contamination({"raw": [make_record(TEST[8].text)], "test": [*TEST[5:], TEST[8]]}, embed)
    assert duplicated.copied_rows("test") == [3, 55]


def test_a_pair_that_was_not_compared_has_the_count_zero() -> None:
    contamination = contamination_with(make_record(TEST[8].text), train=make_records(random_texts(9, 3)))
    counts = [contamination.count(name, "test") for name in ("selected", "train", "raw")]
    assert counts == [1, 0, 0]


def test_copies_among_real_sets_and_label_conflicts_are_noted() -> None:
    assert contamination_with().notes == ()
    train = [*make_records(random_texts(9, 3)), make_record(TEST[5].text)]
    assert contamination_with(make_record(TEST[3].text), train=train).notes == (
        "1 of 10 train rows copies a test row, no more than chance and the domain explain.",
        "1 of the selected texts copies a test row under another label.",
    )


def test_a_domain_of_stock_texts_is_noted() -> None:
    stock = [*TEST, *(make_record(f"{row.text} again") for row in TEST[:5])]
    (note,) = find_contamination({"raw": CLEAN, "test": stock}, embed).notes
    assert note.startswith("15 % of the test rows nearly repeat another one")


@pytest.mark.parametrize("sets", [{}, {"test": TEST}, {"raw": CLEAN}, {"raw": CLEAN, "test": []}])
def test_fewer_than_two_sets_have_no_overlap(sets: dict[str, list[Record]]) -> None:
    contamination = find_contamination(sets, embed)
    assert contamination.test_copies == 0
    assert contamination.above_base_rate == ()
    assert dict(contamination.overlaps) == {}


def test_many_copies_are_above_the_base_rate_and_fifty_pairs_are_listed() -> None:
    contamination = contamination_with(*(make_record(row.text) for row in TEST))
    assert contamination.above_base_rate == ("selected-test",)
    assert contamination.is_contaminated
    assert contamination.test_copies == 60
    assert len(contamination.pairs) == MAX_PAIRS
    assert not contamination_with(make_record(TEST[0].text)).is_contaminated


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(generator: random.Random) -> None:
    copies = [make_record(row.text.upper()) for row in TEST[:3]]
    copies += [make_record(f"Well, {row.text}") for row in TEST[2:6]]
    sets = {
        "selected": [*CLEAN[:30], *copies],
        "train": [*CLEAN[30:50], make_record(TEST[0].text + "?")],
        "test": [*TEST],
    }
    before = find_contamination(sets, embed)
    for records in sets.values():
        generator.shuffle(records)
    after = find_contamination(sets, embed)
    assert after.overlaps == before.overlaps
    assert after.base_rates == before.base_rates
    assert after.pairs == before.pairs


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, len(TEST) - 1), max_size=8, unique=True),
    st.sampled_from([str.upper, str.title, str.swapcase, lambda text: f"  {text.replace(' ', ', ')}?! "]),
)
def test_every_exact_copy_is_found_whatever_its_case_and_punctuation(
    copied: list[int], restyle: Callable[[str], str]
) -> None:
    copies = [make_record(restyle(TEST[row].text)) for row in copied]
    contamination = find_contamination({"raw": [*CLEAN[:20], *copies], "test": TEST}, embed)
    assert {pair.ids[0] for pair in contamination.overlaps["raw-test"].pairs} == {copy.id for copy in copies}
    assert {pair.ids[1] for pair in contamination.pairs} == {TEST[row].id for row in copied}


@real_data
def test_planted_copies_of_a_real_test_set_are_distinguished_from_its_train_rows() -> None:
    test = make_records([row["text"] for row in read_rows("banking77/test.csv")[::3]], step="test")
    train = make_records([row["text"] for row in read_rows("banking77/train.csv")[::20]], step="train")
    clean = find_contamination({"train": train, "test": test}, embed)
    assert clean.above_base_rate == ()
    copies = [make_record(row.text.upper() + "!") for row in random.Random("planted").sample(test, 25)]
    contamination = find_contamination({"selected": [*train, *copies], "train": train, "test": test}, embed)
    assert contamination.above_base_rate == ("selected-test",)
    copying_ids = {pair.ids[0] for pair in contamination.overlaps["selected-test"].pairs}
    assert {copy.id for copy in copies} <= copying_ids

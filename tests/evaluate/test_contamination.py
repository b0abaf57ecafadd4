from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.copying import embed, texts
from tests.evaluate.sides import records
from tests.filter.filtering import read_rows, real_data
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.contamination import SHOWN, Contamination, find_contamination

TEST = records(texts(60, 1), ("fare", "route"), "test")
OTHER = records(texts(80, 2), ("fare", "route"), "raw")


def made(text: str, label: str = "fare", parent_ids: Sequence[str] = (), **fields: str) -> Record:
    return Record(text, Provenance("made", parent_ids=tuple(parent_ids)), (label,) if label else (), fields)


def against_test(*some: Record, **sets: Sequence[Record]) -> Contamination:
    return find_contamination({"selected": [*OTHER, *some], "test": TEST, **sets}, embed)


def test_texts_of_their_own_are_no_leaks() -> None:
    leaks = against_test()
    assert (leaks.found, leaks.beyond, leaks.is_contaminated, leaks.pairs) == (0, (), False, ())
    assert leaks.sets["selected-test"].close == 0


def test_every_pair_of_sets_is_looked_at() -> None:
    train, dev = records(texts(20, 3), item="train"), records(texts(20, 4), item="dev")
    raw = [made(dev[0].text), made(TEST[0].text), made(TEST[1].text)]
    sets = {
        "train": [*train, made(dev[1].text), made(TEST[2].text)],
        "dev": [*dev, made(TEST[3].text)],
        "test": TEST,
        "raw": raw,
        "selected": raw[:2],
    }
    leaks = find_contamination(sets, embed)
    assert {name: between.count for name, between in leaks.sets.items()} == {
        "train-test": 1,
        "train-dev": 1,
        "dev-test": 1,
        "raw-test": 2,
        "selected-test": 1,
        "raw-dev": 1,
        "selected-dev": 1,
    }
    assert leaks.found == 1
    shown = [pair.between for pair in leaks.pairs if "test" in pair.between]
    assert sorted(shown) == [("dev", "test"), ("raw", "test"), ("selected", "test"), ("train", "test")]


def test_the_rows_that_synthetic_texts_copy_are_told_by_their_places() -> None:
    leaks = against_test(made(TEST[8].text), raw=[made(TEST[2].text), *OTHER], train=[made(TEST[5].text)])
    assert leaks.copied("test") == [2, 8]
    assert leaks.copied("dev") == []
    twice = find_contamination({"raw": [made(TEST[8].text)], "test": [*TEST[5:], TEST[8]]}, embed)
    assert twice.copied("test") == [3, 55]


def test_counts_are_told_by_pair_and_a_pair_not_looked_at_has_none() -> None:
    leaks = against_test(made(TEST[8].text), train=records(texts(9, 3)))
    assert [leaks.count("selected", "test"), leaks.count("train", "test"), leaks.count("raw", "test")] == [1, 0, 0]


def test_copies_among_real_sets_and_other_labels_are_noted() -> None:
    assert against_test().notes == ()
    noted = against_test(made(TEST[3].text), train=[*records(texts(9, 3)), made(TEST[5].text)]).notes
    assert noted == (
        "1 of 10 train rows copies a test row, no more than chance and the domain explain.",
        "1 of the selected texts copies a test row under another label.",
    )


def test_a_domain_of_stock_texts_is_noted() -> None:
    stock = [*TEST, *(made(f"{row.text} again") for row in TEST[:5])]
    (note,) = find_contamination({"raw": OTHER, "test": stock}, embed).notes
    assert note.startswith("15% of the test rows nearly repeat another one")


@pytest.mark.parametrize("sets", [{}, {"test": TEST}, {"raw": OTHER}, {"raw": OTHER, "test": []}])
def test_without_two_sets_there_is_nothing_to_find(sets: dict[str, list[Record]]) -> None:
    leaks = find_contamination(sets, embed)
    assert (leaks.found, leaks.beyond, dict(leaks.sets)) == (0, (), {})


def test_many_copies_are_beyond_chance_and_fifty_are_shown() -> None:
    leaks = against_test(*(made(row.text) for row in TEST))
    assert leaks.beyond == ("selected-test",)
    assert leaks.is_contaminated
    assert leaks.found == 60
    assert len(leaks.pairs) == SHOWN
    assert not against_test(made(TEST[0].text)).is_contaminated


def test_the_json_has_the_keys_that_are_promised() -> None:
    told = against_test(made(TEST[3].text)).as_json()
    assert told["found"] == 1
    assert told["counts"] == {"selected-test": 1}
    assert told["usual"] == {
        "test": {
            **{"rows": 60, "exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0},
            "limits": {"words": 0.0, "cosine": 0.95},
        }
    }
    assert told["pairs"] == [
        {
            "kind": "exact",
            "between": ["selected", "test"],
            "ids": [made(TEST[3].text).id, TEST[3].id],
            "texts": [TEST[3].text, TEST[3].text],
            "labels": ["fare", "route"],
            "same_label": False,
            "similarity": 1.0,
        }
    ]


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(chance: random.Random) -> None:
    copies = [made(row.text.upper()) for row in TEST[:3]] + [made(f"Well, {row.text}") for row in TEST[2:6]]
    sets = {"selected": [*OTHER[:30], *copies], "train": [*OTHER[30:50], made(TEST[0].text + "?")], "test": [*TEST]}
    before = find_contamination(sets, embed)
    for some in sets.values():
        chance.shuffle(some)
    assert find_contamination(sets, embed).as_json() == before.as_json()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, len(TEST) - 1), max_size=8, unique=True),
    st.sampled_from([str.upper, str.title, str.swapcase, lambda text: f"  {text.replace(' ', ', ')}?! "]),
)
def test_every_exact_copy_is_found_whatever_its_case_and_punctuation(picked: list[int], restyled: object) -> None:
    copies = [made(restyled(TEST[row].text)) for row in picked]  # type: ignore[operator]
    leaks = find_contamination({"raw": [*OTHER[:20], *copies], "test": TEST}, embed)
    assert {pair.ids[0] for pair in leaks.sets["raw-test"].pairs} == {copy.id for copy in copies}
    assert {pair.ids[1] for pair in leaks.pairs} == {TEST[row].id for row in picked}


@real_data
def test_planted_exact_copies_of_a_real_test_set_are_told_from_its_train_rows() -> None:
    test = records([row["text"] for row in read_rows("banking77/test.csv")[::3]], item="test")
    train = records([row["text"] for row in read_rows("banking77/train.csv")[::20]], item="train")
    clean = find_contamination({"train": train, "test": test}, embed)
    assert clean.beyond == ()
    chance = random.Random("planted")
    copies = [made(row.text.upper() + "!") for row in chance.sample(test, 25)]
    leaks = find_contamination({"selected": [*train, *copies], "train": train, "test": test}, embed)
    assert leaks.beyond == ("selected-test",)
    assert {copy.id for copy in copies} <= {pair.ids[0] for pair in leaks.sets["selected-test"].pairs}

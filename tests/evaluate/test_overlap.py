from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.evaluate.copying import embed, texts
from tests.evaluate.sides import records
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.overlap import BaseRates, Kind, Overlap, ReferenceSet, base_rates, find_overlap
from textsynth.similarity.overlap import OverlapIndex
from textsynth.similarity.vectors import Vectors

TEST = records(texts(60, 1), ("fare", "route"), "test")
OTHER = records(texts(80, 2), ("fare", "route"), "raw")


def made(text: str, label: str = "fare", parent_ids: Sequence[str] = (), **fields: str) -> Record:
    return Record(text, Provenance("made", parent_ids=tuple(parent_ids)), (label,) if label else (), fields)


def against_test(*some: Record, known: Sequence[Record] = (), test: Sequence[Record] = TEST) -> Overlap:
    every = [*OTHER, *some]
    return find_overlap(
        ("raw", "test"),
        every,
        vectors(every),
        ReferenceSet(test, vectors(test)),
        {one.id: one for one in [*every, *known]},
    )


def vectors(some: Sequence[Record]) -> Vectors:
    return embed([TEST[7].text if one.text.startswith("In other words") else one.text for one in some])


def kinds(found: Overlap) -> dict[str, int]:
    return {kind: count for kind, count in found.kinds.items() if count}


def test_texts_of_their_own_are_no_copies() -> None:
    found = against_test()
    assert (found.texts, found.count, found.close, found.beyond, found.pairs) == (80, 0, 0, False, ())


def test_an_exact_copy_is_told_with_its_row() -> None:
    copy = made(TEST[3].text.upper().replace(" ", "  ") + "!", "route")
    found = against_test(copy)
    assert kinds(found) == {"exact": 1}
    (pair,) = found.pairs
    assert (pair.kind, pair.between, pair.similarity) == ("exact", ("raw", "test"), 1.0)
    assert (pair.ids, pair.texts) == ((copy.id, TEST[3].id), (copy.text, TEST[3].text))
    assert (pair.labels, pair.same_label) == (("route", "route"), True)


def test_all_rows_with_the_letters_of_a_copied_one_are_copied() -> None:
    twin = made(TEST[3].text + "?")
    assert against_test(made(TEST[3].text.lower()), test=[*TEST, twin]).rows == {TEST[3].id, twin.id}


def test_a_copy_with_another_label_is_a_conflict_and_one_without_none() -> None:
    found = against_test(made(TEST[3].text), made(TEST[4].text, ""))
    assert found.conflicts == 1
    assert {pair.labels: pair.same_label for pair in found.pairs} == {("fare", "route"): False, ("", "fare"): True}


def test_a_copy_with_words_changed_is_near() -> None:
    words = TEST[5].text.removesuffix(".").split()
    found = against_test(made(" ".join(["Well,", *words[1:]])), made(" ".join([*words[::-1], "please"])))
    assert kinds(found) == {"near": 2}
    assert sorted(round(pair.similarity, 3) for pair in found.pairs) == [0.8, 0.9]
    assert found.rows == {TEST[5].id}


def test_a_copy_in_other_words_is_semantic() -> None:
    found = against_test(made("In other words, quite the same"))
    assert kinds(found) == {"semantic": 1}
    assert found.rows == {TEST[7].id}
    assert found.close == 1


def test_a_text_made_from_a_copy_of_a_test_row_is_of_its_family() -> None:
    seed = made(TEST[9].text)
    child = made("Quite another wording", parent_ids=[seed.id])
    grandchild = made("One more wording, unlike both", parent_ids=[child.id])
    of_field = made("Words of a file", source_text=TEST[10].text.upper())
    of_row = made("Made from the row itself", parent_ids=[TEST[11].id])
    found = against_test(child, grandchild, of_field, of_row, known=[seed])
    assert kinds(found) == {"family": 4}
    assert found.close == 0
    copied = {pair.ids[0]: pair.ids[1] for pair in found.pairs}
    assert copied[child.id] == copied[grandchild.id] == TEST[9].id
    assert (copied[of_field.id], copied[of_row.id]) == (TEST[10].id, TEST[11].id)


def test_unknown_parents_are_no_family() -> None:
    orphan = made("No one knows its parents", parent_ids=["0" * 16])
    assert against_test(orphan, made("It has two", parent_ids=[orphan.id, orphan.id])).count == 0


PLAIN = {"exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0}


def of(rows: list[str]) -> BaseRates:
    return base_rates(rows, embed(rows), OverlapIndex(rows))


def test_where_no_row_is_near_another_every_near_copy_counts() -> None:
    assert of(texts(300, 1)) == BaseRates(300, 0.0, 0.95, PLAIN)
    assert of(["one row"]) == BaseRates(1, 0.0, 0.95, PLAIN)


def test_where_rows_are_near_each_other_only_nearer_copies_count() -> None:
    rows = texts(90, 1)
    near = [f"{row.removesuffix('.')} zum" for row in rows[:5]]
    found = of([*rows, *near])
    assert found.words == pytest.approx(0.9)
    assert found.rates == {"exact": 0, "near": 0, "semantic": 0, "close": pytest.approx(10 / 95)}
    assert found.cosine == 0.95


def test_one_row_in_a_hundred_may_be_nearer() -> None:
    rows = texts(400, 2)
    found = of([*rows, f"{rows[0]} zum", f"{rows[1]} zum zam"])
    assert found.words == 0.0
    assert found.rates["near"] == pytest.approx(4 / 402)
    assert found.rates["near"] == found.rates["close"]


def test_rows_that_stand_twice_are_usual_exact_copies() -> None:
    rows = texts(98, 3)
    found = of([*rows, rows[0].upper(), f"{rows[1]}!"])
    assert found.rates["exact"] == pytest.approx(4 / 100)
    assert (found.words, found.cosine) == (0.0, 0.95)


@pytest.mark.parametrize(
    ("found", "texts", "beyond"),
    [
        ({}, 2000, False),
        ({"exact": 1}, 400, False),
        ({"exact": 4}, 2000, False),
        ({"exact": 12}, 2000, True),
        ({"exact": 12}, 20_000, False),
        ({"near": 20}, 2000, False),
        ({"near": 80}, 2000, True),
        ({"exact": 3, "near": 70}, 2000, True),
        ({"semantic": 40}, 2000, False),
        ({"semantic": 40, "family": 60}, 2000, True),
    ],
)
def test_a_count_is_beyond_chance_where_it_is_far_more_than_usual(
    found: dict[Kind, int], texts: int, *, beyond: bool
) -> None:
    rates = {"exact": 0.0, "near": 0.003, "semantic": 0.003, "close": 0.1}
    assert BaseRates(1000, 0.0, 0.95, rates).excess(found, texts) is beyond


def test_what_is_usual_in_a_domain_is_not_beyond_chance_there() -> None:
    stock = BaseRates(1000, 0.8, 0.97, {"exact": 0.02, "near": 0.01, "semantic": 0.01, "close": 0.4})
    assert not stock.excess({"exact": 60}, 2000)
    assert stock.excess({"exact": 200}, 2000)
    assert BaseRates(1000, 0.0, 0.95, PLAIN).excess({"exact": 60}, 2000)

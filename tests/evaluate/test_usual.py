from __future__ import annotations

import pytest

from tests.evaluate.copying import embed, texts
from textsynth.evaluate.usual import Kind, Usual, usual
from textsynth.similarity.overlap import CopyIndex

PLAIN = {"exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0}


def of(rows: list[str]) -> Usual:
    return usual(rows, embed(rows), CopyIndex(rows))


def test_where_no_row_is_near_another_every_near_copy_counts() -> None:
    assert of(texts(300, 1)) == Usual(300, 0.0, 0.95, PLAIN)
    assert of(["one row"]) == Usual(1, 0.0, 0.95, PLAIN)


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
    assert Usual(1000, 0.0, 0.95, rates).beyond(found, texts) is beyond


def test_what_is_usual_in_a_domain_is_not_beyond_chance_there() -> None:
    stock = Usual(1000, 0.8, 0.97, {"exact": 0.02, "near": 0.01, "semantic": 0.01, "close": 0.4})
    assert not stock.beyond({"exact": 60}, 2000)
    assert stock.beyond({"exact": 200}, 2000)
    assert Usual(1000, 0.0, 0.95, PLAIN).beyond({"exact": 60}, 2000)

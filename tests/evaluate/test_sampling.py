from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from textsynth.evaluate.sampling import seeded_order

KEYS = st.lists(st.text(max_size=4), max_size=30)


@given(KEYS, st.integers(0, 99), st.randoms(use_true_random=False))
def test_every_place_comes_once_and_in_one_order_of_keys_however_they_come(
    keys: list[str], seed: int, chance: random.Random
) -> None:
    order = seeded_order(keys, seed)
    assert sorted(order) == list(range(len(keys)))
    mixed = chance.sample(keys, len(keys))
    assert [mixed[place] for place in seeded_order(mixed, seed)] == [keys[place] for place in order]


def test_another_seed_draws_another_order() -> None:
    keys = [str(number) for number in range(50)]
    assert seeded_order(keys, 1) == seeded_order(keys, 1)
    assert seeded_order(keys, 1) != seeded_order(keys, 2)
    assert seeded_order(keys, 1) != list(range(50))


def test_each_key_is_as_likely_to_be_drawn_as_another() -> None:
    keys = [str(number) for number in range(20)]
    often = [0] * 20
    for seed in range(2000):
        for place in seeded_order(keys, seed)[:5]:
            often[place] += 1
    assert all(400 < count < 600 for count in often)  # 500 each; five standard deviations


def test_equal_keys_are_drawn_apart() -> None:
    order = seeded_order(["same"] * 10 + [str(number) for number in range(90)], 3)
    places = [turn for turn, place in enumerate(order) if place < 10]
    assert places[-1] - places[0] > 20


def test_a_lone_surrogate_is_a_key_like_any_other() -> None:
    assert sorted(seeded_order(["\ud800", "a"], 1)) == [0, 1]

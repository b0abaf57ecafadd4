from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import Provenance, Record
from textsynth.evaluate.data import RealSets
from textsynth.evaluate.privacy import (
    MIN_ROWS,
    MIN_TEXTS,
    SeedProximity,
    measure_seed_proximity,
    nearer_to_first,
    shown_and_unseen,
)
from textsynth.similarity.vectors import Vectors

DIM = 16


def random_vectors(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def variations(vectors: Vectors, count: int, noise: float) -> Vectors:
    """Return unit vectors near to the given ones, in turn."""
    varied = vectors[np.arange(count) % len(vectors)] + noise * random_vectors(count, 9)
    return varied / np.linalg.norm(varied, axis=1, keepdims=True)


def measured(texts: Vectors, seeds: Vectors, unseen: Vectors) -> SeedProximity:
    proximity = measure_seed_proximity(texts, seeds, unseen, seed=1)
    assert proximity is not None
    return proximity


SEEDS, UNSEEN = random_vectors(60, 1), random_vectors(300, 2)


def test_texts_of_the_domain_are_near_to_seeds_and_to_unseen_rows_alike() -> None:
    proximity = measured(random_vectors(500, 3), SEEDS, UNSEEN)
    assert proximity.share == pytest.approx(0.5, abs=0.06)
    assert proximity.interval[0] < 0.5 < proximity.interval[1]
    assert proximity.real_share == pytest.approx(0.5, abs=0.06)
    assert (proximity.texts, proximity.rows, proximity.overfits) == (500, 60, False)


def test_variations_of_the_seeds_overfit_them_and_variations_of_unseen_rows_do_not() -> None:
    near_seeds = measured(variations(SEEDS, 300, 0.3), SEEDS, UNSEEN)
    assert near_seeds.share > 0.95
    assert near_seeds.overfits
    near_unseen = measured(variations(UNSEEN[:60], 300, 0.3), SEEDS, UNSEEN[:60])
    assert near_unseen.share < 0.05
    assert not near_unseen.overfits
    assert near_unseen.real_share is None


def test_the_share_is_that_of_the_texts_near_to_seeds() -> None:
    half = np.concatenate([variations(SEEDS, 100, 0.1), variations(UNSEEN[:60], 100, 0.1)])
    proximity = measured(half, SEEDS, UNSEEN[:60])
    assert proximity.share == pytest.approx(0.5, abs=0.01)
    low, high = proximity.interval
    # Wilson's interval for 100 of 200 is .43 to .57
    assert (low, high) == (pytest.approx(0.43, abs=0.02), pytest.approx(0.57, abs=0.02))


@given(st.integers(0, 40), st.integers(0, 20), st.integers(0, 20))
def test_it_takes_texts_seeds_and_unseen_rows(texts: int, seeds: int, unseen: int) -> None:
    enough = texts >= MIN_TEXTS and min(seeds, unseen) >= MIN_ROWS
    vectors = (random_vectors(texts, 3), random_vectors(seeds, 1), random_vectors(unseen, 2))
    proximity = measure_seed_proximity(*vectors, seed=0)
    assert (proximity is not None) == enough
    if proximity is not None:
        assert 0 <= proximity.interval[0] <= proximity.share <= proximity.interval[1] <= 1
        assert proximity.rows == min(seeds, unseen)


def test_equal_distances_count_half() -> None:
    texts = random_vectors(30, 4)
    assert nearer_to_first(texts, SEEDS, SEEDS).tolist() == [0.5] * 30
    assert nearer_to_first(texts, texts, SEEDS).tolist() == [1.0] * 30


def make_record(text: str, source: str, **provenance: object) -> Record:
    return Record(text, Provenance(source, **provenance), ("post",))  # type: ignore[arg-type]


def test_seeds_that_no_prompt_showed_are_neither_shown_nor_unseen() -> None:
    seeds = [make_record(f"seed {number}", "seeds", index=number) for number in range(4)]
    texts = [
        make_record("a text", "labelled", example_ids=(seeds[2].id,)),
        make_record("another", "paraphrase", parent_ids=(seeds[0].id,)),
    ]
    rows = [make_record("Seed 3!", "test", index=0), make_record("a row", "test", index=1)]
    real = RealSets(rows, seeds, [make_record("A row.", "dev", index=0), make_record("other", "dev", index=1)], seeds)
    shown, unseen = shown_and_unseen(texts, real, ["seeds"])
    assert [record.text for record in shown] == ["seed 0", "seed 2"]
    assert [record.text for record in unseen] == ["A row.", "other"]
    shown, _ = shown_and_unseen([make_record("a text of a file", "selected")], real, [])
    assert shown == seeds


def test_unlabelled_rows_that_a_prompt_showed_count_as_seeds() -> None:
    seeds = [make_record(f"seed {number}", "seeds", index=number) for number in range(4)]
    tickets = [make_record(f"ticket {number}", "tickets", index=number) for number in range(3)]
    texts = [make_record("a text", "labelled", example_ids=(seeds[2].id, tickets[1].id))]
    real = RealSets([make_record("a row", "test")], seeds, [make_record("Ticket 1", "dev")])
    shown, unseen = shown_and_unseen(texts, real, ["seeds"], tickets)
    assert [record.text for record in shown] == ["seed 2", "ticket 1"]
    assert [record.text for record in unseen] == ["a row"]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tests.evaluate.worlds import LABELS, World, classifiers
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.classifiers import KINDS, Codes, Training
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.experiment_arms import COMPARED, QUICK, Arm, Experiment, make_arms, random_rows, training_draws
from textsynth.evaluate.metrics import best_thresholds, decide, macro_f1, truth_of
from textsynth.evaluate.results import DRAWS, TEST, TRAIN

NONE = np.zeros(0, np.int64)
SEEDS, SELECTED, RAW, WHOLE = np.arange(3), np.arange(5, 8), np.arange(3, 10), np.arange(10, 14)


def names(**given: np.ndarray) -> list[str]:
    rows = {"seeds": NONE, "selected": SELECTED, "raw": RAW, "whole": NONE, **given}
    return [arm.name for arm in make_arms(**rows, checked=True)]


def test_arms_are_those_that_the_rows_allow() -> None:
    assert names(seeds=SEEDS, whole=WHOLE) == ["seeds", "raw", "selected", "seeds_raw", "seeds_selected", "all"]
    assert names(seeds=SEEDS) == ["seeds", "raw", "selected", "seeds_raw", "seeds_selected"]
    assert names() == ["raw", "selected"]
    unchecked = make_arms(SEEDS, SELECTED, SELECTED, NONE, checked=False)
    assert [arm.name for arm in unchecked] == ["seeds", "selected", "seeds_selected"]


def test_only_known_arms_are_compared() -> None:
    known = {*names(seeds=SEEDS, whole=WHOLE), "random", "seeds_random", "fitted"}
    assert {arm for pair in COMPARED for arm in pair} <= known


def test_an_arm_learns_from_its_rows_at_its_weight() -> None:
    arm = Arm("fitted", SEEDS, SELECTED, 0.3)
    training = arm.training(np.arange(20) * 10)
    assert training.rows.tolist() == [0, 1, 2, 5, 6, 7]
    assert training.targets.tolist() == [0, 10, 20, 50, 60, 70]
    assert training.weights.tolist() == [1, 1, 1, 0.3, 0.3, 0.3]
    assert training.weighted(np.arange(6.0)).weights == pytest.approx([0, 1, 2, 0.9, 1.2, 1.5])
    assert (len(arm), len(Arm("fitted", SEEDS, SELECTED, 0.0))) == (6, 3)


@st.composite
def picked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return raw rows, the selected ones of them, and the targets of a pool that has other rows too."""
    targets = np.array(draw(st.lists(st.integers(0, 3), min_size=3, max_size=40)))
    raw = np.arange(2, len(targets))
    chosen = draw(st.lists(st.booleans(), min_size=len(raw), max_size=len(raw)).filter(any))
    return raw, raw[chosen], targets


@settings(deadline=None)
@given(picked(), st.integers(0, 99))
def test_random_rows_are_of_raw_with_the_counts_of_the_selected(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    raw, selected, targets = rows
    draws = random_rows(raw, selected, targets, seed, 3)
    assert len(draws) == 3
    for drawn in draws:
        assert len(set(drawn.tolist())) == len(drawn)
        assert set(drawn.tolist()) <= set(raw.tolist())
        assert np.bincount(targets[drawn]).tolist() == np.bincount(targets[selected]).tolist()
    again = random_rows(raw, selected, targets, seed, 3)
    assert [drawn.tolist() for drawn in again] == [drawn.tolist() for drawn in draws]


def test_random_rows_are_other_ones_each_time_and_any_of_raw() -> None:
    raw, targets = np.arange(40), np.arange(40) % 2
    draws = random_rows(raw, raw[:10], targets, 1, 30)
    assert len({tuple(drawn) for drawn in draws}) == 30
    assert {row for drawn in draws for row in drawn.tolist()} == set(raw.tolist())
    assert [drawn.tolist() for drawn in random_rows(raw, raw[:10], targets, 2, 1)] != [draws[0].tolist()]


def test_several_labels_a_text_count_by_the_first() -> None:
    targets = np.array([[1, 0, 1]] * 8 + [[0, 1, 1]] * 8)
    (drawn,) = random_rows(np.arange(16), np.array([0, 1, 2, 9]), targets, 1, 1)
    assert targets[drawn].sum(axis=0).tolist() == [3, 1, 4]


def test_rows_are_redrawn_within_the_label_of_a_set_and_the_texts_of_an_answer_together() -> None:
    world = World(labels=LABELS[:2])
    answers = [
        Record(world.text(label), Provenance("labelled", request_key=f"{label} {n // 2}", index=n), (label,))
        for label in world.labels
        for n in range(6)
    ]
    pool = LabelledPool(world.labels, multi_label=False)
    seeds, written = pool.add(world.rows("seeds", 4)), pool.add(answers)
    factors = training_draws(pool, seed=1, draws=5)
    assert factors.shape == (5, len(pool.records))
    for rows in (seeds, written):
        for code in range(2):
            own = factors[:, rows[pool.targets[rows] == code]]
            assert own.mean(axis=1) == pytest.approx(np.ones(5))
            assert own.std() > 0
    told = factors[:, written]
    assert np.array_equal(told[:, 0::2], told[:, 1::2])
    assert not np.array_equal(told[:, 0], told[:, 2])
    assert np.array_equal(factors, training_draws(pool, seed=1, draws=5))


class Set:
    """Seeds, raw and selected rows, dev and test of a small world, and their bench."""

    def __init__(self, *, multi_label: bool = False, written: int = 10) -> None:
        world = World(share=0.5 if multi_label else 0.3)
        self.pool = LabelledPool(LABELS, multi_label)

        def rows(name: str, each: int) -> Codes:
            return self.pool.add(world.several(name, each * 6) if multi_label else world.rows(name, each))

        self.seeds, self.raw, dev, test = rows("seeds", 5), rows("raw", written), rows("dev", 8), rows("test", 20)
        self.selected = self.raw[::2]
        self.dev, self.test = dev, test
        self.bench = Experiment(self.pool, classifiers(self.pool), test=test, dev=dev, seed=1, effort=QUICK)


def test_an_arm_is_scored_as_its_predictions_are() -> None:
    made = Set()
    arm = Arm("seeds_selected", made.seeds, made.selected)
    for kind in KINDS:
        one = made.bench.measure(arm, kind)
        assert (one.arm, one.kind, one.rows, one.weight) == ("seeds_selected", kind, 60, 1.0)
        assert {name: redrawn.shape for name, redrawn in one.redraws.items()} == {TEST: (600, 6), TRAIN: (6, 6)}
        told = one.predicted[0].argmax(axis=1)
        wanted = f1_score(made.pool.targets[made.test], told, average="macro")
        assert float(macro_f1(one.f1, made.bench.truth)) == pytest.approx(wanted, abs=1e-6)
        assert list(made.bench.measure(arm, kind, redraw=False).redraws) == [TEST]


def test_random_arms_are_the_mean_of_draws_as_large_as_the_selected() -> None:
    made = Set()
    one = made.bench.random_arms("seeds_random", "words", made.seeds, made.raw, made.selected)
    assert (one.arm, one.rows, len(one.predicted)) == ("seeds_random", 60, QUICK.random)
    assert {name: redrawn.shape for name, redrawn in one.redraws.items()} == {TEST: (600, 6), DRAWS: (3, 6)}
    assert made.bench.random_arms("random", "words", NONE, made.raw, made.selected).rows == 30


def test_the_curve_ends_with_all_seeds_at_their_score() -> None:
    made = Set()
    seeds = made.bench.measure(Arm("seeds", made.seeds, NONE), "words")
    points = made.bench.curve(seeds, made.seeds)
    assert [point.train for point in points] == [12, 18, 24, 30]
    assert points[-1].macro_f1 == pytest.approx(float(macro_f1(seeds.f1, made.bench.truth)))
    assert points[-1].spread == 0
    assert points[0].macro_f1 < points[-1].macro_f1


def test_arms_that_belong_together_are_compared_where_both_were_measured() -> None:
    made = Set()
    arms = [
        Arm("seeds", made.seeds, NONE),
        Arm("selected", NONE, made.selected),
        Arm("seeds_selected", made.seeds, made.selected),
    ]
    outcomes = [made.bench.measure(arm, kind) for kind in KINDS for arm in arms]
    outcomes.append(made.bench.random_arms("random", "words", NONE, made.raw, made.selected))
    found = [(one.arm, one.minus, one.classifier) for one in made.bench.differences(outcomes)]
    assert found == [
        ("seeds_selected", "seeds", "words"),
        ("seeds_selected", "seeds", "embeddings"),
        ("selected", "random", "words"),
    ]


def test_texts_that_help_are_seen_to_help() -> None:
    made = Set(written=60)
    outcomes = [
        made.bench.measure(arm, "embeddings")
        for arm in (Arm("seeds", made.seeds, NONE), Arm("seeds_selected", made.seeds, made.raw))
    ]
    (found,) = made.bench.differences(outcomes)
    assert found.effect == "helps"
    assert found.interval[0] < found.difference < found.interval[1]


def test_thresholds_of_several_labels_come_from_dev() -> None:
    made = Set(multi_label=True)
    one = made.bench.measure(Arm("seeds", made.seeds, NONE), "words", redraw=False)
    targets = made.pool.targets
    training = Training(made.seeds, targets[made.seeds], np.ones(len(made.seeds)))
    asked = classifiers(made.pool)
    on_dev, on_test = (asked.scores("words", [training], rows)[0] for rows in (made.dev, made.test))
    thresholds = best_thresholds(on_dev, truth_of(targets[made.dev], len(LABELS)))
    assert np.array_equal(one.predicted[0], decide(on_test, multi_label=True, thresholds=thresholds))
    without = Experiment(made.pool, asked, test=made.test, dev=NONE, seed=1, effort=QUICK)
    plain = without.measure(Arm("seeds", made.seeds, NONE), "words", redraw=False)
    assert np.array_equal(plain.predicted[0], decide(on_test, multi_label=True))
    assert float(macro_f1(one.f1, made.bench.truth)) > float(macro_f1(plain.f1, made.bench.truth))

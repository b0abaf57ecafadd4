from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.evaluate.worlds import LABELS, World, classifiers
from textsynth.evaluate.arms import Arm
from textsynth.evaluate.bench import QUICK, Bench
from textsynth.evaluate.classify import KINDS, Codes, Training
from textsynth.evaluate.outcomes import DRAWS, TEST, TRAIN
from textsynth.evaluate.scores import best_thresholds, decide, macro_f1, truth_of
from textsynth.evaluate.sets import Pool

NONE = np.zeros(0, np.int64)


class Set:
    """Seeds, raw and selected rows, dev and test of a small world, and their bench."""

    def __init__(self, *, many: bool = False, written: int = 10) -> None:
        world = World(share=0.5 if many else 0.3)
        self.pool = Pool(LABELS, many)

        def rows(name: str, each: int) -> Codes:
            return self.pool.add(world.several(name, each * 6) if many else world.rows(name, each))

        self.seeds, self.raw, dev, test = rows("seeds", 5), rows("raw", written), rows("dev", 8), rows("test", 20)
        self.selected = self.raw[::2]
        self.dev, self.test = dev, test
        self.bench = Bench(self.pool, classifiers(self.pool), test=test, dev=dev, seed=1, effort=QUICK)


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
    one = made.bench.randoms("seeds_random", "words", made.seeds, made.raw, made.selected)
    assert (one.arm, one.rows, len(one.predicted)) == ("seeds_random", 60, QUICK.random)
    assert {name: redrawn.shape for name, redrawn in one.redraws.items()} == {TEST: (600, 6), DRAWS: (3, 6)}
    assert made.bench.randoms("random", "words", NONE, made.raw, made.selected).rows == 30


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
    outcomes.append(made.bench.randoms("random", "words", NONE, made.raw, made.selected))
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
    made = Set(many=True)
    one = made.bench.measure(Arm("seeds", made.seeds, NONE), "words", redraw=False)
    targets = made.pool.targets
    training = Training(made.seeds, targets[made.seeds], np.ones(len(made.seeds)))
    asked = classifiers(made.pool)
    on_dev, on_test = (asked.scores("words", [training], rows)[0] for rows in (made.dev, made.test))
    thresholds = best_thresholds(on_dev, truth_of(targets[made.dev], len(LABELS)))
    assert np.array_equal(one.predicted[0], decide(on_test, many=True, thresholds=thresholds))
    without = Bench(made.pool, asked, test=made.test, dev=NONE, seed=1, effort=QUICK)
    plain = without.measure(Arm("seeds", made.seeds, NONE), "words", redraw=False)
    assert np.array_equal(plain.predicted[0], decide(on_test, many=True))
    assert float(macro_f1(one.f1, made.bench.truth)) > float(macro_f1(plain.f1, made.bench.truth))

"""Coverage of the confidence intervals of `evaluate` on 300 simulated cases whose true difference is known.

    python eval/intervals.py [--cases 300] [--full]

A case is a world of random vectors: labels are Gaussian clouds with random centres and a random width, seeds are a few
rows of each cloud, and "synthetic" rows come from clouds whose centres are moved by a random step. The true difference
is the mean over 60 fresh draws of seeds and synthetic rows, scored on 4,000 fresh test rows. The interval is computed
from one draw and one test set. Prints the coverage (expected: 91 to 98 %) and the mean width of the intervals.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.core.records import Provenance, Record
from textsynth.evaluate.cache import PredictionCache
from textsynth.evaluate.classifiers import Classifiers
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.experiment_arms import FULL, NO_ROWS, QUICK, Arm, Experiment, Repetitions
from textsynth.evaluate.metrics import macro_f1

TRUTH_DRAWS, TRUTH_ROWS = 60, 4000
Sample = tuple[list[Record], NDArray[np.float32]]
"""Records and their vectors, (n, dim)."""


@dataclass(frozen=True, slots=True)
class World:
    """The centres of the clouds of real and synthetic rows, their width, and the rows of each label by set."""

    real: NDArray[np.float32]
    synthetic: NDArray[np.float32]
    width: float
    seeds: int
    generated: int
    test: int

    def sample(self, centres: NDArray[np.float32], per_label: int, generator: np.random.Generator) -> Sample:
        """Return `per_label` random rows of every cloud."""
        labels = np.repeat(np.arange(len(centres)), per_label)
        vectors = centres[labels] + self.width * generator.standard_normal((len(labels), centres.shape[1]))
        names = generator.integers(1 << 62, size=len(labels))
        step = "seeds" if centres is self.real else "synthetic"
        records = [
            Record(f"{name:x}", Provenance(step), (str(label),)) for name, label in zip(names, labels, strict=True)
        ]
        return records, vectors.astype(np.float32)

    def sample_training(self, generator: np.random.Generator) -> tuple[Sample, Sample]:
        """Return seeds and synthetic rows."""
        return (
            self.sample(self.real, self.seeds, generator),
            self.sample(self.synthetic, self.generated, generator),
        )


def random_world(generator: np.random.Generator) -> World:
    """Return a random world that is neither too hard nor too easy: macro-F1 .35 to .95 on the seeds."""
    while True:
        world = any_world(generator)
        test = world.sample(world.real, 500 // len(world.real), generator)
        seeds = world.sample(world.real, world.seeds, generator)
        case = Case(seeds, world.sample(world.synthetic, 2, generator), test, QUICK)
        if 0.35 < case.macro_f1(case.seeds) < 0.95:
            return world


def any_world(generator: np.random.Generator) -> World:
    """Return a random world."""
    labels, size = int(generator.integers(3, 12)), int(generator.integers(3, 16))
    real = generator.standard_normal((labels, size)).astype(np.float32)
    moved = real + generator.uniform(0, 1.2) * generator.standard_normal(real.shape).astype(np.float32)
    return World(
        real,
        moved,
        width=float(generator.uniform(0.8, 2.0)),
        seeds=int(generator.integers(4, 30)),
        generated=int(generator.integers(5, 60)),
        test=int(generator.integers(20, 120)),
    )


class Case:
    """An experiment over vectors with the arms seeds and seeds + synthetic."""

    def __init__(self, seeds: Sample, synthetic: Sample, test: Sample, repetitions: Repetitions) -> None:
        labels = list(dict.fromkeys(record.labels[0] for record in seeds[0]))
        pool = LabelledPool(labels, multi_label=False)
        seed_rows, synthetic_rows, test_rows = (pool.add(records) for records, _ in (seeds, synthetic, test))
        vectors = np.concatenate([seeds[1], synthetic[1], test[1]])

        def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            return vectors

        classifiers = Classifiers(
            pool.texts, len(labels), multi_label=False, embed=embed, embedder="", cache=PredictionCache(None)
        )
        self.experiment = Experiment(pool, classifiers, test=test_rows, dev=NO_ROWS, seed=0, repetitions=repetitions)
        self.seeds = Arm("seeds", seed_rows, NO_ROWS)
        self.both = Arm("seeds_selected", seed_rows, synthetic_rows)

    def macro_f1(self, arm: Arm) -> float:
        """Return an arm's macro-F1."""
        result = self.experiment.measure(arm, "embeddings", resample_training=False)
        return float(macro_f1(result.f1, self.experiment.truth))

    def interval(self) -> tuple[float, float]:
        """Return the interval of the difference of the two arms."""
        results = [self.experiment.measure(arm, "embeddings") for arm in (self.seeds, self.both)]
        (difference,) = self.experiment.differences(results)
        return difference.interval


def true_difference(world: World, generator: np.random.Generator) -> float:
    """Return the mean difference over fresh draws of training rows."""
    test = world.sample(world.real, TRUTH_ROWS // len(world.real), generator)
    differences = []
    for _ in range(TRUTH_DRAWS):
        case = Case(*world.sample_training(generator), test, QUICK)
        differences.append(case.macro_f1(case.both) - case.macro_f1(case.seeds))
    return float(np.mean(differences))


def main() -> None:
    """Run the cases and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    repetitions = FULL if arguments.full else QUICK
    covered, widths, wrong_sign = 0, [], 0
    for number in range(arguments.cases):
        generator = np.random.default_rng([number, 77])
        world = random_world(generator)
        truth = true_difference(world, generator)
        training = world.sample_training(generator)
        test = world.sample(world.real, world.test, generator)
        low, high = Case(*training, test, repetitions).interval()
        covered += low <= truth <= high
        widths.append(high - low)
        wrong_sign += (low > 0 and truth < 0) or (high < 0 and truth > 0)
        cases = number + 1
        if cases % 25 == 0 or cases == arguments.cases:
            print(
                f"{cases} cases: {covered / cases:.1%} contain the true difference, mean width {np.mean(widths):.3f}, "
                f"{wrong_sign} of the wrong sign",
                flush=True,
            )


if __name__ == "__main__":
    main()

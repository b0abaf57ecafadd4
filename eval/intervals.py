"""Do the intervals of `evaluate` hold what they say? 300 known cases: how often the truth lies within.

    python eval/intervals.py [--cases 300] [--full]

A case is a world of made vectors: labels are Gaussian clouds of random places and sizes, seeds are a few rows of each,
"synthetic" rows come from clouds moved by a random step. The truth of a difference is its mean over 60 fresh draws of
seeds and synthetic rows, scored on 4,000 fresh test rows. The interval must be made from one draw and one test set.
Prints the coverage (91 to 98 % is asked) and the intervals' mean width.
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
from textsynth.evaluate.experiment_arms import FULL, QUICK, Arm, Experiment, Repetitions
from textsynth.evaluate.metrics import macro_f1

TRUTH_DRAWS, TRUTH_ROWS = 60, 4000


@dataclass(frozen=True, slots=True)
class World:
    """Where the clouds of real and synthetic rows are, how wide, and how many rows of a label each set has."""

    real: NDArray[np.float32]
    synthetic: NDArray[np.float32]
    width: float
    seeds: int
    written: int
    test: int

    def rows(
        self, centres: NDArray[np.float32], each: int, random: np.random.Generator
    ) -> tuple[list[Record], NDArray[np.float32]]:
        """Draw `each` rows of every cloud."""
        labels = np.repeat(np.arange(len(centres)), each)
        vectors = centres[labels] + self.width * random.standard_normal((len(labels), centres.shape[1]))
        names = random.integers(1 << 62, size=len(labels))
        name = "seeds" if centres is self.real else "synthetic"
        records = [
            Record(f"{one:x}", Provenance(name), (str(label),)) for one, label in zip(names, labels, strict=True)
        ]
        return records, vectors.astype(np.float32)


def world(random: np.random.Generator) -> World:
    """Draw worlds until one is neither hopeless nor so easy that nothing differs: macro-F1 .35 to .95 on the seeds."""
    while True:
        one = any_world(random)
        test = one.rows(one.real, 500 // len(one.real), random)
        drawn, seeds, _ = bench(one.rows(one.real, one.seeds, random), one.rows(one.synthetic, 2, random), test, QUICK)
        if 0.35 < macro_f1(drawn.measure(seeds, "embeddings", redraw=False).f1, drawn.truth) < 0.95:
            return one


def any_world(random: np.random.Generator) -> World:
    """Draw a world."""
    labels, size = int(random.integers(3, 12)), int(random.integers(3, 16))
    real = random.standard_normal((labels, size)).astype(np.float32)
    moved = real + random.uniform(0, 1.2) * random.standard_normal(real.shape).astype(np.float32)
    return World(
        real, moved, float(random.uniform(0.8, 2.0)), int(random.integers(4, 30)), int(random.integers(5, 60)),
        int(random.integers(20, 120)),
    )  # fmt: skip


def bench(seeds: tuple[list[Record], NDArray[np.float32]], written: tuple[list[Record], NDArray[np.float32]],
          test: tuple[list[Record], NDArray[np.float32]], effort: Repetitions) -> tuple[Experiment, Arm, Arm]:  # fmt: skip
    """Return a bench over made vectors, with the arms seeds and seeds + synthetic."""
    labels = list(dict.fromkeys(record.labels[0] for record in seeds[0]))
    pool = LabelledPool(labels, multi_label=False)
    rows = [pool.add(records) for records, _ in (seeds, written, test)]
    vectors = np.concatenate([seeds[1], written[1], test[1]])

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors

    classifiers = Classifiers(
        pool.texts, len(labels), multi_label=False, embed=embed, embedder="", memory=PredictionCache(None)
    )
    made = Experiment(pool, classifiers, test=rows[2], dev=rows[2][:0], seed=0, effort=effort)
    none = rows[0][:0]
    return made, Arm("seeds", rows[0], none), Arm("seeds_selected", rows[0], rows[1])


def truth(one: World, random: np.random.Generator) -> float:
    """Return the mean difference over fresh draws of training rows."""
    test = one.rows(one.real, TRUTH_ROWS // len(one.real), random)
    found = []
    for _ in range(TRUTH_DRAWS):
        drawn = bench(one.rows(one.real, one.seeds, random), one.rows(one.synthetic, one.written, random), test, QUICK)
        scores = [macro_f1(drawn[0].measure(arm, "embeddings", redraw=False).f1, drawn[0].truth) for arm in drawn[1:]]
        found.append(float(scores[1] - scores[0]))
    return float(np.mean(found))


def main() -> None:
    """Run the cases and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--full", action="store_true")
    asked = parser.parse_args()
    effort = FULL if asked.full else QUICK
    held, widths, wrong = 0, [], 0
    for case in range(asked.cases):
        random = np.random.default_rng([case, 77])
        one = world(random)
        true = truth(one, random)
        drawn, seeds, both = bench(
            one.rows(one.real, one.seeds, random), one.rows(one.synthetic, one.written, random),
            one.rows(one.real, one.test, random), effort,
        )  # fmt: skip
        (found,) = drawn.differences([drawn.measure(seeds, "embeddings"), drawn.measure(both, "embeddings")])
        low, high = found.interval
        held += low <= true <= high
        widths.append(high - low)
        wrong += (low > 0 and true < 0) or (high < 0 and true > 0)
        if (case + 1) % 25 == 0:
            print(
                f"{case + 1} cases: {held / (case + 1):.1%} hold the truth, mean width {np.mean(widths):.3f}, "
                f"{wrong} of the wrong sign",
                flush=True,
            )


if __name__ == "__main__":
    main()

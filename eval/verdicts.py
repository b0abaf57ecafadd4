"""The error rate of the verdicts of `evaluate` on 200 simulated cases whose true effect is known.

    python eval/verdicts.py [--cases 200]

A case is a small world of texts: every label has words of its own and shares others. The synthetic texts are, in turn:
helpful (true texts of each label, many more than the seeds), neutral (the seeds again with one or two of the shared
words exchanged), harmful (most labels wrong), swapped (each label replaced by the next), and leaked (helpful, but with
copies of test rows among them). The right verdicts are helps, no_difference, harms, harms, leak. Prints the verdicts of
each kind of case, the error rate, and how many planted copies were found.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.core.records import Provenance, Record
from textsynth.evaluate import EvaluationPlan, RealSets, SyntheticSet, evaluate
from textsynth.evaluate.cache import PredictionCache

RIGHT = {"helpful": "helps", "neutral": "no_difference", "harmful": "harms", "swapped": "harms", "leaked": "leak"}
SYLLABLES = [consonant + vowel for consonant, vowel in zip("bcdfghjklmnprstvwxyz", "aeiouaeiouaeiouaeiou", strict=True)]
DIM = 128


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors (n, 128): the mean of a random vector for each word."""
    vectors = np.zeros((len(texts), DIM), np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in text.split():
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
            vector += np.random.default_rng(seed).standard_normal(DIM)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class World:
    """Labels with forty words of their own each, and five hundred shared words."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.labels = [f"label_{number}" for number in range(int(generator.integers(3, 9)))]
        self.shared_words = self.make_words(500)
        self.label_words = {label: self.make_words(40) for label in self.labels}
        self.share = float(generator.uniform(0.3, 0.6))

    def make_words(self, count: int) -> list[str]:
        """Return made-up words."""
        return ["".join(self.generator.choice(SYLLABLES, size=4)) for _ in range(count)]

    def text(self, label: str) -> str:
        """Return a text of a label: some of its own words among shared words."""
        size = int(self.generator.integers(6, 16))
        return " ".join(
            str(
                self.generator.choice(
                    self.label_words[label] if self.generator.random() < self.share else self.shared_words
                )
            )
            for _ in range(size)
        )

    def rows(self, name: str, per_label: int) -> list[Record]:
        """Return `per_label` texts of every label."""
        return [
            Record(self.text(label), Provenance(name, index=index), (label,))
            for label in self.labels
            for index in range(per_label)
        ]

    def reworded(self, seeds: Sequence[Record], per_seed: int) -> list[Record]:
        """Return each seed `per_seed` times with one or two of the shared words exchanged."""
        records = []
        shared_words = set(self.shared_words)
        for seed in seeds:
            for number in range(per_seed):
                words = seed.text.split()
                shared = [index for index, word in enumerate(words) if word in shared_words]
                for index in self.generator.permutation(shared)[:2]:
                    words[index] = str(self.generator.choice(self.shared_words))
                provenance = Provenance("again", parent_ids=(seed.id,), index=number)
                records.append(Record(" ".join(words), provenance, seed.labels))
        return records

    def swapped(self, records: Sequence[Record]) -> list[Record]:
        """Return the records with each label replaced by the next one."""
        return [record.with_labels([self.other_label(record, 1)]) for record in records]

    def mislabelled(self, records: Sequence[Record], share: float) -> list[Record]:
        """Return the records with a share of the labels replaced by random other ones."""
        return [
            record.with_labels([self.other_label(record, int(self.generator.integers(1, len(self.labels))))])
            if self.generator.random() < share
            else record
            for record in records
        ]

    def other_label(self, record: Record, offset: int) -> str:
        """Return the label at a distance from the record's label."""
        return self.labels[(self.labels.index(record.labels[0]) + offset) % len(self.labels)]

    def copies(self, test: Sequence[Record]) -> list[Record]:
        """Return copies of a tenth of the test rows, in capitals."""
        rows = [test[index] for index in self.generator.permutation(len(test))[: len(test) // 10]]
        return [Record(row.text.upper() + "!", Provenance("written", index=1000), row.labels) for row in rows]


def main() -> None:
    """Evaluate the cases and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    arguments = parser.parse_args()
    effects: dict[str, Counter[str]] = {kind: Counter() for kind in RIGHT}
    planted_copies = found_copies = 0
    for case in range(arguments.cases):
        kind = list(RIGHT)[case % len(RIGHT)]
        world = World(np.random.default_rng([case, 5]))
        seeds, test = world.rows("seeds", int(world.generator.integers(4, 11))), world.rows("test", 60)
        synthetic = world.rows("written", 50)
        if kind == "neutral":
            synthetic = world.reworded(seeds, 3)
        elif kind == "harmful":
            synthetic = world.mislabelled(synthetic, 0.85)
        elif kind == "swapped":
            synthetic = world.swapped(synthetic)
        elif kind == "leaked":
            copies = world.copies(test)
            synthetic += copies
            planted_copies += len(copies)
        plan = EvaluationPlan(embed, "simulated", PredictionCache(None), labels=world.labels, seed=case)
        verdict = evaluate(SyntheticSet(kind, synthetic), RealSets(test, seeds), plan).verdict
        effects[kind][verdict.effect] += 1
        if kind == "leaked":
            found_copies += verdict.test_copies
        if verdict.effect != RIGHT[kind]:
            print(f"case {case} ({kind}): {' '.join(verdict.sentences)}", flush=True)
    for kind, counts in effects.items():
        print(f"{kind}: {dict(counts)}")
    errors = sum(count for kind, counts in effects.items() for effect, count in counts.items() if effect != RIGHT[kind])
    print(
        f"{errors} of {arguments.cases} wrong ({errors / arguments.cases:.1%}); "
        f"{found_copies} of {planted_copies} planted copies found"
    )


if __name__ == "__main__":
    main()

"""Are the verdicts of `evaluate` right? 200 made cases whose true effect is known.

    python eval/verdicts.py [--cases 200]

A case is a small world of texts: every label has words of its own and shares others. The synthetic texts are, in turn:
helpful (true texts of each label, many more than the seeds), neutral (the seeds again with a word or two exchanged for
words that say nothing), harmful (most labels wrong), swapped (the labels changed in a circle), and leaked (helpful, but
with copies of the test set among them). Right are helps, no_difference, harms, harms, leak; without seeds nothing is
asked. Prints what was said for each kind, the error rate, and how many planted copies were found.
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
SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "va",
    "we",
    "xi",
    "yo",
    "zu",
)
SIZE = 128


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the mean of a random vector a word, as unit rows (n, 128)."""
    found = np.zeros((len(texts), SIZE), np.float32)
    for place, text in enumerate(texts):
        for word in text.split():
            digest = hashlib.sha256(word.encode()).digest()
            found[place] += np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(SIZE)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


class World:
    """Labels with forty words of their own each, and five hundred that all use."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.labels = [f"label_{number}" for number in range(int(random.integers(3, 9)))]
        self.common = self.words(500)
        self.own = {label: self.words(40) for label in self.labels}
        self.share = float(random.uniform(0.3, 0.6))

    def words(self, count: int) -> list[str]:
        """Make up words."""
        return ["".join(self.random.choice(SYLLABLES, size=4)) for _ in range(count)]

    def text(self, label: str) -> str:
        """Write a text of a label: some words of its own among common ones."""
        size = int(self.random.integers(6, 16))
        return " ".join(
            str(self.random.choice(self.own[label] if self.random.random() < self.share else self.common))
            for _ in range(size)
        )

    def rows(self, name: str, each: int) -> list[Record]:
        """Write `each` texts of every label."""
        return [
            Record(self.text(label), Provenance(name, index=n), (label,)) for label in self.labels for n in range(each)
        ]


def again(world: World, seeds: Sequence[Record], each: int) -> list[Record]:
    """Return the seeds again, `each` times, one or two of the common words exchanged."""
    found = []
    for seed in seeds:
        for number in range(each):
            words = seed.text.split()
            common = [place for place, word in enumerate(words) if word in set(world.common)]
            for place in world.random.permutation(common)[:2]:
                words[place] = str(world.random.choice(world.common))
            found.append(Record(" ".join(words), Provenance("again", parent_ids=(seed.id,), index=number), seed.labels))
    return found


def relabelled(world: World, rows: Sequence[Record], share: float, *, circle: bool) -> list[Record]:
    """Return rows with the labels moved on in a circle, or a share of them drawn at random among the others."""
    found = []
    for row in rows:
        place = world.labels.index(row.labels[0])
        if circle:
            place = (place + 1) % len(world.labels)
        elif world.random.random() < share:
            place = (place + int(world.random.integers(1, len(world.labels)))) % len(world.labels)
        found.append(row.with_labels([world.labels[place]]))
    return found


def main() -> None:
    """Judge the cases and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    asked = parser.parse_args()
    said: dict[str, Counter[str]] = {kind: Counter() for kind in RIGHT}
    planted = found_copies = 0
    for case in range(asked.cases):
        kind = list(RIGHT)[case % len(RIGHT)]
        world = World(np.random.default_rng([case, 5]))
        seeds, test = world.rows("seeds", int(world.random.integers(4, 11))), world.rows("test", 60)
        written = world.rows("written", 50)
        if kind == "neutral":
            written = again(world, seeds, 3)
        elif kind in ("harmful", "swapped"):
            written = relabelled(world, written, 0.85, circle=kind == "swapped")
        elif kind == "leaked":
            copies = [test[place] for place in world.random.permutation(len(test))[: len(test) // 10]]
            written += [Record(row.text.upper() + "!", Provenance("written", index=1000), row.labels) for row in copies]
            planted += len(copies)
        plan = EvaluationPlan(embed, "made", PredictionCache(None), labels=world.labels, seed=case)
        result = evaluate(SyntheticSet(kind, written), RealSets(test, seeds), plan)
        said[kind][result.verdict.effect] += 1
        if kind == "leaked":
            found_copies += result.verdict.leaks
        if result.verdict.effect != RIGHT[kind]:
            print(f"case {case} ({kind}): {' '.join(result.verdict.sentences)}", flush=True)
    for kind, counts in said.items():
        print(f"{kind}: {dict(counts)}")
    wrong = sum(count for kind, counts in said.items() for effect, count in counts.items() if effect != RIGHT[kind])
    print(
        f"{wrong} of {asked.cases} wrong ({wrong / asked.cases:.1%}); {found_copies} of {planted} planted copies found"
    )


if __name__ == "__main__":
    main()

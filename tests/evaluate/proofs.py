"""An evaluation of a small made-up world, for the tests of what is made of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contexts import MemoryStore
from tests.evaluate.worlds import LABELS, World, embed
from textsynth.core.records import DroppedRecord, Record
from textsynth.evaluate import Evaluation, EvaluationPlan, RealSets, SyntheticSet, evaluate
from textsynth.evaluate.ablation import AblationCandidates

THREE = LABELS[:3]


class Made:
    """Seeds, test rows and a run of three labels: half the texts selected, some spare, some dropped by `length`."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed, labels=THREE, share=0.35)
        self.seeds, self.dev, self.test = (
            self.world.rows(name, each) for name, each in (("seeds", 5), ("dev", 8), ("test", 30))
        )
        self.written = self.world.rows("written", 24)
        self.real = RealSets(self.test, self.seeds)

    def run(self, written: list[Record] | None = None) -> SyntheticSet:
        """Return the run of the texts written, or of others in their place."""
        texts = self.written if written is None else written
        drops = [DroppedRecord(record, "filter", "length", "has too few words", 2, 3) for record in texts[54:]]
        return SyntheticSet("small", texts[:45], texts[45:54], drops)


def plan(**changes: Any) -> EvaluationPlan:
    """Return a quick plan with hashed words for embeddings."""
    return replace(EvaluationPlan(embed, "hashed", MemoryStore()), **changes)


def whole() -> Evaluation:
    """Return the evaluation of a small run, what one check earned included."""
    made = Made()
    run = made.run()
    back = AblationCandidates("length", len(run.drops), tuple(drop.record for drop in run.drops[:12]))
    return evaluate(run, made.real, plan(labels=THREE, readmitted=[back]))

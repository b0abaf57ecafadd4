"""An evaluation of a small made-up run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contexts import MemoryStore
from tests.evaluate.worlds import LABELS, World, embed
from textsynth.core.records import DroppedRecord, Record
from textsynth.evaluate import Evaluation, EvaluationPlan, RealSets, SyntheticSet, evaluate
from textsynth.evaluate.ablation import AblationCandidates

THREE_LABELS = LABELS[:3]


class SmallRun:
    """Seeds, dev and test rows, and generated texts of three labels."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed, labels=THREE_LABELS, share=0.35)
        self.seeds, self.dev, self.test = (
            self.world.rows(name, per_label) for name, per_label in (("seeds", 5), ("dev", 8), ("test", 30))
        )
        self.generated = self.world.rows("generated", 24)
        self.real = RealSets(self.test, self.seeds)

    def synthetic_set(self, texts: list[Record] | None = None) -> SyntheticSet:
        """Return the generated or other texts: 45 selected, 9 surplus, the rest dropped by `length`."""
        texts = self.generated if texts is None else texts
        drops = [DroppedRecord(record, "filter", "length", "has too few words", 2, 3) for record in texts[54:]]
        return SyntheticSet("small", texts[:45], texts[45:54], drops)


def quick_plan(**changes: Any) -> EvaluationPlan:
    """Return a quick plan with hashed words as embeddings."""
    return replace(EvaluationPlan(embed, "hashed", MemoryStore()), **changes)


def small_evaluation() -> Evaluation:
    """Return the evaluation of the small run, with the ablation of one filter."""
    small = SmallRun()
    synthetic = small.synthetic_set()
    candidates = AblationCandidates("length", len(synthetic.drops), tuple(drop.record for drop in synthetic.drops[:12]))
    return evaluate(synthetic, small.real, quick_plan(labels=THREE_LABELS, ablation_candidates=[candidates]))

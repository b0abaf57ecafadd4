"""Proof on real data: what synthetic labelled texts are worth beside real ones, how sure, and where they hurt."""

from __future__ import annotations

from textsynth.evaluate.evaluation import Evaluation, Plan, evaluate
from textsynth.evaluate.held_out import without_seeds
from textsynth.evaluate.json import as_json
from textsynth.evaluate.sets import Real, Synthetic

__all__ = ["Evaluation", "Plan", "Real", "Synthetic", "as_json", "evaluate", "without_seeds"]

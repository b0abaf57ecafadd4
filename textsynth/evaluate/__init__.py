"""Proof on real data: what synthetic labelled texts are worth beside real ones, how sure, and where they hurt."""

from __future__ import annotations

from textsynth.evaluate.evaluation import Evaluation, Plan, evaluate
from textsynth.evaluate.knowing import without_seeds
from textsynth.evaluate.sets import Real, Synthetic
from textsynth.evaluate.told import as_json

__all__ = ["Evaluation", "Plan", "Real", "Synthetic", "as_json", "evaluate", "without_seeds"]

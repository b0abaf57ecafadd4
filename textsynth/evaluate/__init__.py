"""Proof on real data: what synthetic labelled texts are worth beside real ones, how sure, and where they hurt."""

from __future__ import annotations

from textsynth.evaluate.evaluation import Evaluation, Plan, evaluate
from textsynth.evaluate.knowing import without_seeds
from textsynth.evaluate.sets import Real, Synthetic
from textsynth.evaluate.told import FILE, as_json, read_evaluation

__all__ = ["FILE", "Evaluation", "Plan", "Real", "Synthetic", "as_json", "evaluate", "read_evaluation", "without_seeds"]

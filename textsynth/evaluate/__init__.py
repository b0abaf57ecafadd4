"""Proof on real data: what synthetic labelled texts are worth beside real ones, how sure, and where they hurt."""

from __future__ import annotations

from textsynth.evaluate.cross_validation import leave_seeds_out
from textsynth.evaluate.data import RealSets, SyntheticSet
from textsynth.evaluate.evaluate import Evaluation, EvaluationPlan, evaluate
from textsynth.evaluate.serialize import as_json

__all__ = ["Evaluation", "EvaluationPlan", "RealSets", "SyntheticSet", "as_json", "evaluate", "leave_seeds_out"]

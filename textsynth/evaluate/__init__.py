"""Evaluation on real data: what synthetic texts are worth next to real ones, how certain that is, where they harm."""

from __future__ import annotations

from textsynth.evaluate.cross_validation import leave_seeds_out
from textsynth.evaluate.data import RealSets, SyntheticSet
from textsynth.evaluate.evaluate import Evaluation, EvaluationPlan, evaluate
from textsynth.evaluate.serialize import as_json

__all__ = ["Evaluation", "EvaluationPlan", "RealSets", "SyntheticSet", "as_json", "evaluate", "leave_seeds_out"]

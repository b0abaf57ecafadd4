"""Proof on real data: what synthetic labelled texts are worth beside real ones, how sure, and where they hurt."""

from __future__ import annotations

from textsynth.evaluate.cross_validation import without_seeds
from textsynth.evaluate.data import Real, Synthetic
from textsynth.evaluate.evaluate import Evaluation, Plan, evaluate
from textsynth.evaluate.serialize import as_json

__all__ = ["Evaluation", "Plan", "Real", "Synthetic", "as_json", "evaluate", "without_seeds"]

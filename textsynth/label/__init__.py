"""Labellers: a model assigns or verifies labels after all filters have passed. Each module defines one labeller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers. At run time each class is found by the name of its module.
if TYPE_CHECKING:
    from textsynth.label.choice import Choice as Choice
    from textsynth.label.judge import Judge as Judge
    from textsynth.label.label_error import LabelError as LabelError
else:
    __getattr__, __dir__ = lazy_exports(__name__)

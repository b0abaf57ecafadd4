"""Tasks: what a data set is for. One task per file, found by its name like every other component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `lazy_exports` finds every task by its file.
if TYPE_CHECKING:
    from textsynth.task.classification import Classification as Classification
    from textsynth.task.pairs import Pairs as Pairs
    from textsynth.task.paraphrasing import Paraphrasing as Paraphrasing
    from textsynth.task.summarization import Summarization as Summarization
else:
    __getattr__, __dir__ = lazy_exports(__name__)

"""Labellers: a model gives or verifies labels, after every filter. One file an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `items_of` finds every item by its file.
if TYPE_CHECKING:
    from textsynth.label.choice import Choice as Choice
else:
    __getattr__, __dir__ = lazy_exports(__name__)

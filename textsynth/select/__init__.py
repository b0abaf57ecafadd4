"""Selectors: pick once, over all that was accepted. One file an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `items_of` finds every item by its file.
if TYPE_CHECKING:
    from textsynth.select.balanced import Balanced as Balanced
    from textsynth.select.diverse import Diverse as Diverse
else:
    __getattr__, __dir__ = lazy_exports(__name__)

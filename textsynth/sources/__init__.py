"""Sources: where given rows come from. One file an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `items_of` finds every item by its file.
if TYPE_CHECKING:
    from textsynth.sources.hub import Hub as Hub
    from textsynth.sources.in_memory import InMemory as InMemory
    from textsynth.sources.rows import Rows as Rows
else:
    __getattr__, __dir__ = lazy_exports(__name__)

"""Sources: the components that read seeds, test rows and other given rows, one module per component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `lazy_exports` loads each component from the module of its name.
if TYPE_CHECKING:
    from textsynth.sources.hub import Hub as Hub
    from textsynth.sources.in_memory import InMemory as InMemory
    from textsynth.sources.rows import Rows as Rows
else:
    __getattr__, __dir__ = lazy_exports(__name__)

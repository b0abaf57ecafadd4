"""Selectors: select once from all accepted texts. Each module defines one selector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers. At run time each class is found by the name of its module.
if TYPE_CHECKING:
    from textsynth.select.balanced import Balanced as Balanced
    from textsynth.select.diverse import Diverse as Diverse
    from textsynth.select.margin import Margin as Margin
else:
    __getattr__, __dir__ = lazy_exports(__name__)

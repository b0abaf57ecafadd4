"""Generators: plan requests for what is missing and read answers into candidates. One file an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `items_of` finds every item by its file.
if TYPE_CHECKING:
    from textsynth.generate.existing import Existing as Existing
    from textsynth.generate.labelled import Labelled as Labelled
    from textsynth.generate.paraphrase import Paraphrase as Paraphrase
    from textsynth.generate.summary import Summary as Summary
else:
    __getattr__, __dir__ = lazy_exports(__name__)

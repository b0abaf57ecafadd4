"""Generators: plan requests for unmet quota cells and parse answers into candidates. One file per component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers; `lazy_exports` finds every generator by its file.
if TYPE_CHECKING:
    from textsynth.generate.existing import Existing as Existing
    from textsynth.generate.grammar import Grammar as Grammar
    from textsynth.generate.labelled import Labelled as Labelled
    from textsynth.generate.pair import Pair as Pair
    from textsynth.generate.paraphrase import Paraphrase as Paraphrase
    from textsynth.generate.perturb import Perturb as Perturb
    from textsynth.generate.summary import Summary as Summary
else:
    __getattr__, __dir__ = lazy_exports(__name__)

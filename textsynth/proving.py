"""Proof on real data of a run or of a file of texts: what `textsynth evaluate` and a recipe's `evaluate` do.

A run is proved with all it knows: the texts each check dropped are put back in turn, and the weight is fitted with the
texts that do not know the held-out seeds. A file's texts are taken as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

"""Filters: decide which candidates are kept. Each module defines one filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textsynth.core.registry import lazy_exports

# For type checkers. At run time each class is found by the name of its module.
if TYPE_CHECKING:
    from textsynth.filter.agreement import Agreement as Agreement
    from textsynth.filter.copies_source import CopiesSource as CopiesSource
    from textsynth.filter.exact_duplicate import ExactDuplicate as ExactDuplicate
    from textsynth.filter.faithfulness import Faithfulness as Faithfulness
    from textsynth.filter.language import Language as Language
    from textsynth.filter.leak import Leak as Leak
    from textsynth.filter.length import Length as Length
    from textsynth.filter.near_duplicate import NearDuplicate as NearDuplicate
    from textsynth.filter.personal_data import PersonalData as PersonalData
    from textsynth.filter.refusal import Refusal as Refusal
    from textsynth.filter.same_meaning import SameMeaning as SameMeaning
    from textsynth.filter.semantic_duplicate import SemanticDuplicate as SemanticDuplicate
else:
    __getattr__, __dir__ = lazy_exports(__name__)

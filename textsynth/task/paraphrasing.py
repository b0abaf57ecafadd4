"""Paraphrasing: a text beside the same in other words; a label, where there is one, belongs to both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from textsynth.core.task import BASIC_FILTERS, Example, RecipeFacts, ReviewQuestion, StepSpec, Task


class Paraphrasing(Task):
    """Texts and paraphrases of them."""

    columns: ClassVar[Mapping[str, str]] = {"text": "source_text", "paraphrase": ""}
    generator: ClassVar[str] = "paraphrase"

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters, near-duplicates, and that the meaning is kept."""
        return [*BASIC_FILTERS, "near_duplicate", "same_meaning"]

    @property
    def hub_category(self) -> str:
        """The Hub's category: it merged text2text-generation into text-generation."""
        return "text-generation"

    def hub_categories(self, labels: Collection[str]) -> list[str]:
        """Return the category of the pairs, and that of a classification where they have labels."""
        return [self.hub_category, "text-classification"] if labels else [self.hub_category]

    def description(self, *, multi_label: bool) -> str:
        """Return what the rows are."""
        return "Texts and paraphrases of them."

    @property
    def intended_use(self) -> str:
        """What the data set is for."""
        return "Training on, or searching with, other words for the same text; more variety beside real texts."

    def column_notes(self) -> Mapping[str, str]:
        """Return that `text` is the original."""
        return {"text": "the original"}

    @property
    def fields_shown(self) -> Mapping[str, str]:
        """The names in annotation tools and CSV files."""
        return {"text": "original", "paraphrase": "paraphrase"}

    @property
    def review_question(self) -> ReviewQuestion:
        """Whether the paraphrase is one."""
        return ReviewQuestion(
            "Does the paraphrase say the same?",
            {"yes": "it says the same", "no": "it says something else, or leaves out what matters"},
            "A better paraphrase, where this one is not right",
        )

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the request for a paraphrase."""
        return "Say this text in other words, without changing what it means. Answer with the new text only."

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with the original, and the paraphrase."""
        return f"{instruction}\n\n{example.texts['text']}", example.texts["paraphrase"]

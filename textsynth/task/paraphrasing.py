"""Paraphrasing: a text and a paraphrase of it in each row; a label, if there is one, applies to both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from textsynth.core.task import BASIC_FILTERS, Example, RecipeFacts, ReviewQuestion, StepSpec, Task


class Paraphrasing(Task):
    """Texts, each with a paraphrase."""

    columns: ClassVar[Mapping[str, str]] = {"text": "source_text", "paraphrase": ""}
    generator: ClassVar[str] = "paraphrase"

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters, near_duplicate, and same_meaning, which compares a paraphrase with its original."""
        return [*BASIC_FILTERS, "near_duplicate", "same_meaning"]

    @property
    def hub_category(self) -> str:
        """The Hub's task category; text-generation includes the former text2text-generation."""
        return "text-generation"

    def hub_categories(self, labels: Collection[str]) -> list[str]:
        """Return the category of the pairs, and that of a classification where there are labels."""
        return [self.hub_category, "text-classification"] if labels else [self.hub_category]

    def description(self, *, multi_label: bool) -> str:
        """Return one sentence that says what the rows are."""
        return "Texts, each with a paraphrase."

    @property
    def intended_use(self) -> str:
        """What the data set is for, in one sentence."""
        return "Training models that recognize or write paraphrases, or adding variety to real texts."

    def column_notes(self) -> Mapping[str, str]:
        """Return that the column `text` holds the original."""
        return {"text": "the original"}

    @property
    def fields_shown(self) -> Mapping[str, str]:
        """The names under which annotation tools and CSV files show the text columns: column → name."""
        return {"text": "original", "paraphrase": "paraphrase"}

    @property
    def review_question(self) -> ReviewQuestion:
        """Whether the paraphrase means the same as the original."""
        return ReviewQuestion(
            "Does the paraphrase mean the same as the original?",
            {"yes": "it means the same", "no": "it means something else, or leaves out something important"},
            "A better paraphrase, if this one is wrong",
        )

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the request for a paraphrase; labels are not part of it."""
        return "Say this text in other words, without changing what it means. Answer with the new text only."

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with the original, and the paraphrase as the answer."""
        return f"{instruction}\n\n{example.texts['text']}", example.texts["paraphrase"]

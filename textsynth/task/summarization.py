"""Summarization: a document and a summary of it in each row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from textsynth.core.task import BASIC_FILTERS, Example, RecipeFacts, ReviewQuestion, StepSpec, Task


class Summarization(Task):
    """Documents, each with a summary. Labels belong to the documents and are not in the data set."""

    columns: ClassVar[Mapping[str, str]] = {"document": "document", "summary": ""}
    generator: ClassVar[str] = "summary"

    def has_labels(self, labels: Collection[str]) -> bool:
        """False: labels belong to the documents."""
        return False

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters and faithfulness, which compares a summary with its document."""
        return [*BASIC_FILTERS, "faithfulness"]

    @property
    def hub_category(self) -> str:
        """The Hub's task category."""
        return "summarization"

    def description(self, *, multi_label: bool) -> str:
        """Return one sentence that says what the rows are."""
        return "Documents, each with a summary."

    @property
    def intended_use(self) -> str:
        """What the data set is for, in one sentence."""
        return "Training a model to summarize documents like these."

    @property
    def review_question(self) -> ReviewQuestion:
        """Whether the summary is correct."""
        return ReviewQuestion(
            "Is the summary correct?",
            {
                "yes": "it agrees with the document",
                "no": "it says something else, or leaves out something important",
            },
            "A better summary, if this one is wrong",
        )

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the request for a summary; labels are not part of it."""
        return "Summarize this text. Answer with the summary only."

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with the document, and the summary as the answer."""
        return f"{instruction}\n\n{example.texts['document']}", example.texts["summary"]

"""Summarization: a document beside a summary of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from textsynth.core.task import BASIC_FILTERS, Example, RecipeFacts, ReviewQuestion, StepSpec, Task


class Summarization(Task):
    """Documents and summaries of them. Labels belong to the documents, and are not in the data set."""

    columns: ClassVar[Mapping[str, str]] = {"document": "document", "summary": ""}
    generator: ClassVar[str] = "summary"

    def has_labels(self, labels: Collection[str]) -> bool:
        """A summary has no label."""
        return False

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters and that a summary is true to its document."""
        return [*BASIC_FILTERS, "faithfulness"]

    @property
    def hub_category(self) -> str:
        """The Hub's category."""
        return "summarization"

    def description(self, *, multi_label: bool) -> str:
        """Return what the rows are."""
        return "Documents and summaries of them."

    @property
    def intended_use(self) -> str:
        """What the data set is for."""
        return "Training a model to summarize documents like these."

    @property
    def review_question(self) -> ReviewQuestion:
        """Whether the summary is right."""
        return ReviewQuestion(
            "Is the summary right?",
            {"yes": "it says the same", "no": "it says something else, or leaves out what matters"},
            "A better summary, where this one is not right",
        )

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the request for a summary."""
        return "Summarize this text. Answer with the summary only."

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with the document, and the summary."""
        return f"{instruction}\n\n{example.texts['document']}", example.texts["summary"]

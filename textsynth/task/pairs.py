"""Pairs: two texts with one label in each row, as for natural language inference or duplicate questions.

The text of a record is the first text of its pair, the column `text_a`; the field `text_b` is the second text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textsynth.core.records import Record
from textsynth.core.task import (
    BASIC_FILTERS,
    TEST,
    Example,
    RecipeFacts,
    ReviewQuestion,
    StepSpec,
    label_answer,
    label_instruction,
)
from textsynth.task.classification import Classification

TEXT_A = "text_a"
TEXT_B = "text_b"


class Pairs(Classification):
    """Labelled pairs of texts to train a classifier of pairs on."""

    columns: ClassVar[Mapping[str, str]] = {TEXT_A: "", TEXT_B: TEXT_B}
    generator: ClassVar[str] = "pair"

    @property
    def source_fields(self) -> Mapping[str, str]:
        """The second text of a source's rows is in the column `text_b`."""
        return {TEXT_B: TEXT_B}

    @property
    def source_text_column(self) -> str:
        """The first text of a source's rows is in the column `text_a`."""
        return TEXT_A

    def texts(self, record: Record) -> tuple[str, ...]:
        """Return both texts of the pair."""
        return (record.text, record.field_text(TEXT_B))

    def prompt_text(self, record: Record) -> str:
        """Return both texts, each with the name of its column."""
        return "\n".join(f"{column}: {text}" for column, text in self.column_texts(record).items())

    def family_texts(self, record: Record) -> tuple[str, ...]:
        """Return what the record was written from and both of its texts: pairs that share one stay together."""
        texts = (*super().family_texts(record), record.text)
        return texts if record.field_text(TEXT_B) else texts[:-1]

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters, that of near-duplicates, and those that the sources allow.

        `copies_source` compares each text with the seeds, `leak` with a source named `test`. `agreement` is left out,
        as it sees the pair as one text, which says little about how its texts are related.
        """
        filters: list[StepSpec] = [*BASIC_FILTERS, "near_duplicate"]
        if facts.seeds is not None and facts.seeds != facts.merged:
            filters.append({"copies_source": {"source": facts.seeds}})
        filters += [{"copies_source": {"source": name}} for name in facts.unlabelled]
        if TEST in facts.sources:
            filters.append({"leak": {"source": TEST}})
        return filters

    def hub_task_ids(self, *, multi_label: bool) -> list[str]:
        """Return the task id of texts that are classified together; a recipe names a narrower one under `export`."""
        return ["multi-input-text-classification"]

    def description(self, *, multi_label: bool) -> str:
        """Return one sentence that says what the rows are."""
        return f"Pairs of texts with {'one label or more' if multi_label else 'a label'} each."

    @property
    def intended_use(self) -> str:
        """What the data set is for, in one sentence."""
        return "Training a classifier of pairs of texts for these labels, together with real pairs if there are any."

    def column_notes(self) -> Mapping[str, str]:
        """Return which text of the pair each column holds."""
        return {TEXT_A: "the first text of the pair", TEXT_B: "the second text"}

    @property
    def review_question(self) -> ReviewQuestion:
        """Whether both texts are such as people write."""
        return ReviewQuestion(
            "Are both texts clear and natural?",
            {"yes": "both could be real", "no": "one of them could not"},
            "A better first text, if it is wrong",
        )

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the question which label fits the pair, or which labels do, and the labels with their descriptions."""
        if multi_label:
            question = "Which of these labels fit this pair of texts? Answer with the labels only, separated by commas."
        else:
            question = "Which of these labels fits this pair of texts best? Answer with the label only."
        return label_instruction(question, labels)

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with both texts, and the labels as the answer."""
        texts = "\n".join(f"{column}: {example.texts[column]}" for column in self.columns)
        return f"{instruction}\n\n{texts}", label_answer(example, labels)

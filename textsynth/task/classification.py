"""Classification: texts with one label each, or with one or more where the recipe sets `multi_label: true`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textsynth.core.task import (
    BASIC_FILTERS,
    DEFAULT_TEXTS,
    TEST,
    Example,
    RecipeFacts,
    StepSpec,
    Task,
    label_answer,
    label_instruction,
)


class Classification(Task):
    """Labelled texts to train a classifier on."""

    generator: ClassVar[str] = "labelled"
    needs_labels: ClassVar[bool] = True

    @property
    def evaluates(self) -> bool:
        """True: a classifier predicts the label from the text."""
        return True

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the basic filters, those of near and semantic duplicates, and those that the sources allow.

        `copies_source` compares with the seeds, unless the run adds texts to them, `leak` with a source named `test`;
        `agreement` needs labelled seeds and two labels or more.
        """
        filters: list[StepSpec] = [*BASIC_FILTERS, "near_duplicate"]
        if facts.seeds is not None and facts.seeds != facts.merged:
            filters.append({"copies_source": {"source": facts.seeds}})
        filters += [{"copies_source": {"source": name}} for name in facts.unlabelled]
        if TEST in facts.sources:
            filters.append({"leak": {"source": TEST}})
        filters.append("semantic_duplicate")
        if facts.seeds is not None and facts.seeds_labelled and facts.labels > 1:
            filters.append({"agreement": {"source": facts.seeds}})
        return filters

    def default_select(self, facts: RecipeFacts, *, by_label: bool) -> list[StepSpec]:
        """Return `diverse` where the quota is by label and texts are generated."""
        return ["diverse"] if by_label and not facts.only_existing and facts.merged is None else []

    def default_want(self, facts: RecipeFacts) -> dict[str, int]:
        """Return a quota for each label where there are labels and texts are generated."""
        if facts.only_existing or not facts.labels:
            return super().default_want(facts)
        return {"label": DEFAULT_TEXTS}

    @property
    def hub_category(self) -> str:
        """The Hub's task category."""
        return "text-classification"

    def description(self, *, multi_label: bool) -> str:
        """Return one sentence that says what the rows are."""
        number = "one label or more" if multi_label else "a label"
        return f"Texts with {number} each, to train a classifier on."

    @property
    def intended_use(self) -> str:
        """What the data set is for, in one sentence."""
        return "Training a classifier for these labels, together with real examples if there are any."

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the question which label fits, or which labels do, and the labels with their descriptions."""
        if multi_label:
            question = "Which of these labels fit the text? Answer with the labels only, separated by commas."
        else:
            question = "Which of these labels fits the text best? Answer with the label only."
        return label_instruction(question, labels)

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the instruction with the text, and the labels as the answer."""
        return f"{instruction}\n\nText: {example.texts[self.text_column]}", label_answer(example, labels)

"""The base class of tasks. A task says what a data set is for, and decides everything that depends on that.

A task is a component like every other: `task: classification` is `textsynth/task/classification.py`, class
`Classification`; `task: ./mine.py` is a file beside the recipe. No code outside a task's file depends on its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textsynth.core.errors import UsageError
from textsynth.core.options import Step
from textsynth.core.records import Record

StepSpec = str | dict[str, dict[str, str]]
"""One step as a recipe writes it: a component's name, or the name with its options."""

SEEDS = "seeds"
TEST = "test"
PARENT_TEXT_FIELDS = ("source_text", "document")
"""The record fields in which generators store the text that they rewrite, in every task."""
TEXT_SEPARATOR = "\n"
DEFAULT_TEXTS = 100
BASIC_FILTERS: tuple[StepSpec, ...] = ("length", "refusal", "personal_data", "language", "exact_duplicate")


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """What the defaults of a recipe depend on.

    `sources` are the names under `sources`; `labels` is the number of labels; `seeds` is the source that the generators
    write from (None: none), and `seeds_labelled` whether its rows may have labels. `only_existing` is true where every
    generator passes on the rows of a source unchanged. `gold` are the sources that calibrate labellers: no generator
    writes from them. `merged` is the source to whose rows a run adds texts (`want: {balance: …}`); None: none.
    `unlabelled` are the sources that are searched for gaps and whose rows prompts show, too.
    """

    sources: tuple[str, ...] = ()
    labels: int = 0
    seeds: str | None = None
    seeds_labelled: bool = False
    only_existing: bool = False
    gold: tuple[str, ...] = ()
    merged: str | None = None
    unlabelled: tuple[str, ...] = ()

    @property
    def default_source(self) -> str | None:
        """The source to write from: `seeds`, else the only one that is neither the test set nor gold."""
        sources = [name for name in self.sources if name not in self.gold]
        if SEEDS in sources:
            return SEEDS
        candidates = [name for name in sources if name != TEST]
        return candidates[0] if len(candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class ReviewQuestion:
    """A question that annotators answer about each text besides its label, and the title of the correction field."""

    title: str
    answers: Mapping[str, str]
    correction_title: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the data set to make a chat example of: its texts by column, and its labels in no particular order."""

    texts: Mapping[str, str]
    labels: Sequence[str]


class Task(Step):
    """The base class of tasks. A subclass sets `columns` and `generator`, and overrides what differs from the defaults.

    `columns` maps each text column of the data set, in order, to the record field that fills it; "" is the record's own
    text, which exactly one column holds. `generator` is the generator that a recipe without `generate` uses.
    `needs_labels` is true where generators cannot write without `labels` in the recipe.
    """

    columns: ClassVar[Mapping[str, str]] = {"text": ""}
    generator: ClassVar[str] = ""
    needs_labels: ClassVar[bool] = False

    # ---- records and rows

    @property
    def text_column(self) -> str:
        """The column that holds the record's own text."""
        return next(column for column, field in self.columns.items() if not field)

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The record fields that fill a column: a generator for this task must set them."""
        return tuple(field for field in self.columns.values() if field)

    @property
    def source_fields(self) -> Mapping[str, str]:
        """Record fields that rows of a source fill by default: field → column. {} where only the text is read."""
        return {}

    @property
    def source_text_column(self) -> str:
        """The column with the text of a source's rows, where the source does not name one."""
        return "text"

    @property
    def has_one_text(self) -> bool:
        """Whether the `texts` of every record are its own text alone."""
        return type(self).texts is Task.texts

    def texts(self, record: Record) -> tuple[str, ...]:
        """Return the texts of a record that filters check and classifiers read, in order."""
        return (record.text,)

    def joined(self, record: Record) -> Record:
        """Return the record with all of its `texts` as one, a line each."""
        texts = self.texts(record)
        return record if texts == (record.text,) else record.viewed_as(TEXT_SEPARATOR.join(texts))

    def each_text(self, record: Record) -> list[Record]:
        """Return the record once for each of its `texts`."""
        texts = self.texts(record)
        return [record] if texts == (record.text,) else [record.viewed_as(text) for text in texts]

    def prompt_text(self, record: Record) -> str:
        """Return the record's `texts` as the prompt of a labeller shows them."""
        return self.joined(record).text

    def column_texts(self, record: Record) -> dict[str, str]:
        """Return the record's texts by column, in the order of the columns; a field that is missing is ""."""
        return {column: record.field_text(field) if field else record.text for column, field in self.columns.items()}

    def row_fields(self, row: Mapping[str, object]) -> dict[str, str]:
        """Return the record fields that a row of the data set fills, the inverse of `column_texts`."""
        return {field: str(row.get(column) or "") for column, field in self.columns.items() if field}

    def context_texts(self, record: Record) -> dict[str, str]:
        """Return the texts that the record was written from or belongs to, by the names in `fields_shown`."""
        texts = self.column_texts(record).items()
        return {self.fields_shown[column]: text for column, text in texts if self.columns[column] and text}

    def family_texts(self, record: Record) -> tuple[str, ...]:
        """Return the texts that the record rewrites or belongs to; records that share one are never in two splits.

        The record's own text is among them where it fills the only text column: equal rows stay together.
        """
        if len(self.columns) == 1 and not record.fields:
            return (record.text,)
        required = self.required_fields
        own = [record.field_text(field) for field in required if field not in PARENT_TEXT_FIELDS]
        if not required:
            own.append(record.text)
        return (*parent_texts(record), *filter(None, own))

    # ---- labels and evaluation

    def has_labels(self, labels: Collection[str]) -> bool:
        """Whether the data set of a recipe with these `labels` has a label column."""
        return bool(labels)

    @property
    def evaluates(self) -> bool:
        """Whether `evaluate` can score the data set: a classifier is trained on `texts` to predict the label."""
        return False

    # ---- defaults of a recipe

    def default_generate(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the generators of a recipe that names none."""
        source = facts.default_source
        return [{self.generator: {"source": source}} if source is not None else self.generator]

    def default_filters(self, facts: RecipeFacts) -> list[StepSpec]:
        """Return the filters of a recipe that names none, cheap ones first."""
        return list(BASIC_FILTERS)

    def default_select(self, facts: RecipeFacts, *, by_label: bool) -> list[StepSpec]:
        """Return the selectors of a recipe that names none; `by_label` says that a quota is set by label."""
        return []

    def default_want(self, facts: RecipeFacts) -> dict[str, int]:
        """Return the quota of a recipe that sets none; {} (no quota) where generators only pass on given rows."""
        return {} if facts.only_existing else {"total": DEFAULT_TEXTS}

    # ---- the card and the Hub's metadata

    @property
    def hub_category(self) -> str:
        """The Hub's task category."""
        return "other"

    def hub_categories(self, labels: Collection[str]) -> list[str]:
        """Return the Hub's task categories, the main one first."""
        return [self.hub_category]

    def hub_task_ids(self, *, multi_label: bool) -> list[str]:
        """Return the Hub's task ids of a labelled data set."""
        return ["multi-label-classification" if multi_label else "multi-class-classification"]

    def description(self, *, multi_label: bool) -> str:
        """Return one sentence for the card that says what the rows are; `multi_label`: with one label or more each."""
        return "Texts."

    @property
    def intended_use(self) -> str:
        """What the data set is for, in one sentence."""
        return "Training on these texts."

    def column_notes(self) -> Mapping[str, str]:
        """Return what a column holds, by column, for columns whose name does not say it."""
        return {}

    # ---- annotation tools and training formats

    @property
    def fields_shown(self) -> Mapping[str, str]:
        """The names under which annotation tools and CSV files show the text columns: column → name."""
        return {column: column for column in self.columns}

    @property
    def review_question(self) -> ReviewQuestion | None:
        """The question that annotators answer about each text besides its label; None where there is none."""
        return None

    def instruction(self, labels: Mapping[str, str], *, multi_label: bool) -> str:
        """Return the instruction of a chat example; `labels` maps names to descriptions."""
        return ""

    def chat_example(self, example: Example, instruction: str, labels: Sequence[str]) -> tuple[str, str]:
        """Return the user's message and the assistant's answer that a chat model is trained on.

        Raises UsageError for a task that defines none.
        """
        name = type(self).__name__
        raise UsageError(
            f"the task {name} has no chat examples: define chat_example in its class, or take another format"
        )


def parent_texts(record: Record) -> tuple[str, ...]:
    """Return the texts that the record rewrites, by the fields that generators store them in."""
    return tuple(text for text in map(record.field_text, PARENT_TEXT_FIELDS) if text)


def label_instruction(question: str, labels: Mapping[str, str]) -> str:
    """Return `question` and a list of the labels; a description that is empty or repeats the name is left out."""
    lines = (
        f"- {name}" if description in ("", name) else f"- {name}: {description}" for name, description in labels.items()
    )
    return "\n".join([question, "", *lines])


def label_answer(example: Example, labels: Sequence[str]) -> str:
    """Return the example's labels in the order of `labels`, separated by commas; unknown ones come last."""
    rank = {label: index for index, label in enumerate(labels)}
    return ", ".join(sorted(example.labels, key=lambda label: rank.get(label, len(rank))))

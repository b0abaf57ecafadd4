"""The recipe after it was read and checked: what a run works from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from textsynth.core.options import Options
from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source
from textsynth.core.secrets import RecipeSecrets
from textsynth.core.task import Task
from textsynth.models import ModelOptions
from textsynth.recipe.settings import Balance, Budget, Evaluate, Export

AnyStep = TypeVar("AnyStep", bound=Options, covariant=True)


class Label(NamedTuple):
    """A label's description, and its own quota (None: the same as the other labels)."""

    description: str
    want: int | None = None


@dataclass(frozen=True, slots=True)
class NamedStep(Generic[AnyStep]):
    """A step of a list section with its name in the recipe (`paraphrase-2` for the second) and its position.

    `where` is `recipe.yaml:14`; for a default that the recipe does not write it is the file itself.
    """

    name: str
    step: AnyStep
    where: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe without any issue that can be found before its data is read.

    `task` is the task, `task_name` its name in the recipe (`classification`, `./mine.py`). `want` maps the keys of a
    quota to the number of selected texts in each of its cells: () is the total, ("label",) each label,
    ("label", "tone") each pair; empty means every text there is, each once. `balance` adds a
    quota for each label once its rows were read. A label's own `want` takes precedence.
    `base` is the folder that paths are relative to. `models` has aliases resolved: two names may share one value.
    `text` is the file as it was written, `overrides` are the `--set` options, and `hash` is the sha256 of the tree with
    them; none of the three contains the value of an environment variable, while the options of steps do. `text` and
    `overrides` have `***` in place of every secret, and `secrets` knows them all. `positions` maps `labels`,
    `sources.seeds`, `want` and so on to their positions.
    """

    path: Path
    base: Path
    name: str
    version: int
    task: Task
    task_name: str
    language: str
    seed: int
    multi_label: bool
    embedder: str
    labels: Mapping[str, Label]
    models: Mapping[str, ModelOptions]
    sources: Mapping[str, Source]
    generate: tuple[NamedStep[Generator], ...]
    filter: tuple[NamedStep[Filter], ...]
    label: tuple[NamedStep[Labeller], ...]
    select: tuple[NamedStep[Selector], ...]
    want: Mapping[tuple[str, ...], int]
    balance: Balance | None
    budget: Budget
    oversample: float
    export: Export
    evaluate: Evaluate | None
    overrides: tuple[str, ...]
    text: str
    hash: str
    positions: Mapping[str, str]
    secrets: RecipeSecrets = field(default_factory=RecipeSecrets, compare=False, repr=False)

    @property
    def label_descriptions(self) -> dict[str, str]:
        """The descriptions of the labels by name, in the recipe's order."""
        return {name: label.description for name, label in self.labels.items()}

    @property
    def contamination_sources(self) -> list[str]:
        """The sources that a filter compares with well enough for a check for leaks before publication."""
        return [name for item in self.filter if item.step.checks_contamination for name in item.step.compares_with]

    @property
    def confidence_steps(self) -> tuple[str, ...]:
        """The steps whose score is the confidence in a label, in the order in which they run."""
        filters = [item.name for item in self.filter if item.step.label_confidence]
        return (*filters, *(item.name for item in self.label if item.step.label_confidence))

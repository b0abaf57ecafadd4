"""The result of a finished run: everything that its data set, its provenance and its card are written from.

Nothing in it depends on the clock, the machine or the speed of the run, so the same recipe, seed and answers give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.protocols import TextOrigin
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.secrets import RecipeSecrets
from textsynth.core.task import Task
from textsynth.export.outcome_counts import OutcomeCounts, count_drops, count_outcomes


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """The request behind a journal key: the prompt's name and fingerprint, the model's identity, the sampling.

    `engine` is the name and version of the engine that answered, "" where it did not report them.
    """

    prompt: str
    fingerprint: str
    model: str
    sampling: Mapping[str, object] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """One quota cell: the values that its texts have in common ({} is the total), the texts wanted and selected."""

    values: Mapping[str, str]
    wanted: int
    selected: int

    @property
    def name(self) -> str:
        """The values of the cell, such as `card_arrival` or `card_arrival, annoyed`; `total` where there are none."""
        return ", ".join(self.values.values()) or "total"

    @property
    def missing(self) -> int:
        """How many selected texts are missing, 0 or more."""
        return max(0, self.wanted - self.selected)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source: its path or name, its repository and revision where it comes from the Hub, its license.

    `made_from` is true where texts were written from its rows or are its rows, and false where they were only compared
    with its rows, as with those of a test set.
    """

    description: str
    hub: str | None = None
    revision: str | None = None
    license: str | None = None
    made_from: bool = True


@dataclass(frozen=True, slots=True)
class CardFigure:
    """A chart that is a file of the data set: its path (`figures/funnel.svg`), title, numbers as text, and SVG."""

    path: str
    title: str
    description: str
    svg: str


@dataclass(frozen=True, slots=True)
class CardMetadata:
    """The card's entries that only the author of a data set can give, under the Hub's names where it has one.

    None and () mean that an entry was not given. `citation` is BibTeX.
    """

    pretty_name: str | None = None
    description: str | None = None
    authors: Sequence[str] = ()
    citation: str | None = None
    intended_use: str | None = None
    out_of_scope: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    tags: Sequence[str] = ()
    task_categories: Sequence[str] = ()
    task_ids: Sequence[str] = ()
    source_datasets: Sequence[str] = ()


class CheckInfo(NamedTuple):
    """A filter or labeller of the recipe: its section, its name, and what it looks for, such as `personal data`."""

    section: str
    name: str
    looks_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run.

    Every candidate is in exactly one of `selected`, `surplus` (accepted, not selected) and `dropped`; drops of section
    `review` wait for a person. `labels` maps names to descriptions in the recipe's order (empty: texts have none);
    `splits` maps names to shares; `requests` is by journal key. `labellers` are the names of the labellers and
    `confidence_steps` those of all steps whose score is the confidence in a label, both in the order in which they ran.
    `selector` is the step that left the surplus. `stopped` is why the run stopped in one word (met, budget, dry, done),
    `sentence` the same in a sentence. `prompts` maps names to fingerprints and `prompt_texts` to the templates;
    `models` are identities and `model_licenses` their licenses, where known. `checks` are the recipe's filters and
    labellers, in order; `overrides` are the `--set` options. `weight` is the sample weight of a synthetic text next to
    1 for a real one (None: not fitted). The texts of `real_steps` are real rows; where there
    are some, a column says which rows are real. `evaluation_sentences` are the verdict on real data and
    `evaluation` is all of the evaluation, as in `evaluation.json`.
    `calibrations` are the labellers' accuracies on gold rows, by step.
    `secrets` are the recipe's, which no file of the data set may hold. `label_losses` are sentences about labels of
    which a check dropped most texts. `origins` says where the texts of each generator without a model come from.
    """

    name: str
    task: Task
    language: str
    seed: int
    labels: Mapping[str, str]
    selected: Sequence[Record]
    surplus: Sequence[Record] = ()
    dropped: Sequence[DroppedRecord] = ()
    license: str | None = None
    multi_label: bool = False
    splits: Mapping[str, float] = field(default_factory=lambda: {"train": 1.0})
    requests: Mapping[str, RequestInfo] = field(default_factory=dict)
    quota: Sequence[QuotaStatus] = ()
    labellers: Sequence[str] = ()
    confidence_steps: Sequence[str] = ()
    selector: str = "balanced"
    stopped: str = "met"
    sentence: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    prompt_texts: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[str] = ()
    model_licenses: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, SourceInfo] = field(default_factory=dict)
    checks: Sequence[CheckInfo] = ()
    metadata: CardMetadata = CardMetadata()
    recipe_text: str = ""
    overrides: Sequence[str] = ()
    weight: float | None = None
    real_steps: frozenset[str] = frozenset()
    evaluation_sentences: Sequence[str] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[CardFigure] = ()
    calibrations: Mapping[str, CalibrationSummary] = field(default_factory=dict)
    secrets: RecipeSecrets = field(default_factory=RecipeSecrets)
    label_losses: Sequence[str] = ()
    origins: Mapping[str, TextOrigin] = field(default_factory=dict)
    outcome_counts: OutcomeCounts | None = None

    @property
    def origins_without_model(self) -> list[TextOrigin]:
        """Where the selected texts come from that no model wrote, each once."""
        steps = self.counts.steps_without_model
        return list(dict.fromkeys(self.origins[step] for step in steps if step in self.origins))

    @property
    def model_generated(self) -> bool:
        """Whether a model wrote any of the selected texts; else all are rows of a source, and were only checked."""
        return self.counts.model_generated

    @property
    def counts(self) -> OutcomeCounts:
        """The counts of the texts, for the card and its figures."""
        if self.outcome_counts is not None:
            return self.outcome_counts
        return count_outcomes(self.task, self.selected, self.surplus, count_drops(self.dropped))

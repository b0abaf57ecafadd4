"""Everything that the data set, its card and its provenance are made of, once a run has finished.

Nothing in it depends on time, place or speed, so the same recipe, seed and answers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.task import Task


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What one journal key stands for: the prompt's name and fingerprint, the model's identity, the sampling.

    `engine` is the engine's name and version, "" where it does not say.
    """

    prompt: str
    fingerprint: str
    model: str
    sampling: Mapping[str, object] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """One quota cell: the values its texts have in common ({} is the total), texts wanted and texts selected."""

    values: Mapping[str, str]
    wanted: int
    selected: int

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.values.values()) or "total"

    @property
    def missing(self) -> int:
        """How many texts the cell lacks, never below 0."""
        return max(0, self.wanted - self.selected)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source: its description, its repository and revision where it comes from the Hub, its license.

    `made_from` says that texts were written from its rows or are its rows; else they were only compared with them, as
    with a test set.
    """

    description: str
    hub: str | None = None
    revision: str | None = None
    license: str | None = None
    made_from: bool = True


@dataclass(frozen=True, slots=True)
class CardFigure:
    """A chart as a file of the data set: its path (`figures/funnel.svg`), its title, its numbers in words, the SVG."""

    path: str
    title: str
    description: str
    svg: str


@dataclass(frozen=True, slots=True)
class CardMetadata:
    """What only the author of a data set knows, under the names that the Hub uses.

    None and () mean that the author said nothing. `citation` is BibTeX.
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
    """A filter or labeller of the recipe: its section and name, and what it looked for in the words of the card."""

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
    `selector` is the step that left the surplus. `stopped` is one word (met, budget, dry, done), `sentence` says it in
    full. `prompts` maps names to fingerprints and `prompt_texts` to the templates; `models` are identities and
    `model_licenses` their licenses as far as known. `checks` are the recipe's filters and labellers, in order;
    `overrides` are the `--set` options. `weight` is what a synthetic text should count beside a real one (None: not
    fitted), `evaluation_sentences` the result on real data in sentences, and `evaluation` all of it, as in
    `evaluation.json`; `calibrations` are the labellers' accuracies on gold rows, by step.
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
    evaluation_sentences: Sequence[str] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[CardFigure] = ()
    calibrations: Mapping[str, CalibrationSummary] = field(default_factory=dict)

    @property
    def model_generated(self) -> bool:
        """Whether a model wrote any of the selected texts (else they were given, and only checked)."""
        return any(record.provenance.request_key for record in self.selected)

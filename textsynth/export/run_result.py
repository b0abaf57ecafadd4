"""Outcome: everything a finished run knows that its data set, card and provenance are made of.

Nothing in it depends on time, place or speed, so that the same recipe, seed and answers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.records import DroppedRecord, Record


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What lies behind one key of the journal: prompt name and fingerprint, the model's identity, the sampling.

    `engine` is the engine and its version as it told them, "" where it did not.
    """

    prompt: str
    fingerprint: str
    model: str
    sampling: Mapping[str, object] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """One part of the quota: `match` ({} is the total), texts wanted and texts selected."""

    values: Mapping[str, str]
    wanted: int
    selected: int

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.values.values()) or "total"

    @property
    def missing(self) -> int:
        """How many texts the line lacks, never below 0."""
        return max(0, self.wanted - self.selected)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source: what the recipe says it is, its repository and revision where it comes from the Hub, its licence.

    `made_from` says that the texts were written after its rows, rewrite them, or are its rows; else they were only
    compared with them, as with a test set.
    """

    description: str
    hub: str | None = None
    revision: str | None = None
    license: str | None = None
    made_from: bool = True


@dataclass(frozen=True, slots=True)
class CardFigure:
    """A plot as a file of the data set: its name (`figures/funnel.svg`), its title, its numbers in words, the SVG."""

    path: str
    title: str
    description: str
    svg: str


@dataclass(frozen=True, slots=True)
class CardMetadata:
    """What only the author of a data set knows: the words of its card, under the names that the Hub uses.

    None and () mean that nothing was said. `citation` is BibTeX.
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


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that has ended.

    Every candidate is in exactly one of `selected`, `spare` (accepted, not picked) and `dropped`; drops of section
    `review` wait for a person. `labels` maps names to meanings in the recipe's order (empty: texts have none);
    `splits` maps names to shares; `asked` is by journal key; `labellers` are the items whose measure is the
    confidence of a label, in the recipe's order; `selector` is the item that made the spare ones. `stopped` is one word
    (met, budget, dry, limit), `sentence` says it in full. `prompts` maps names to fingerprints and `prompt_texts` to
    the templates; `models` are identities and `model_licenses` what is known of their licences. `checks` are the
    recipe's filters and labellers as (section, item), in order; `sets` are the `--set` options. `weight` is what a
    synthetic text should count beside a real one (None: not fitted), `proof` what an evaluation on real data says, and
    `evaluation` all of it, as in `evaluation.json`; `gold` is what labellers are worth on known labels, by item.
    """

    name: str
    task: str
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
    selector: str = "balanced"
    stopped: str = "met"
    sentence: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    prompt_texts: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[str] = ()
    model_licenses: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, SourceInfo] = field(default_factory=dict)
    checks: Sequence[tuple[str, str]] = ()
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
        """Whether a model wrote any of the selected texts (else they were given and only checked)."""
        return any(record.provenance.request_key for record in self.selected)

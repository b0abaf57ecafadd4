"""Labelled texts: the model writes new texts for a label, after a few seed examples of it.

All combinations of label and attributes are used evenly. Each prompt shows seed examples of one fold only, sampled with
the run's seed; the provenance names them. Attributed prompts are from AttrPrompt (Yu et al. 2023, arXiv 2306.15895).

Does not check that a text has its label: that is the task of `agreement` and `choice`.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from textsynth.core.options import PromptName, SourceName, Texts
from textsynth.core.protocols import Context, GeneratorSession, PromptedGenerator, QuotaDeficit
from textsynth.core.records import REVIEW_DECISION, Completion, DroppedRecord, GenerationRequest, Record, RenderedPrompt
from textsynth.core.seed_folds import FOLDS, assign_folds
from textsynth.generate.candidates import parse_candidates
from textsynth.text.languages import language_name

RESERVED_NAMES = frozenset({"id", "text", "total", REVIEW_DECISION})
EXAMPLES_PER_CONTRAST_LABEL = 2
# This many requests of a label in a row show the same examples (half of them per fold), so that equal prompts follow
# each other and an engine can use its prefix cache.
REQUESTS_PER_SAMPLE = 8
Attributes = tuple[tuple[str, str], ...]


class Labelled(PromptedGenerator):
    """New texts for each label, `per_request` of them in one answer."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset()
    keeps_source_fields: ClassVar[bool] = False
    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {
            "domain",
            "label",
            "label_description",
            "labels",
            "examples",
            "contrast_labels",
            "attributes",
            "n",
            "accepted_texts",
            "language",
        }
    )

    prompt: PromptName = Field(default="labelled", description="the prompt template")
    source: SourceName | None = Field(default=None, description="the seed examples that prompts may show")
    domain: str = Field(default="", description="one line about the texts, such as messages of a bank's customers")
    attributes: dict[str, Annotated[Texts, Field(min_length=1)]] = Field(
        default={}, description="attributes and their values: every combination is used evenly, each kept as a field"
    )
    shots: int = Field(default=3, ge=0, description="seed examples of the label that a prompt shows, all of one fold")
    contrast_labels: int = Field(default=0, ge=0, description="other labels whose examples a prompt shows for contrast")
    per_request: int = Field(default=5, ge=1, description="texts requested in one answer")
    show_accepted: int = Field(
        default=0, ge=0, description="accepted texts a prompt shows as not to be repeated; 0 keeps prompts stable"
    )

    @field_validator("attributes")
    @classmethod
    def _check_attribute_names(cls, attributes: dict[str, Texts]) -> dict[str, Texts]:
        for name in attributes:
            if name in cls.prompt_variables | RESERVED_NAMES | (cls.output_fields or frozenset()):
                raise ValueError(f"an attribute cannot be called {name!r}, a name that prompts or data sets use")
            if not name or name != name.strip() or "*" in name:
                raise ValueError(f"an attribute's name has no * in it and no space at its ends, found {name!r}")
        return attributes

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The value of `attributes`."""
        return self.attributes

    @property
    def shows_labels(self) -> bool:
        """The seeds are shown by label."""
        return True

    @property
    def texts_per_request(self) -> int:
        """The value of `per_request`."""
        return self.per_request

    def example(self, record: Record) -> object:
        """Return what a prompt shows of a seed or an accepted record: its text."""
        return record.text

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return LabelledSession(self, context, name)


@dataclass(frozen=True, slots=True)
class _FewShot:
    """A sample of the seeds of one label and fold, which the prompts of several requests show.

    `examples` are those of the label, `contrast` are other labels with theirs; `ids` are the ids of all of these seeds.
    """

    sample: int
    ids: tuple[str, ...]
    examples: list[object]
    contrast: list[dict[str, object]]


class LabelledSession:
    """Counts how often each label and each combination of attributes was requested, and uses all of them evenly."""

    def __init__(self, step: Labelled, context: Context, name: str) -> None:
        self._step = step
        self._name = name
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        seeds = context.sources[step.source] if step.source is not None else ()
        self._folds = assign_folds(seeds)
        self._seeds: dict[tuple[str, int], list[Record]] = {}
        for seed in seeds:
            for label in seed.labels:
                self._seeds.setdefault((label, self._folds[seed.id]), []).append(seed)
        self._requested: Counter[str] = Counter()
        self._few_shots: dict[tuple[str, int], _FewShot] = {}
        # There are few different prompts; each is rendered once.
        self._rendered: dict[tuple[object, ...], RenderedPrompt] = {}
        self._combinations: dict[tuple[str, Attributes], list[dict[str, str]]] = {}
        self._combinations_used: Counter[tuple[str, Attributes]] = Counter()
        self._accepted: dict[tuple[str, int], list[Record]] = {}
        self._label_values = [{"name": label, "description": text} for label, text in context.labels.items()]

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return requests for the deficits in turn, one each, until all are covered or `max_requests` is reached."""
        per_request = self._step.per_request
        rounds = (
            [deficit.cell for deficit in deficits if deficit.candidates > number * per_request]
            for number in itertools.count()
        )
        cells = itertools.chain.from_iterable(itertools.takewhile(bool, rounds))
        return self._group([self._make_request(cell) for cell in itertools.islice(cells, max_requests)])

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the texts of the answer as candidates with the requested label."""
        if completion is None:
            return []
        required = self._context.task.required_fields
        return parse_candidates(request, request_key, completion, self._prompt.reader, required)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Remember accepted texts, which later prompts show as not to be repeated (`show_accepted`)."""
        if self._step.show_accepted == 0:
            return
        for record in accepted:
            if record.label is not None and record.provenance.step == self._name:
                self._accepted.setdefault((record.label, self._fold_shown(record)), []).append(record)

    def _group(self, requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Return the requests by label, in the order of the labels, and within a label by prompt.

        Prompts of one label have the same beginning, so that an engine finds it in its prefix cache.
        """
        label_rank = {label: rank for rank, label in enumerate(self._context.labels)}
        prompt_rank: dict[RenderedPrompt | None, int] = {}
        for request in requests:
            prompt_rank.setdefault(request.prompt, len(prompt_rank))
        return sorted(
            requests,
            key=lambda request: (
                label_rank.get(request.labels[0], 0) if request.labels else 0,
                prompt_rank[request.prompt],
            ),
        )

    def _fold_shown(self, record: Record) -> int:
        return self._folds.get(record.provenance.example_ids[0], 0) if record.provenance.example_ids else 0

    def _make_request(self, cell: Mapping[str, str]) -> GenerationRequest:
        """Return the next request for a quota cell."""
        label = cell.get("label") or self._least_requested_label()
        number = self._requested[label]
        self._requested[label] += 1
        attributes = self._next_combination(label, cell)
        fold = self._next_fold(label, number)
        few_shot = self._few_shot(label, number // REQUESTS_PER_SAMPLE, fold)
        accepted = self._last_accepted(label, fold)
        key = (label, tuple(attributes.items()), few_shot.ids, tuple(record.id for record in accepted))
        prompt = self._rendered.get(key)
        if prompt is None:
            prompt = self._prompt.render(self._prompt_values(label, attributes, few_shot, accepted))
            self._rendered[key] = prompt
        return GenerationRequest(
            step=self._name,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=(label,) if label else (),
            fields=attributes,
            example_ids=few_shot.ids,
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )

    def _prompt_values(
        self, label: str, attributes: Mapping[str, str], few_shot: _FewShot, accepted: Sequence[Record]
    ) -> dict[str, object]:
        return {
            "domain": self._step.domain,
            "label": label,
            "label_description": self._context.labels.get(label, ""),
            "labels": self._label_values,
            "examples": few_shot.examples,
            "contrast_labels": few_shot.contrast,
            "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
            "n": self._step.per_request,
            "accepted_texts": [self._step.example(record) for record in accepted],
            "language": language_name(self._context.language),
            **attributes,
        }

    def _least_requested_label(self) -> str:
        """Return the label requested least often; of several the first."""
        labels = list(self._context.labels) or [""]
        return min(labels, key=lambda label: self._requested[label])

    def _next_combination(self, label: str, cell: Mapping[str, str]) -> dict[str, str]:
        """Return the next combination of attribute values for a label, with those that the cell fixes."""
        fixed = {name: value for name, value in cell.items() if name in self._step.attributes}
        key = (label, tuple(fixed.items()))
        if key not in self._combinations:
            choices = [
                [fixed[name]] if name in fixed else list(values) for name, values in self._step.attributes.items()
            ]
            combinations = [
                dict(zip(self._step.attributes, values, strict=True)) for values in itertools.product(*choices)
            ]
            random.Random(f"{self._context.seed}:{self._name}:{label}:grid").shuffle(combinations)
            self._combinations[key] = combinations
        number = self._combinations_used[key]
        self._combinations_used[key] += 1
        combinations = self._combinations[key]
        return combinations[number % len(combinations)]

    def _next_fold(self, label: str, number: int) -> int:
        """Return the fold whose seeds request `number` of a label shows: the folds alternate."""
        folds = [fold for fold in range(FOLDS) if (label, fold) in self._seeds] if self._step.shots else []
        return folds[number % len(folds)] if folds else number % FOLDS

    def _last_accepted(self, label: str, fold: int) -> list[Record]:
        """Return the last accepted records of a label whose prompts showed this fold, as many as `show_accepted`."""
        count = self._step.show_accepted
        return self._accepted.get((label, fold), [])[-count:] if count else []

    def _few_shot(self, label: str, sample: int, fold: int) -> _FewShot:
        """Return sample number `sample` of the examples of a label and fold; it is drawn once."""
        cached = self._few_shots.get((label, fold))
        if cached is not None and cached.sample == sample:
            return cached
        rng = random.Random(f"{self._context.seed}:{self._name}:{label}:{sample}")
        seeds = self._seeds.get((label, fold), [])
        examples = rng.sample(seeds, min(self._step.shots, len(seeds)))
        contrast, contrast_seeds = self._sample_contrast(label, fold, rng)
        ids = tuple(record.id for record in (*examples, *contrast_seeds))
        few_shot = _FewShot(sample, ids, [self._step.example(record) for record in examples], contrast)
        self._few_shots[label, fold] = few_shot
        return few_shot

    def _sample_contrast(
        self, label: str, fold: int, rng: random.Random
    ) -> tuple[list[dict[str, object]], list[Record]]:
        """Return other labels with seeds of this fold for the prompt, and these seeds."""
        candidates = [name for name in self._context.labels if name != label and self._seeds.get((name, fold))]
        contrast: list[dict[str, object]] = []
        shown: list[Record] = []
        for name in rng.sample(candidates, min(self._step.contrast_labels, len(candidates))):
            seeds = self._seeds[(name, fold)]
            examples = rng.sample(seeds, min(EXAMPLES_PER_CONTRAST_LABEL, len(seeds)))
            shown += examples
            values = [self._step.example(record) for record in examples]
            contrast.append({"label": name, "description": self._context.labels[name], "examples": values})
        return contrast, shown

"""Labelled texts: the model writes new texts for a label, after a few seed examples of it.

With `multi_label: true` it writes for label sets: those of `combinations`, or those of the seeds, as often as the seeds
have them. A text of a set has all of its labels.

All combinations of label and attributes are used evenly. Each prompt shows seed examples of one fold only, sampled with
the run's seed; the provenance names them. Attributed prompts are from AttrPrompt (Yu et al. 2023, arXiv 2306.15895).

Does not check that a text has its label: that is the task of `agreement` and `choice`.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from textsynth.core.formatting import format_percent, pluralize
from textsynth.core.options import PromptName, SourceName, TextLists, Texts
from textsynth.core.protocols import Context, GeneratorSession, PromptedGenerator, QuotaDeficit
from textsynth.core.records import REVIEW_DECISION, Completion, DroppedRecord, GenerationRequest, Record, RenderedPrompt
from textsynth.core.seed_folds import FOLDS, assign_folds
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.label_sets import (
    LabelSet,
    LabelSetPlanner,
    LabelSets,
    describe_labels,
    ordered_set,
    weigh_sets,
)
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
            "label_set",
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
    combinations: TextLists = Field(
        default=(),
        description="with multi_label: the sets of labels to write texts for, each equally often; default: those of "
        "the seeds, as often as the seeds have them",
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

    @field_validator("combinations")
    @classmethod
    def _check_combinations(cls, combinations: TextLists) -> TextLists:
        seen: set[frozenset[str]] = set()
        for labels in combinations:
            if not labels:
                raise ValueError("each of the combinations is a list of label names, found an empty list")
            if len(set(labels)) < len(labels):
                raise ValueError(f"a combination has each label once, found {', '.join(labels)}")
            if frozenset(labels) in seen:
                raise ValueError(f"combinations has the same labels twice: {', '.join(labels)}")
            seen.add(frozenset(labels))
        return combinations

    @property
    def label_combinations(self) -> Sequence[Sequence[str]]:
        """The value of `combinations`."""
        return self.combinations

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

    def label_set_weights(self, context: Context) -> dict[LabelSet, int]:
        """Return the label sets that texts are written for, each with its weight."""
        seeds = context.sources[self.source] if self.source is not None else ()
        return weigh_sets(list(context.labels), seeds, self.combinations)

    def plan_notes(self, context: Context) -> list[str]:
        """Return a sentence on the number of label sets where texts may have several labels."""
        if not context.multi_label:
            return []
        weights = self.label_set_weights(context)
        several = sum(len(label_set) > 1 for label_set in weights)
        share = sum(weight for labels, weight in weights.items() if len(labels) > 1) / sum(weights.values())
        origin = "as the combinations say" if self.combinations else "each as often as the seeds have it"
        if not self.combinations and self.source is None:
            origin = "as no seeds and no combinations are given"
        return [
            f"writes for {pluralize(len(weights), 'label set')}, {several} of them with several labels, {origin}: "
            f"about {format_percent(share)} of the texts get several labels"
        ]

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return LabelledSession(self, context, name)


@dataclass(frozen=True, slots=True)
class _FewShot:
    """A sample of the seeds of one label set and fold, which the prompts of several requests show.

    `examples` are those of the set, `contrast` are other labels with theirs; `ids` are the ids of all of these seeds.
    """

    sample: int
    ids: tuple[str, ...]
    examples: list[object]
    contrast: list[dict[str, object]]


class LabelledSession:
    """Counts how often each label set and each combination of attributes was requested, and uses all of them evenly.

    Where a text has one label, each label is a set of its own, and () stands for a recipe without labels.
    """

    def __init__(self, step: Labelled, context: Context, name: str) -> None:
        self._step = step
        self._name = name
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        self._required_fields = context.task.required_fields
        seeds = context.sources[step.source] if step.source is not None else ()
        self._folds = assign_folds(seeds)
        self._seeds: dict[tuple[str, int], list[Record]] = {}
        for seed in seeds:
            for label in seed.labels:
                self._seeds.setdefault((label, self._folds[seed.id]), []).append(seed)
        self._groups: dict[tuple[LabelSet, int], tuple[list[Record], ...]] = {}
        self._folds_with_seeds: dict[LabelSet, list[int]] = {}
        self._planner: LabelSetPlanner | None = None
        if context.multi_label:
            sets = LabelSets(step.label_set_weights(context), f"{context.seed}:{name}:label sets")
            self._planner = LabelSetPlanner(sets)
        self._requested: Counter[LabelSet] = Counter()
        single_labels: list[LabelSet] = [(label,) for label in context.labels] or [()]
        # A heap of labels by the number of their requests and their rank; the number may be an earlier one.
        self._least_requested = [(0, rank, labels) for rank, labels in enumerate(single_labels)]
        self._labels_with_seeds = [
            [label for label in context.labels if (label, fold) in self._seeds] for fold in range(FOLDS)
        ]
        self._few_shots: dict[tuple[LabelSet, int], _FewShot] = {}
        # There are few different prompts; each is rendered once.
        self._rendered: dict[tuple[object, ...], RenderedPrompt] = {}
        self._grids: dict[tuple[LabelSet, Attributes], list[dict[str, str]]] = {}
        self._grid_used: Counter[tuple[LabelSet, Attributes]] = Counter()
        self._accepted: dict[tuple[LabelSet, int], list[Record]] = {}
        self._label_values = [{"name": label, "description": text} for label, text in context.labels.items()]

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return requests for the deficits in turn, one each, until all are covered or `max_requests` is reached.

        Where texts may have several labels, requests for the cells that lack most come first.
        """
        per_request = self._step.per_request
        if self._planner is not None:
            planned = self._planner.plan(deficits, per_request, max_requests)
            return self._group([self._make_request(labels, cell) for labels, cell in planned])
        cells = itertools.islice(_cells_in_turn(deficits, per_request), max_requests)
        return self._group([self._make_request(self._label_of(cell), cell) for cell in cells])

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the texts of the answer as candidates with the requested labels."""
        if completion is None:
            return []
        return parse_candidates(request, request_key, completion, self._prompt.reader, self._required_fields)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Remember accepted texts, which later prompts show as not to be repeated (`show_accepted`)."""
        if self._step.show_accepted == 0:
            return
        for record in accepted:
            if record.labels and record.provenance.step == self._name:
                labels = ordered_set(record.labels, self._context.labels) if self._planner else record.labels
                self._accepted.setdefault((labels, self._fold_shown(record)), []).append(record)

    def _group(self, requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Return the requests by label set, in the order of the labels, and within a set by prompt.

        Prompts of one set have the same beginning, so that an engine finds it in its prefix cache.
        """
        label_rank = {label: rank for rank, label in enumerate(self._context.labels)}
        prompt_rank: dict[RenderedPrompt | None, int] = {}
        for request in requests:
            prompt_rank.setdefault(request.prompt, len(prompt_rank))
        return sorted(
            requests,
            key=lambda request: (
                [label_rank.get(label, 0) for label in request.labels],
                prompt_rank[request.prompt],
            ),
        )

    def _fold_shown(self, record: Record) -> int:
        return self._folds.get(record.provenance.example_ids[0], 0) if record.provenance.example_ids else 0

    def _label_of(self, cell: Mapping[str, str]) -> LabelSet:
        """Return the label of a quota cell, or the label requested least often; of several the first."""
        if "label" in cell:
            return (cell["label"],)
        while True:  # numbers of requests only grow, so an entry that is up to date and comes first is the least
            number, rank, labels = self._least_requested[0]
            if number == self._requested[labels]:
                return labels
            heapq.heapreplace(self._least_requested, (self._requested[labels], rank, labels))

    def _make_request(self, labels: LabelSet, cell: Mapping[str, str]) -> GenerationRequest:
        """Return the next request for the labels and the attributes of a quota cell."""
        number = self._requested[labels]
        self._requested[labels] += 1
        attributes = self._next_attributes(labels, cell)
        fold = self._next_fold(labels, number)
        few_shot = self._few_shot(labels, number // REQUESTS_PER_SAMPLE, fold)
        accepted = self._last_accepted(labels, fold)
        key = (labels, tuple(attributes.items()), few_shot.ids, tuple(record.id for record in accepted))
        prompt = self._rendered.get(key)
        if prompt is None:
            prompt = self._prompt.render(self._prompt_values(labels, attributes, few_shot, accepted))
            self._rendered[key] = prompt
        return GenerationRequest(
            step=self._name,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=labels,
            fields=attributes,
            example_ids=few_shot.ids,
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )

    def _prompt_values(
        self, labels: LabelSet, attributes: Mapping[str, str], few_shot: _FewShot, accepted: Sequence[Record]
    ) -> dict[str, object]:
        return {
            "domain": self._step.domain,
            "label": ", ".join(labels),
            "label_description": describe_labels(labels, self._context.labels),
            "label_set": [{"name": label, "description": self._context.labels.get(label, "")} for label in labels],
            "labels": self._label_values,
            "examples": few_shot.examples,
            "contrast_labels": few_shot.contrast,
            "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
            "n": self._step.per_request,
            "accepted_texts": [self._step.example(record) for record in accepted],
            "language": language_name(self._context.language),
            **attributes,
        }

    def _next_attributes(self, labels: LabelSet, cell: Mapping[str, str]) -> dict[str, str]:
        """Return the next combination of attribute values for a label set, with those that the cell fixes."""
        fixed = {name: value for name, value in cell.items() if name in self._step.attributes}
        key = (labels, tuple(fixed.items()))
        if key not in self._grids:
            choices = [
                [fixed[name]] if name in fixed else list(values) for name, values in self._step.attributes.items()
            ]
            combinations = [
                dict(zip(self._step.attributes, values, strict=True)) for values in itertools.product(*choices)
            ]
            random.Random(f"{self._context.seed}:{self._name}:{_seed_text(labels)}:grid").shuffle(combinations)
            self._grids[key] = combinations
        number = self._grid_used[key]
        self._grid_used[key] += 1
        combinations = self._grids[key]
        return combinations[number % len(combinations)]

    def _next_fold(self, labels: LabelSet, number: int) -> int:
        """Return the fold whose seeds request `number` of a label set shows: the folds alternate."""
        folds = self._folds_with_seeds.get(labels)
        if folds is None:
            folds = self._folds_with_seeds[labels] = self._find_folds(labels) if self._step.shots else []
        return folds[number % len(folds)] if folds else number % FOLDS

    def _find_folds(self, labels: LabelSet) -> list[int]:
        """Return the folds with seeds of exactly these labels, else those with seeds of some of them."""
        groups = {fold: self._example_groups(labels, fold) for fold in range(FOLDS)}
        exact = [fold for fold, (seeds, *_) in groups.items() if seeds]
        return exact or [fold for fold, seeds in groups.items() if any(seeds)]

    def _example_groups(self, labels: LabelSet, fold: int) -> tuple[list[Record], ...]:
        """Return the seeds of a fold that may be shown for a label set, the best group first.

        These are the seeds with exactly these labels, those with some of them and no other, and those with further
        labels. Where a text has one label there is one group.
        """
        if self._planner is None:
            return (self._seeds.get(("".join(labels), fold), []),)
        key = (labels, fold)
        if key not in self._groups:
            wanted = set(labels)
            seeds = {seed.id: seed for label in labels for seed in self._seeds.get((label, fold), [])}.values()
            self._groups[key] = (
                [seed for seed in seeds if set(seed.labels) == wanted],
                [seed for seed in seeds if set(seed.labels) < wanted],
                [seed for seed in seeds if not set(seed.labels) <= wanted],
            )
        return self._groups[key]

    def _last_accepted(self, labels: LabelSet, fold: int) -> list[Record]:
        """Return the last accepted records of a label set whose prompts showed this fold, up to `show_accepted`."""
        count = self._step.show_accepted
        return self._accepted.get((labels, fold), [])[-count:] if count else []

    def _few_shot(self, labels: LabelSet, sample: int, fold: int) -> _FewShot:
        """Return sample number `sample` of the examples of a label set and fold; it is drawn once."""
        cached = self._few_shots.get((labels, fold))
        if cached is not None and cached.sample == sample:
            return cached
        rng = random.Random(f"{self._context.seed}:{self._name}:{_seed_text(labels)}:{sample}")
        examples: list[Record] = []
        for seeds in self._example_groups(labels, fold):
            examples += rng.sample(seeds, min(self._step.shots - len(examples), len(seeds)))
        contrast, contrast_seeds = self._sample_contrast(labels, fold, rng)
        ids = tuple(record.id for record in (*examples, *contrast_seeds))
        few_shot = _FewShot(sample, ids, [self._step.example(record) for record in examples], contrast)
        self._few_shots[labels, fold] = few_shot
        return few_shot

    def _sample_contrast(
        self, labels: LabelSet, fold: int, rng: random.Random
    ) -> tuple[list[dict[str, object]], list[Record]]:
        """Return other labels with seeds of this fold that have none of `labels`, and these seeds."""
        contrast: list[dict[str, object]] = []
        shown: list[Record] = []
        if not self._step.contrast_labels:
            return contrast, shown
        candidates = [name for name in self._labels_with_seeds[fold] if name not in labels]
        if self._planner is not None:
            candidates = [name for name in candidates if self._seeds_without(labels, name, fold)]
        for name in rng.sample(candidates, min(self._step.contrast_labels, len(candidates))):
            seeds = self._seeds_without(labels, name, fold)
            examples = rng.sample(seeds, min(EXAMPLES_PER_CONTRAST_LABEL, len(seeds)))
            shown += examples
            values = [self._step.example(record) for record in examples]
            contrast.append({"label": name, "description": self._context.labels[name], "examples": values})
        return contrast, shown

    def _seeds_without(self, labels: LabelSet, name: str, fold: int) -> list[Record]:
        """Return the seeds of a fold with the label `name` that have none of `labels`."""
        seeds = self._seeds[name, fold]
        return seeds if self._planner is None else [seed for seed in seeds if not {*seed.labels} & {*labels}]


def _cells_in_turn(deficits: Sequence[QuotaDeficit], per_request: int) -> Iterator[Mapping[str, str]]:
    """Yield the cell of each deficit in turn, as long as the requests for it bring fewer candidates than it lacks."""
    remaining = list(deficits)
    for number in itertools.count():
        remaining = [deficit for deficit in remaining if deficit.candidates > number * per_request]
        if not remaining:
            return
        for deficit in remaining:
            yield deficit.cell


def _seed_text(labels: LabelSet) -> str:
    """Return a label set as part of the text that seeds a random generator."""
    return "\x1f".join(labels)

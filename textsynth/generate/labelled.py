"""Labelled examples: the model writes new texts for a label, after a few seed examples of it.

A grid of label × attributes (`vary`) is walked evenly. Each prompt shows seed examples of one fold only, drawn with
the seed; the provenance names them. AttrPrompt (Yu et al. 2023, arXiv 2306.15895) is the source of the attributes.

Does not check that a text has its label: that is the work of `agreement` and `choice`.
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

COLUMNS = frozenset({"id", "text", "total", REVIEW_DECISION})
OTHER_EXAMPLES = 2
# So many asks of a label in a row show the same examples (per fold half of them): an engine reads equal prompts once.
SAME_EXAMPLES = 8


class Labelled(PromptedGenerator):
    """New texts for each label, `texts` of them an answer."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset()
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
    domain: str = Field(default="", description="one line about what the texts are: messages of a bank's customers")
    attributes: dict[str, Annotated[Texts, Field(min_length=1)]] = Field(
        default={}, description="attributes and their values: every combination is used evenly, each kept as a field"
    )
    shots: int = Field(default=3, ge=0, description="seed examples of the label that a prompt shows, all of one fold")
    contrast_labels: int = Field(default=0, ge=0, description="other labels whose examples a prompt shows for contrast")
    per_request: int = Field(default=5, ge=1, description="texts asked for in one answer")
    show_accepted: int = Field(
        default=0, ge=0, description="accepted texts a prompt shows as not to be repeated; 0 keeps prompts stable"
    )

    @field_validator("attributes")
    @classmethod
    def _has_names_of_its_own(cls, vary: dict[str, Texts]) -> dict[str, Texts]:
        for name in vary:
            if name in cls.prompt_variables | COLUMNS:
                raise ValueError(f"an attribute cannot be called {name!r}, which prompts and data sets have already")
            if not name or name != name.strip() or "*" in name:
                raise ValueError(f"an attribute's name has no * in it and no space at its ends, found {name!r}")
        return vary

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The values of `attributes`."""
        return self.attributes

    @property
    def shows_labels(self) -> bool:
        """The seeds are shown by label."""
        return True

    @property
    def texts_per_request(self) -> int:
        """As many as `per_request` says."""
        return self.per_request

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator at work in one run."""
        return LabelledSession(self, context, name)


@dataclass(frozen=True, slots=True)
class _FewShot:
    """What prompts of one stretch show: examples of the label, then other labels with theirs; `ids` names them all."""

    stretch: int
    ids: tuple[str, ...]
    examples: list[str]
    others: list[dict[str, object]]


class LabelledSession:
    """Walks the grid; counts how often each label and each combination was asked for."""

    def __init__(self, step: Labelled, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        seeds = context.sources[step.source] if step.source is not None else ()
        self._folds = assign_folds(seeds)
        self._shelf: dict[tuple[str, int], list[Record]] = {}
        for seed in seeds:
            for label in seed.labels:
                self._shelf.setdefault((label, self._folds[seed.id]), []).append(seed)
        self._asked: Counter[str] = Counter()
        self._drawn: dict[tuple[str, int], _FewShot] = {}
        # Few different prompts are asked again and again; each is rendered once.
        self._rendered: dict[tuple[object, ...], RenderedPrompt] = {}
        self._grids: dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, str]]] = {}
        self._walked: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._accepted: dict[tuple[str, int], list[str]] = {}
        self._named = [{"name": name, "description": meaning} for name, meaning in context.labels.items()]

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return asks for the shortfalls, one each in turn until all are covered or the room is full."""
        turns = (
            [one.cell for one in deficits if one.candidates > turn * self._step.per_request] for turn in itertools.count()
        )  # fmt: skip
        rounds = itertools.takewhile(bool, turns)
        wanted = list(itertools.islice(itertools.chain.from_iterable(rounds), max_requests))
        asks = [self._ask(match) for match in wanted]
        return self._side_by_side(asks)

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the texts of the answer as candidates with the label asked for."""
        return [] if completion is None else parse_candidates(request, request_key, completion, self._prompt.reader)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Take note of accepted texts, which later prompts may show as not to be repeated (`avoid`)."""
        if self._step.show_accepted == 0:
            return
        for record in accepted:
            if record.label is not None and record.provenance.step == self._item:
                self._accepted.setdefault((record.label, self._fold_shown(record)), []).append(record.text)

    def _side_by_side(self, asks: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Put the asks of one label together, in the order of the labels, and among them those with the same prompt.

        Prompts of one label share their beginning, so an engine finds it in its prefix cache.
        """
        places = {label: place for place, label in enumerate(self._context.labels)}
        first: dict[RenderedPrompt | None, int] = {}
        for ask in asks:
            first.setdefault(ask.prompt, len(first))
        return sorted(asks, key=lambda ask: (places.get(ask.labels[0], 0) if ask.labels else 0, first[ask.prompt]))

    def _fold_shown(self, record: Record) -> int:
        return self._folds.get(record.provenance.example_ids[0], 0) if record.provenance.example_ids else 0

    def _ask(self, match: Mapping[str, str]) -> GenerationRequest:
        label = match.get("label") or self._next_label()
        turn = self._asked[label]
        self._asked[label] += 1
        fields = self._combination(label, match)
        fold = self._fold(label, turn)
        shows = self._shows(label, turn // SAME_EXAMPLES, fold)
        avoid = (
            tuple(self._accepted.get((label, fold), [])[-self._step.show_accepted :])
            if self._step.show_accepted
            else ()
        )
        known = (label, tuple(fields.items()), shows.ids, avoid)
        prompt = self._rendered.get(known)
        if prompt is None:
            prompt = self._prompt.render(self._values(label, fields, shows, avoid))
            self._rendered[known] = prompt
        return GenerationRequest(
            step=self._item,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=(label,) if label else (),
            fields=fields,
            example_ids=shows.ids,
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )

    def _values(
        self,
        label: str,
        fields: Mapping[str, str],
        shows: _FewShot,
        avoid: Sequence[str],
    ) -> dict[str, object]:
        return {
            "domain": self._step.domain,
            "label": label,
            "label_description": self._context.labels.get(label, ""),
            "labels": self._named,
            "examples": shows.examples,
            "contrast_labels": shows.others,
            "attributes": [{"name": name, "value": value} for name, value in fields.items()],
            "n": self._step.per_request,
            "accepted_texts": list(avoid),
            "language": language_name(self._context.language),
            **fields,
        }

    def _next_label(self) -> str:
        labels = list(self._context.labels) or [""]
        return min(labels, key=lambda label: self._asked[label])

    def _combination(self, label: str, match: Mapping[str, str]) -> dict[str, str]:
        fixed = tuple((name, value) for name, value in match.items() if name in self._step.attributes)
        key = (label, fixed)
        if key not in self._grids:
            choices = [
                [dict(fixed)[name]] if name in dict(fixed) else list(values)
                for name, values in self._step.attributes.items()
            ]
            grid = [dict(zip(self._step.attributes, values, strict=True)) for values in itertools.product(*choices)]
            random.Random(f"{self._context.seed}:{self._item}:{label}:grid").shuffle(grid)
            self._grids[key] = grid
        turn = self._walked[key]
        self._walked[key] += 1
        grid = self._grids[key]
        return grid[turn % len(grid)]

    def _fold(self, label: str, turn: int) -> int:
        folds = [fold for fold in range(FOLDS) if (label, fold) in self._shelf] if self._step.shots else []
        return folds[turn % len(folds)] if folds else turn % FOLDS

    def _shows(self, label: str, stretch: int, fold: int) -> _FewShot:
        """Return what prompts of this stretch of a label's asks show of a fold; drawn once for all of them."""
        known = self._drawn.get((label, fold))
        if known is not None and known.stretch == stretch:
            return known
        chance = random.Random(f"{self._context.seed}:{self._item}:{label}:{stretch}")
        seeds = self._shelf.get((label, fold), [])
        examples = chance.sample(seeds, min(self._step.shots, len(seeds)))
        others, shown_others = self._contrast(label, fold, chance)
        ids = tuple(record.id for record in (*examples, *shown_others))
        shows = _FewShot(stretch, ids, [record.text for record in examples], others)
        self._drawn[label, fold] = shows
        return shows

    def _contrast(
        self, label: str, fold: int, chance: random.Random
    ) -> tuple[list[dict[str, object]], list[Record]]:  # fmt: skip
        known = [other for other in self._context.labels if other != label and self._shelf.get((other, fold))]
        others: list[dict[str, object]] = []
        shown: list[Record] = []
        for other in chance.sample(known, min(self._step.contrast_labels, len(known))):
            seeds = self._shelf[(other, fold)]
            some = chance.sample(seeds, min(OTHER_EXAMPLES, len(seeds)))
            shown += some
            texts = [record.text for record in some]
            others.append({"label": other, "description": self._context.labels[other], "examples": texts})
        return others, shown

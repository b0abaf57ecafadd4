"""Labelled texts: the model writes new texts for a label, after a few seed examples of it.

With `multi_label: true` it writes for label sets: those of `combinations`, or those of the seeds, as often as the seeds
have them. A text of a set has all of its labels.

All combinations of label and attributes are used evenly, or as the weights of the attributes say. Each prompt shows
seed examples of one fold only, sampled with the run's seed; the provenance names them. Attributed prompts are from
AttrPrompt (Yu et al. 2023, arXiv 2306.15895).

Does not check that a text has its label: that is the task of `agreement` and `choice`.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field, PrivateAttr, field_validator

from textsynth.core.gap_summary import Gaps
from textsynth.core.options import PromptName, SourceName, TextLists, UnlabelledName
from textsynth.core.protocols import Context, Generator, PromptedGenerator
from textsynth.core.records import REVIEW_DECISION, Completion, DroppedRecord, GenerationRequest, Record, RenderedPrompt
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.attribute_options import (
    CASE,
    AttributeValues,
    Case,
    Exclusion,
    attribute_issues,
    case_cells,
    case_issues,
    case_label,
    is_even,
    values_of,
)
from textsynth.generate.attribute_plan import AttributePlan, cells_in_turn
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.few_shot import FewShot, FewShotSamples
from textsynth.generate.fitted_attributes import FitOptions, FittedAttributes, fit_attributes
from textsynth.generate.gaps import GAP, GapOptions, ShownRows, Topic, Topics, find_gaps, gap_cells, gap_issues
from textsynth.generate.joint_distribution import AttributeModel
from textsynth.generate.label_sets import (
    LabelSet,
    LabelSetPlanner,
    LabelSets,
    check_combinations,
    describe_label_sets,
    describe_labels,
    ordered_set,
    weigh_sets,
)
from textsynth.similarity.embedder import require_embeddings
from textsynth.text.languages import language_name

RESERVED_NAMES = frozenset({"id", "text", "total", REVIEW_DECISION})
# This many requests of a label in a row show the same examples (half of them per fold), so that equal prompts follow
# each other and an engine can use its prefix cache.
REQUESTS_PER_SAMPLE = 8


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
    attributes: dict[str, AttributeValues] = Field(
        default={},
        description="attributes, each kept as a field: a list of values, of which every combination is used evenly, a "
        "map of values to weights, or a map with given and values, where the values depend on label or an attribute",
    )
    exclude: tuple[Exclusion, ...] = Field(
        default=(),
        description="combinations of attributes (and label) that never occur: {tone: angry, channel: letter}",
    )
    fit: SourceName | FitOptions | None = Field(
        default=None,
        description="real rows that give further attributes and decide how often each value occurs: a source, or a map",
    )
    cases: dict[str, Case] = Field(
        default={},
        description="rare and edge cases in words, each with the number of texts to select for it, or a map with want "
        "and label; kept as the field `case`",
    )
    gaps: UnlabelledName | GapOptions | None = Field(
        default=None,
        description="real rows that are searched for topics which the seeds lack: a source, or a map; each topic gets "
        "texts, kept as the field `gap`",
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

    _fitted: FittedAttributes | None = PrivateAttr(default=None)
    _gaps: Gaps | None = PrivateAttr(default=None)
    _gap_rows: Mapping[str, Sequence[Record]] = PrivateAttr(default={})

    @field_validator("attributes")
    @classmethod
    def _check_attribute_names(cls, attributes: dict[str, AttributeValues]) -> dict[str, AttributeValues]:
        for name in attributes:
            issue = cls._issue_of_name(name)
            if issue:
                raise ValueError(issue)
        return attributes

    @classmethod
    def _issue_of_name(cls, name: str) -> str:
        """Return why an attribute cannot have this name; "" where it can."""
        if name in cls.prompt_variables | RESERVED_NAMES | (cls.output_fields or frozenset()):
            return f"an attribute cannot be called {name!r}, a name that prompts or data sets use"
        if not name or name != name.strip() or "*" in name:
            return f"an attribute's name has no * in it and no space at its ends, found {name!r}"
        return ""

    @field_validator("combinations")
    @classmethod
    def _check_combinations(cls, combinations: TextLists) -> TextLists:
        check_combinations(combinations)
        return combinations

    @property
    def label_combinations(self) -> Sequence[Sequence[str]]:
        """The value of `combinations`."""
        return self.combinations

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The attributes, each with every value that it may have; () before the rows that decide it were read."""
        unfitted = self.fit_options.names if self.fit_options is not None and self._fitted is None else ()
        values = {name: values_of(attribute) for name, attribute in self.all_attributes.items()}
        cases = {CASE: tuple(self.cases)} if self.cases else {}
        gaps = {GAP: tuple(self._gap_rows)} if self.looks_for_gaps else {}
        return {**values, **dict.fromkeys(unfitted, ()), **cases, **gaps}

    @property
    def own_cells(self) -> Sequence[tuple[Mapping[str, str], int]]:
        """A quota cell for each of the `cases`, and for each topic that the seeds lack."""
        regions = () if self._gaps is None else self._gaps.summary["regions"]
        return [*case_cells(self.cases), *gap_cells(regions)]

    @property
    def fit_options(self) -> FitOptions | None:
        """The value of `fit`, with the defaults where it is the name of a source."""
        return FitOptions(source=self.fit) if isinstance(self.fit, str) else self.fit

    @property
    def all_attributes(self) -> Mapping[str, AttributeValues]:
        """The attributes of the recipe and those of the fit."""
        return {**(self._fitted.attributes if self._fitted is not None else {}), **self.attributes}

    @property
    def all_exclusions(self) -> Sequence[Exclusion]:
        """The exclusions of the recipe and those of the fit."""
        return (*(self._fitted.exclude if self._fitted is not None else ()), *self.exclude)

    @property
    def label_weights(self) -> Mapping[str, float] | None:
        """The share of each label where a fit decides it."""
        return None if self._fitted is None else self._fitted.label_weights

    def fitted_to(self, rows: Mapping[str, Sequence[Record]], labels: Sequence[str], *, multi_label: bool) -> Generator:
        """Return the generator with the attributes of `fit`."""
        if self.fit_options is None:
            return self
        options = self.fit_options
        fitted = self.model_copy()
        fitted._fitted = fit_attributes(options, rows[options.source], labels, multi_label=multi_label)
        return fitted

    @property
    def gap_options(self) -> GapOptions | None:
        """The value of `gaps`, with the defaults where it is the name of a source."""
        return GapOptions(in_=self.gaps) if isinstance(self.gaps, str) else self.gaps

    @property
    def looks_for_gaps(self) -> bool:
        """Whether `gaps` is set."""
        return self.gaps is not None

    @property
    def found_gaps(self) -> Gaps | None:
        """The topics of the rows of `gaps` that the seeds lack, once they were looked for."""
        return self._gaps

    def with_gaps(self, context: Context, name: str, may_be_shown: ShownRows) -> Generator:
        """Return the generator with a quota cell for each topic of the rows of `gaps` that the seeds lack."""
        options = self.gap_options
        if options is None:
            return self
        names = [*([self.source] if self.source is not None else []), *options.covered_by]
        seeds = [row for source in names for row in context.sources[source]]
        searched = self.model_copy()
        searched._gaps, shown = find_gaps(options, context, seeds, may_be_shown, f"{context.seed}:{name}")
        regions = zip(searched._gaps.summary["regions"], shown, strict=True)
        searched._gap_rows = {region["name"]: rows for region, rows in regions if region["wanted"]}
        return searched

    def check_dependencies(self) -> None:
        """Raise MissingExtra where `gaps` is set and the packages for embeddings are not installed."""
        if self.looks_for_gaps:
            require_embeddings("gaps of a generator")

    def attribute_issues(self, labels: Collection[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield conditions and exclusions that name nothing or leave nothing, and names that are used twice."""
        issues = list(attribute_issues(self.attributes, self.exclude, labels))
        yield from issues
        yield from case_issues(self.cases, self.attributes, labels)
        if self.gap_options is not None:
            has_seeds = self.source is not None or bool(self.gap_options.covered_by)
            yield from gap_issues(self.gap_options, self.attributes, labels, has_seeds=has_seeds)
        for name in self.fit_options.names if self.fit_options is not None else ():
            issue = self._issue_of_name(name)
            if issue:
                yield ("fit", "columns"), f"fit.columns: {issue}"
            elif name in self.attributes:
                yield (
                    ("attributes", name),
                    f"attributes.{name} is also an attribute of fit: leave it out of one of them",
                )
        for label in labels or [""] if self.exclude and not issues else ():
            if not self.can_write({}, [label] if label else []):
                of_label = f" for the label {label!r}" if label else ""
                yield (
                    ("exclude",),
                    f"exclude leaves no combination of attributes{of_label}: take one of its entries out",
                )

    def has_topic(self, cell: Mapping[str, str]) -> bool:
        """Whether the case and the gap that a cell names are those of this generator, and of the cell's label."""
        if GAP in cell and cell[GAP] not in self._gap_rows:
            return False
        if CASE not in cell:
            return True
        label = case_label(self.cases[cell[CASE]]) if cell[CASE] in self.cases else None
        return cell[CASE] in self.cases and (label is None or cell.get("label", label) == label)

    def can_write(self, cell: Mapping[str, str], labels: Collection[str]) -> bool:
        """Whether a combination of attributes that occurs has the values of the cell, and one of labels its label."""
        attributes, exclude = self.all_attributes, self.all_exclusions
        if not super().can_write(cell, labels) or not self.has_topic(cell) or not self.writes_label(cell):
            return False
        if is_even(attributes, exclude):
            return True
        model = AttributeModel(attributes, exclude)
        sets = [[cell["label"]]] if "label" in cell else [[label] for label in labels] or [[]]
        fixed = {name: value for name, value in cell.items() if name in attributes}
        return any(model.given_labels(label_set, fixed).mass > 0 for label_set in sets)

    def writes_label(self, cell: Mapping[str, str]) -> bool:
        """Whether one of the combinations, where there are any, has the label of a quota cell."""
        return not self.combinations or "label" not in cell or any(cell["label"] in each for each in self.combinations)

    @property
    def gap_rows(self) -> Mapping[str, Sequence[Record]]:
        """The topics that texts are written for, by name, each with the rows that prompts may show."""
        return self._gap_rows

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
        """Return a sentence on the fit, on the gaps, and on the label sets where texts may have several labels."""
        fit_notes = [] if self._fitted is None else [self._fitted.note]
        fit_notes += [] if self._gaps is None else [f"looks for gaps: {self._gaps.summary['sentence']}"]
        if not context.multi_label:
            return fit_notes
        origin = "as the combinations say" if self.combinations else "each as often as the seeds have it"
        if not self.combinations and self.source is None:
            origin = "as no seeds and no combinations are given"
        return [*fit_notes, describe_label_sets(self.label_set_weights(context), origin)]

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return LabelledSession(self, context, name)


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
        self._planner: LabelSetPlanner | None = None
        if context.multi_label:
            sets = LabelSets(step.label_set_weights(context), f"{context.seed}:{name}:label sets")
            self._planner = LabelSetPlanner(sets)
        self._label_sets: list[LabelSet] = [(label,) for label in context.labels] or [()]
        self._requested: Counter[LabelSet] = Counter()
        self._topics = Topics(step.gap_rows, step.shots, context.task)
        self._few_shots = FewShotSamples(
            seeds,
            context.labels,
            shots=step.shots,
            contrast_labels=step.contrast_labels,
            several_labels=context.multi_label,
            example=step.example,
            seed=f"{context.seed}:{name}",
        )
        # A heap of labels by the number of their requests and their rank; the number may be an earlier one.
        self._least_requested = [(0, rank, labels) for rank, labels in enumerate(self._label_sets)]
        # There are few different prompts; each is rendered once.
        self._rendered: dict[tuple[object, ...], RenderedPrompt] = {}
        self._attributes = AttributePlan(
            step.all_attributes, step.all_exclusions, f"{context.seed}:{name}", step.label_weights
        )
        self._accepted: dict[tuple[LabelSet, int], list[Record]] = {}
        self._label_values = [{"name": label, "description": text} for label, text in context.labels.items()]

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return requests for the deficits in turn, one each, until all are covered or `max_requests` is reached.

        Where texts may have several labels, requests for the cells that lack most come first.
        """
        per_request = self._step.per_request
        deficits = [deficit for deficit in deficits if self._can_write(deficit.cell)]
        if self._planner is not None:
            planned = self._planner.plan(deficits, per_request, max_requests)
            return self._group(
                [
                    self._make_request(labels, cell)
                    for labels, cell in planned
                    if self._attributes.mass(labels, cell) > 0
                ]
            )
        cells = itertools.islice(cells_in_turn(deficits, per_request), max_requests)
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
        prompt_ranks: dict[RenderedPrompt | None, int] = {}
        ranks = [
            (
                [label_rank.get(label, 0) for label in request.labels],
                prompt_ranks.setdefault(request.prompt, len(prompt_ranks)),
            )
            for request in requests
        ]
        return [requests[index] for index in sorted(range(len(requests)), key=ranks.__getitem__)]

    def _fold_shown(self, record: Record) -> int:
        return self._few_shots.fold_of(record.provenance.example_ids[0]) if record.provenance.example_ids else 0

    def _label_of(self, cell: Mapping[str, str]) -> LabelSet:
        """Return the label of a quota cell, or the label requested least often; of several the first."""
        label = cell.get("label") or case_label(self._step.cases.get(cell.get(CASE, ""), 0))
        if label is not None:
            return (label,)
        if not self._attributes.any_label:
            return self._attributes.next_label(cell, self._label_sets, self._requested)
        while True:  # numbers of requests only grow, so an entry that is up to date and comes first is the least
            number, rank, labels = self._least_requested[0]
            if number == self._requested[labels]:
                return labels
            heapq.heapreplace(self._least_requested, (self._requested[labels], rank, labels))

    def _can_write(self, cell: Mapping[str, str]) -> bool:
        """Whether the attributes, cases and combinations allow a text of a quota cell."""
        if not self._step.has_topic(cell) or not self._step.writes_label(cell):
            return False
        if self._planner is not None or self._attributes.any_label:
            return True
        sets = [(cell["label"],)] if "label" in cell else self._label_sets
        return any(self._attributes.mass(labels, cell) > 0 for labels in sets)

    def _make_request(self, labels: LabelSet, cell: Mapping[str, str]) -> GenerationRequest:
        """Return the next request for the labels and the attributes of a quota cell."""
        number = self._requested[labels]
        self._requested[labels] += 1
        attributes = self._attributes.next_values(labels, cell)
        attributes = {**attributes, **{name: cell[name] for name in (CASE, GAP) if name in cell}}
        fold = self._few_shots.next_fold(labels, number)
        few_shot = self._few_shots.sample(labels, number // REQUESTS_PER_SAMPLE, fold)
        accepted = self._last_accepted(labels, fold)
        topic = self._topics.next_topic(cell)
        shown_ids = (*few_shot.ids, *topic.ids)
        key = (labels, tuple(attributes.items()), shown_ids, tuple(record.id for record in accepted))
        prompt = self._rendered.get(key)
        if prompt is None:
            prompt = self._prompt.render(self._prompt_values(labels, attributes, few_shot, accepted, topic))
            self._rendered[key] = prompt
        return GenerationRequest(
            step=self._name,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=labels,
            fields=attributes,
            example_ids=shown_ids,
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )

    def _prompt_values(
        self,
        labels: LabelSet,
        attributes: Mapping[str, str],
        few_shot: FewShot,
        accepted: Sequence[Record],
        topic: Topic,
    ) -> dict[str, object]:
        return {
            "domain": self._step.domain,
            "label": ", ".join(labels),
            "label_description": describe_labels(labels, self._context.labels),
            "label_set": [{"name": label, "description": self._context.labels.get(label, "")} for label in labels],
            "labels": self._label_values,
            "examples": few_shot.examples,
            "contrast_labels": few_shot.contrast,
            "attributes": topic.properties(attributes),
            "n": self._step.per_request,
            "accepted_texts": [self._step.example(record) for record in accepted],
            "language": language_name(self._context.language),
            **({CASE: ""} if self._step.cases else {}),
            **({GAP: ""} if self._step.looks_for_gaps else {}),
            **attributes,
        }

    def _last_accepted(self, labels: LabelSet, fold: int) -> list[Record]:
        """Return the last accepted records of a label set whose prompts showed this fold, up to `show_accepted`."""
        count = self._step.show_accepted
        return self._accepted.get((labels, fold), [])[-count:] if count else []

"""Estimates a run before it starts: requests, tokens and time, each as a range.

The low end takes every candidate as accepted, the high end one in five. Prompt tokens are counted from real rendered
prompts at four characters per token, answer tokens as a part of max_tokens up to all of it. Costs are not estimated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from textsynth.core.formatting import pluralize
from textsynth.core.gap_summary import GapsSummary
from textsynth.core.paths import cache_folder
from textsynth.core.protocols import Context, Labeller
from textsynth.core.records import GenerationRequest, Provenance, Record
from textsynth.core.resources import rare_collections
from textsynth.core.source_rows import row_texts
from textsynth.evaluate.cache import PredictionCache
from textsynth.export.card.licenses import conflicts
from textsynth.hub.options import release_blockers
from textsynth.models import ModelOptions
from textsynth.recipe import Recipe
from textsynth.recipe.attribute_checks import cell_notes
from textsynth.recipe.balance import balance_note, balanced_rows
from textsynth.recipe.checks import gold_sources
from textsynth.recipe.context import fit_to_sources, make_context, no_embeddings, read_sources
from textsynth.recipe.gaps import gap_notes, looks_for_gaps, with_gaps
from textsynth.recipe.pinning import pin_sources
from textsynth.recipe.references import references_in
from textsynth.runner.budget import CHARACTERS_PER_TOKEN
from textsynth.runner.quota import Quota, QuotaCell, quota_cells
from textsynth.runner.scheduler import ActiveGenerator
from textsynth.runner.setup import labellers, missing_extras, start_generators
from textsynth.runner.summary import source_infos
from textsynth.text.encoding import encoding_notes

HIGH_YIELD, LOW_YIELD = 1.0, 0.2
MIN_ANSWER_SHARE = 0.3
"""The part of max_tokens that the shortest answers take."""
SAMPLE_REQUESTS = 8
ALL_REQUESTS = 10**6
MAX_LABELS_SHOWN = 20
EXAMPLE_TEXT = "a text of ten words or so, as a customer writes"
SPEED_FACTOR = 1.53
"""The factor between the estimated speed of a model and the slowest or the fastest one to expect."""


@dataclass(frozen=True, slots=True)
class Range:
    """A low and a high end, both included."""

    low: float
    high: float


NOTHING = Range(0, 0)


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """The requests and tokens of one generator or labeller for its `texts` selected texts.

    `item` is its name in the recipe; `model` is "" where it asks none.
    """

    item: str
    model: str
    texts: int
    requests: Range
    prompt_tokens: Range
    completion_tokens: Range


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """The estimate of a run. `seconds` is None where the speed of a model is not known, as with a server.

    `gaps` are the topics of real rows that the seeds lack, by generator.
    """

    name: str
    texts: int
    cells: int
    parts: tuple[StepEstimate, ...]
    requests: Range
    tokens: Range
    seconds: Range | None
    notes: tuple[str, ...]
    gaps: Mapping[str, GapsSummary]


def estimate(recipe: Recipe) -> RunEstimate:
    """Return the estimate of a run of the recipe. Reads the sources; asks no model, and loads none but the embedder.

    The embedder is loaded where a generator looks for gaps; its embeddings are stored in the cache folder.
    """
    recipe = pin_sources(recipe)
    with rare_collections():
        sources = read_sources(recipe)
        recipe = fit_to_sources(recipe, sources)
        recipe = _with_gaps(recipe, sources)
        context = make_context(recipe, sources, no_embeddings())
    cells = quota_cells(recipe, None)
    present = balanced_rows(recipe, sources)
    for cell in cells:
        if set(cell.values) == {"label"}:
            cell.target = max(0, cell.target - present[cell.values["label"]])
    generators = start_generators(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate if item.step.follows_quota}
    quota = Quota(cells, shares, patience=1)
    parts = [_estimate_generator(generator, quota, cells) for generator in generators]
    rows = {
        item.name: sum(len(context.sources[name]) for _, name in references_in(item.step, "source"))
        for item in recipe.generate
    }
    notes = [balance_note(recipe, sources)] if recipe.balance is not None else []
    notes += cell_notes(recipe.want, [item.step for item in recipe.generate], recipe.labels)
    notes += [f"{item.name} {note}" for item in recipe.generate for note in item.step.plan_notes(context)]
    notes += [f"{item.name} {note}" for item in recipe.select for note in item.step.selection_notes(context)]
    notes += [
        f"{item.name} takes all {pluralize(rows[item.name], 'row')} of its source"
        for item in recipe.generate
        if not item.step.needs_model and item.step.curates_source
    ]
    texts = sum(part.texts for part in parts)
    existing_rows = sum(
        rows[item.name] * item.step.candidates_per_row for item in recipe.generate if not item.step.follows_quota
    )
    gold_rows = {item.name: len(context.sources[source]) for item, source in gold_sources(recipe.label)}
    parts += [
        _estimate_labeller(
            name, step, context, texts=texts, existing_rows=existing_rows, gold_rows=gold_rows.get(name, 0)
        )
        for name, step in labellers(recipe)
    ]
    if all(not item.step.follows_quota for item in recipe.generate):
        texts = Quota(cells, {"rows": None}, patience=1).target_share("rows")
        if existing_rows < texts:
            brought = pluralize(existing_rows, "text")
            notes.append(f"the rows bring at most {brought}, so the quota of {texts:,} cannot be met")
    parts = [
        part if item.step.follows_quota else replace(part, texts=rows[item.name] * item.step.candidates_per_row)
        for item, part in zip(recipe.generate, parts, strict=False)
    ] + parts[len(recipe.generate) :]
    requests = _sum([part.requests for part in parts])
    tokens = _sum([part.prompt_tokens for part in parts] + [part.completion_tokens for part in parts])
    return RunEstimate(
        name=recipe.name,
        texts=texts,
        cells=len(cells),
        parts=tuple(parts),
        requests=requests,
        tokens=tokens,
        seconds=_seconds(parts, recipe.models),
        notes=(*notes, *_notes(recipe, context, requests)),
        gaps={item.name: item.step.found_gaps.summary for item in recipe.generate if item.step.found_gaps is not None},
    )


def _with_gaps(recipe: Recipe, sources: Mapping[str, Sequence[Record]]) -> Recipe:
    """Return the recipe with the topics that the seeds lack; unchanged where packages for embeddings are missing."""
    if not looks_for_gaps(recipe) or missing_extras(recipe) is not None:
        return recipe
    with closing(PredictionCache(cache_folder())) as store:
        return with_gaps(recipe, make_context(recipe, sources, store))


def _notes(recipe: Recipe, context: Context, requests: Range) -> list[str]:
    """Return a sentence for everything that a user should know before the run."""
    notes: list[str] = []
    for name, rows_of_source in context.sources.items():
        notes += encoding_notes(f"sources.{name}", row_texts(rows_of_source))
    for item, source in gold_sources(recipe.label):
        rows = len(context.sources[source])
        count = pluralize(rows * item.step.requests_per_record, "request")
        notes.append(f"{item.name} is first calibrated on {pluralize(rows, 'row')} of {source}, with {count}")
    if recipe.budget.requests is not None and requests.low > recipe.budget.requests:
        notes.append(f"the budget of {recipe.budget.requests} requests cannot meet the quota")
    licenses = {name: source.license for name, source in source_infos(recipe).items() if source.made_from}
    notes += [f"licenses: {sentence}" for sentence in conflicts(recipe.export.license, licenses)]
    notes += release_blockers(recipe)
    notes += gap_notes(recipe)
    missing = missing_extras(recipe)
    if missing is not None:
        notes.append(f"this machine cannot run it yet: {missing}")
    return notes


def _estimate_generator(generator: ActiveGenerator, quota: Quota, cells: Sequence[QuotaCell]) -> StepEstimate:
    """Return the estimate for a generator's share of the quota, from a few requests that it plans."""
    if not generator.follows_quota:
        return StepEstimate(generator.name, "", 0, NOTHING, NOTHING, NOTHING)
    texts = quota.target_share(generator.name)
    if not generator.needs_model:
        return StepEstimate(generator.name, "", texts, NOTHING, NOTHING, NOTHING)
    deficits = quota.deficits(generator.name)
    samples = generator.session.plan_requests(deficits, SAMPLE_REQUESTS if cells else ALL_REQUESTS)
    if not samples:
        return StepEstimate(generator.name, "", 0, NOTHING, NOTHING, NOTHING)
    per_request = samples[0].candidates
    if cells and all("label" in cell.values for cell in cells):
        # A text counts for each of its labels, and no label needs fewer texts than its target.
        labels_per_text = sum(max(1, len(request.labels)) for request in samples) / len(samples)
        texts = max(math.ceil(texts / labels_per_text), min(texts, max(cell.target for cell in cells)))
    if cells:
        requests = Range(math.ceil(texts / HIGH_YIELD / per_request), math.ceil(texts / LOW_YIELD / per_request))
    else:
        requests = Range(len(samples), len(samples))
        texts = len(samples) * per_request
    requests = Range(requests.low, requests.high * (1 + samples[0].max_follow_ups))
    prompt_tokens = sum(map(_prompt_tokens, samples)) / len(samples)
    max_tokens = samples[0].sampling.max_tokens
    return StepEstimate(
        generator.name,
        samples[0].model,
        texts,
        requests,
        Range(round(requests.low * prompt_tokens), round(requests.high * prompt_tokens)),
        Range(round(requests.low * max_tokens * MIN_ANSWER_SHARE), requests.high * max_tokens),
    )


def _estimate_labeller(
    name: str, step: Labeller, context: Context, *, texts: int, existing_rows: int, gold_rows: int
) -> StepEstimate:
    """Return the estimate for labelling `texts` texts.

    At the high end all existing rows are labelled, too. Gold rows are labelled in any case, before everything else.
    """
    # With few labels none is chosen by its embedding, so that no embedder is loaded.
    labels = dict(itertools.islice(context.labels.items(), MAX_LABELS_SHOWN))
    rows = (record for records in context.sources.values() for record in records)
    example = next(
        (record for record in rows if record.label in labels or not labels),
        Record(EXAMPLE_TEXT, Provenance(name), tuple(labels)[:1]),
    )
    ((*samples,),) = step.start(replace(context, labels=labels), name).build_requests([example])
    most_texts = texts / LOW_YIELD + existing_rows
    gold_requests = step.requests_per_gold_row * gold_rows
    requests = Range(
        step.requests_per_record * texts + gold_requests, step.requests_per_record * most_texts + gold_requests
    )
    prompt_tokens = sum(map(_prompt_tokens, samples)) / max(1, len(samples))
    max_tokens = max((request.sampling.max_tokens for request in samples), default=0)
    return StepEstimate(
        name,
        samples[0].model if samples else "",
        texts,
        requests,
        Range(round(requests.low * prompt_tokens), round(requests.high * prompt_tokens)),
        Range(round(requests.low * max_tokens * MIN_ANSWER_SHARE), round(requests.high * max_tokens)),
    )


def _prompt_tokens(request: GenerationRequest) -> float:
    if request.prompt is None:
        return 0.0
    characters = len(request.prompt.text) + sum(len(message.content) for message in request.prompt.messages)
    return characters / CHARACTERS_PER_TOKEN


def _sum(ranges: Sequence[Range]) -> Range:
    return Range(sum(part.low for part in ranges), sum(part.high for part in ranges))


def _seconds(parts: Sequence[StepEstimate], models: Mapping[str, ModelOptions]) -> Range | None:
    """Return the time that all steps take one after the other; None where the speed of a model is not known."""
    low = high = 0.0
    for part in parts:
        if not part.model:
            continue
        speed = models[part.model].tokens_per_second
        if speed is None:
            return None
        low += (part.prompt_tokens.low + part.completion_tokens.low) / (speed * SPEED_FACTOR)
        high += (part.prompt_tokens.high + part.completion_tokens.high) / (speed / SPEED_FACTOR)
    return Range(low, high) if any(part.model for part in parts) else None

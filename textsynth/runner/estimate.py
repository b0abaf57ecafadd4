"""What a run will ask for, before it asks: requests, tokens and time, each as a range.

The low end takes every candidate as accepted, the high end one in five. Prompt tokens are counted from real rendered
prompts at four characters a token; answers from half to all of their max_tokens. Money is not guessed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from textsynth.core.formatting import pluralize
from textsynth.core.protocols import Context, Labeller
from textsynth.core.records import GenerationRequest, Provenance, Record
from textsynth.export.card.licenses import conflicts
from textsynth.hub.options import release_blockers
from textsynth.models import ModelOptions
from textsynth.recipe import Recipe
from textsynth.recipe.checks import gold_sources
from textsynth.recipe.context import make_context, no_embeddings, read_sources
from textsynth.recipe.pinning import pin_sources
from textsynth.recipe.references import references_in
from textsynth.runner.budget import CHARACTERS_PER_TOKEN
from textsynth.runner.quota import Quota, QuotaCell, quota_cells
from textsynth.runner.scheduler import ActiveGenerator
from textsynth.runner.setup import labellers, missing_extras, start_generators
from textsynth.runner.summary import source_infos

HIGH_YIELD, LOW_YIELD = 1.0, 0.2
SHORTEST_ANSWER = 0.3
A_LOOK = 8
LABELS_SHOWN = 20
A_TEXT = "a text of ten words or so, as a customer writes"
SPEED_FACTOR = 1.53  # between the estimated speed of a model and the slowest or fastest one to expect


@dataclass(frozen=True, slots=True)
class Range:
    """A low and a high end, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What one generator or labeller will ask: for its `texts` selected texts so many `requests` are needed."""

    item: str
    model: str
    texts: int
    requests: Range
    prompt_tokens: Range
    completion_tokens: Range


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will take. `seconds` is None where the speed of the model is not known (a server's)."""

    name: str
    texts: int
    cells: int
    parts: tuple[StepEstimate, ...]
    requests: Range
    tokens: Range
    seconds: Range | None
    notes: tuple[str, ...]


def estimate(recipe: Recipe) -> RunEstimate:
    """Return what the recipe will ask for. Reads the sources; loads and asks no model."""
    recipe = pin_sources(recipe)
    context = make_context(recipe, read_sources(recipe), no_embeddings())
    lines = quota_cells(recipe, None)
    at_work = start_generators(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate}
    quota = Quota(lines, {hand.name: shares[hand.name] for hand in at_work if hand.needs_model}, patience=1)
    parts = [_part(hand, quota, lines) for hand in at_work]
    rows = {
        item.name: sum(len(context.sources[name]) for _, name in references_in(item.step, "source"))
        for item in recipe.generate
    }
    notes = [
        f"{part.item} takes all {pluralize(rows[part.item], 'row')} of its source" for part in parts if not part.model
    ]
    texts = sum(part.texts for part in parts)
    given = sum(rows[part.item] for part in parts if not part.model)
    gold = {item.name: len(context.sources[source]) for item, source in gold_sources(recipe.label)}
    parts += [_labelling(name, step, context, (texts, given, gold.get(name, 0))) for name, step in labellers(recipe)]
    requests = _sum([part.requests for part in parts])
    tokens = _sum([part.prompt_tokens for part in parts] + [part.completion_tokens for part in parts])
    for item, source in gold_sources(recipe.label):
        first = len(context.sources[source]) * item.step.requests_per_record
        told = f"{pluralize(len(context.sources[source]), 'row')} of {source}"
        notes.append(f"{item.name} is first tried on {told}, with {pluralize(first, 'request')}")
    if recipe.budget.requests is not None and requests.low > recipe.budget.requests:
        notes.append(f"the budget of {recipe.budget.requests} requests cannot meet the quota")
    licenses = {name: one.license for name, one in source_infos(recipe).items() if one.made_from}
    notes += [f"licences: {told}" for told in conflicts(recipe.export.license, licenses)]
    notes += release_blockers(recipe)
    missing = missing_extras(recipe)
    if missing is not None:
        notes.append(f"this machine cannot run it yet: {missing}")
    return RunEstimate(
        recipe.name, texts, len(lines), tuple(parts), requests, tokens, _seconds(parts, recipe.models), tuple(notes)
    )


def _part(hand: ActiveGenerator, quota: Quota, lines: list[QuotaCell]) -> StepEstimate:
    if not hand.needs_model:
        nothing = Range(0, 0)
        return StepEstimate(hand.name, "", 0, nothing, nothing, nothing)
    texts = quota.target_share(hand.name)
    looks = hand.session.plan_requests(quota.deficits(hand.name), A_LOOK if lines else 10**6)
    if not looks:
        return StepEstimate(hand.name, "", 0, Range(0, 0), Range(0, 0), Range(0, 0))
    each = looks[0].candidates
    if lines:
        requests = Range(math.ceil(texts / HIGH_YIELD / each), math.ceil(texts / LOW_YIELD / each))
    else:
        requests = Range(len(looks), len(looks))
        texts = len(looks) * each
    prompt = sum(map(_prompt_tokens, looks)) / len(looks)
    most = looks[0].sampling.max_tokens
    return StepEstimate(
        hand.name,
        looks[0].model,
        texts,
        requests,
        Range(round(requests.low * prompt), round(requests.high * prompt)),
        Range(round(requests.low * most * SHORTEST_ANSWER), requests.high * most),
    )


def _labelling(name: str, step: Labeller, context: Context, counts: tuple[int, int, int]) -> StepEstimate:
    """Return what labelling takes. `counts` are texts, given rows and gold rows.

    Of given rows a text is wanted or not, and all may be asked about; gold rows are asked about first.
    """
    texts, given, gold = counts
    few = dict(itertools.islice(context.labels.items(), LABELS_SHOWN))
    example = next(
        (one for rows in context.sources.values() for one in rows if one.label in few or not few),
        Record(A_TEXT, Provenance(name), tuple(few)[:1]),
    )
    # Few enough labels that none is chosen by its embedding, as no embedder is loaded for a plan.
    ((*asks,),) = step.start(replace(context, labels=few), name).build_requests([example])
    most = texts / LOW_YIELD + given
    requests = Range(step.requests_per_record * (texts + gold), step.requests_per_record * (most + gold))
    prompt = sum(map(_prompt_tokens, asks)) / max(1, len(asks))
    answer = max((ask.sampling.max_tokens for ask in asks), default=0)
    return StepEstimate(
        name,
        asks[0].model if asks else "",
        texts,
        requests,
        Range(round(requests.low * prompt), round(requests.high * prompt)),
        Range(round(requests.low * answer * SHORTEST_ANSWER), round(requests.high * answer)),
    )


def _prompt_tokens(ask: GenerationRequest) -> float:
    if ask.prompt is None:
        return 0.0
    return (len(ask.prompt.text) + sum(len(turn.content) for turn in ask.prompt.messages)) / CHARACTERS_PER_TOKEN


def _sum(ranges: list[Range]) -> Range:
    return Range(sum(one.low for one in ranges), sum(one.high for one in ranges))


def _seconds(parts: list[StepEstimate], models: Mapping[str, ModelOptions]) -> Range | None:
    """Return the time that all steps take one after the other, None where the speed of a model is not known."""
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

"""What a run will ask for, before it asks: requests, tokens and time, each as a range.

The low end takes every candidate as accepted, the high end one in five. Prompt tokens are counted from real rendered
prompts at four characters a token; answers from half to all of their max_tokens. Money is not guessed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from textsynth.core.formatting import counted
from textsynth.core.protocols import Context, Labeller
from textsynth.core.records import Ask, Origin, Record
from textsynth.export.card.licenses import conflicts
from textsynth.hub.options import unpublishable
from textsynth.models import ModelOptions
from textsynth.recipe import Recipe
from textsynth.recipe.checks import gold_of
from textsynth.recipe.context import make_context, no_embeddings, read_sources
from textsynth.recipe.pinning import pin_sources
from textsynth.runner.budget import CHARACTERS_A_TOKEN
from textsynth.runner.quota import Line, Quota, lines_of
from textsynth.runner.scheduler import Hand
from textsynth.runner.setup import hands, labellers, lacking
from textsynth.runner.summary import given_sources

HIGH_YIELD, LOW_YIELD = 1.0, 0.2
SHORTEST_ANSWER = 0.3
A_LOOK = 8
LABELS_SHOWN = 20
A_TEXT = "a text of ten words or so, as a customer writes"
LOCAL_TOKENS_A_SECOND = (150.0, 350.0)


@dataclass(frozen=True, slots=True)
class Range:
    """A low and a high end, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Part:
    """What one generator or labeller will ask: for its `texts` selected texts so many `requests` are needed."""

    item: str
    model: str
    texts: int
    requests: Range
    prompt_tokens: Range
    completion_tokens: Range


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take. `seconds` is None where the speed of the model is not known (a server's)."""

    name: str
    texts: int
    lines: int
    parts: tuple[Part, ...]
    requests: Range
    tokens: Range
    seconds: Range | None
    notes: tuple[str, ...]


def estimate(recipe: Recipe) -> Plan:
    """Return what the recipe will ask for. Reads the sources; loads and asks no model."""
    recipe = pin_sources(recipe)
    context = make_context(recipe, read_sources(recipe), no_embeddings())
    lines = lines_of(recipe, None)
    at_work = hands(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate}
    quota = Quota(lines, {hand.item: shares[hand.item] for hand in at_work if not hand.free}, patience=1)
    parts = [_part(hand, quota, lines) for hand in at_work]
    rows = {item.name: len(context.sources.get(getattr(item.step, "from_", ""), ())) for item in recipe.generate}
    notes = [
        f"{part.item} takes all {counted(rows[part.item], 'row')} of its source" for part in parts if not part.model
    ]
    texts = sum(part.texts for part in parts)
    given = sum(rows[part.item] for part in parts if not part.model)
    gold = {item.name: len(context.sources[source]) for item, source in gold_of(recipe.label)}
    parts += [_labelling(name, step, context, (texts, given, gold.get(name, 0))) for name, step in labellers(recipe)]
    requests = _sum([part.requests for part in parts])
    tokens = _sum([part.prompt_tokens for part in parts] + [part.completion_tokens for part in parts])
    for item, source in gold_of(recipe.label):
        first = len(context.sources[source]) * item.step.requests_a_text
        told = f"{counted(len(context.sources[source]), 'row')} of {source}"
        notes.append(f"{item.name} is first tried on {told}, with {counted(first, 'request')}")
    if recipe.budget.requests is not None and requests.low > recipe.budget.requests:
        notes.append(f"the budget of {recipe.budget.requests} requests cannot meet the quota")
    licenses = {name: one.license for name, one in given_sources(recipe).items() if one.made_from}
    notes += [f"licences: {told}" for told in conflicts(recipe.export.license, licenses)]
    notes += unpublishable(recipe)
    missing = lacking(recipe)
    if missing is not None:
        notes.append(f"this machine cannot run it yet: {missing}")
    asked = [recipe.models[part.model] for part in parts if part.model]
    return Plan(recipe.name, texts, len(lines), tuple(parts), requests, tokens, _seconds(asked, tokens), tuple(notes))


def _part(hand: Hand, quota: Quota, lines: list[Line]) -> Part:
    if hand.free:
        nothing = Range(0, 0)
        return Part(hand.item, "", 0, nothing, nothing, nothing)
    texts = quota.portion(hand.item)
    looks = hand.writer.plan(quota.short(hand.item), A_LOOK if lines else 10**6)
    if not looks:
        return Part(hand.item, "", 0, Range(0, 0), Range(0, 0), Range(0, 0))
    each = looks[0].texts
    if lines:
        requests = Range(math.ceil(texts / HIGH_YIELD / each), math.ceil(texts / LOW_YIELD / each))
    else:
        requests = Range(len(looks), len(looks))
        texts = len(looks) * each
    prompt = sum(map(_prompt_tokens, looks)) / len(looks)
    most = looks[0].sampling.max_tokens
    return Part(
        hand.item,
        looks[0].model,
        texts,
        requests,
        Range(round(requests.low * prompt), round(requests.high * prompt)),
        Range(round(requests.low * most * SHORTEST_ANSWER), requests.high * most),
    )


def _labelling(name: str, step: Labeller, context: Context, counts: tuple[int, int, int]) -> Part:
    """Return what labelling takes. `counts` are texts, given rows and gold rows.

    Of given rows a text is wanted or not, and all may be asked about; gold rows are asked about first.
    """
    texts, given, gold = counts
    few = dict(itertools.islice(context.labels.items(), LABELS_SHOWN))
    example = next(
        (one for rows in context.sources.values() for one in rows if one.label in few or not few),
        Record(A_TEXT, Origin(name), tuple(few)[:1]),
    )
    # Few enough labels that none is chosen by its embedding, as no embedder is loaded for a plan.
    ((*asks,),) = step.begin(replace(context, labels=few), name).asks([example])
    most = texts / LOW_YIELD + given
    requests = Range(step.requests_a_text * (texts + gold), step.requests_a_text * (most + gold))
    prompt = sum(map(_prompt_tokens, asks)) / max(1, len(asks))
    answer = max((ask.sampling.max_tokens for ask in asks), default=0)
    return Part(
        name,
        asks[0].model if asks else "",
        texts,
        requests,
        Range(round(requests.low * prompt), round(requests.high * prompt)),
        Range(round(requests.low * answer * SHORTEST_ANSWER), round(requests.high * answer)),
    )


def _prompt_tokens(ask: Ask) -> float:
    if ask.prompt is None:
        return 0.0
    return (len(ask.prompt.text) + sum(len(turn.content) for turn in ask.prompt.messages)) / CHARACTERS_A_TOKEN


def _sum(ranges: list[Range]) -> Range:
    return Range(sum(one.low for one in ranges), sum(one.high for one in ranges))


def _seconds(asked: list[ModelOptions], tokens: Range) -> Range | None:
    if not asked or any(type(options).__name__ != "Local" for options in asked):
        return None
    slow, fast = LOCAL_TOKENS_A_SECOND
    return Range(tokens.low / fast, tokens.high / slow)

"""A preview: a few real prompts, their answers, and what each check says of every text. Nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.paths import cache_folder
from textsynth.core.protocols import FilterSession
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, ModelRequest, Record, Verdict
from textsynth.core.resources import limit_threads
from textsynth.models import ModelRuntime
from textsynth.recipe import Recipe
from textsynth.recipe.context import make_context, read_sources
from textsynth.runner.event_loop import run_coroutine
from textsynth.runner.quota import Quota, quota_cells
from textsynth.runner.requester import Requester
from textsynth.runner.scheduler import EVERYTHING, ActiveGenerator
from textsynth.runner.setup import check_dependencies, filter_sessions, start_generators
from textsynth.store.journal import Journal


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one filter says of a text: the verdict's reason (None: it passes), number and limit."""

    item: str
    reason: str | None
    measured: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class PreviewText:
    """One text of an answer with the verdicts of all filters; `unread` says why a piece could not be read."""

    text: str
    labels: tuple[str, ...]
    checks: tuple[CheckResult, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewSample:
    """One request: the generator, its rendered prompt as (role, content) turns, the raw answer, and its texts."""

    item: str
    prompt: tuple[tuple[str, str], ...]
    answer: str
    failure: str | None
    texts: tuple[PreviewText, ...]


def preview(recipe: Recipe, count: int, say: Callable[[str], None] = lambda _: None) -> list[PreviewSample]:
    """Ask the models of a recipe `count` times, in turn over the generators, and let every filter judge every text.

    Unlike in a run a text that one filter drops goes on to the next, so that all verdicts are seen. Labellers are not
    asked. Raises what a run raises.
    """
    check_dependencies(recipe)
    limit_threads()
    sources = read_sources(recipe)
    with tempfile.TemporaryDirectory(prefix="textsynth-preview-") as folder, Journal(Path(folder)) as journal:
        context = make_context(recipe, sources, journal)
        asker = Requester(recipe.models, journal, ModelRuntime(recipe.base, cache_folder(), say))
        at_work = start_generators(recipe, context)
        asks = _plan(recipe, at_work, count)
        requests, completions = run_coroutine(_ask(asker, asks))
        return _look(asks, requests, completions, at_work, filter_sessions(recipe, context))


def _plan(recipe: Recipe, at_work: Sequence[ActiveGenerator], count: int) -> list[GenerationRequest]:
    shares = {item.name: item.step.share for item in recipe.generate}
    quota = Quota(
        quota_cells(recipe, None), {hand.name: shares[hand.name] for hand in at_work if hand.needs_model}, patience=1
    )
    found: list[GenerationRequest] = []
    for place, hand in enumerate(at_work):
        room = count // len(at_work) + (place < count % len(at_work))
        asks = hand.session.plan_requests(EVERYTHING if not hand.needs_model else quota.deficits(hand.name), room)
        # Given rows come by the thousand; a preview shows as many rows as it would show requests.
        found += [
            GenerationRequest(ask.step, "", None, ask.sampling, records=ask.records[:room])
            if not hand.needs_model
            else ask
            for ask in asks
        ]
    return found


async def _ask(
    asker: Requester, asks: Sequence[GenerationRequest]
) -> tuple[list[ModelRequest | None], list[Completion | None]]:
    requests = asker.model_requests(asks)
    try:
        return requests, await asker.complete(asks, requests)
    finally:
        await asker.close()


def _look(
    asks: Sequence[GenerationRequest],
    requests: Sequence[ModelRequest | None],
    completions: Sequence[Completion | None],
    at_work: Sequence[ActiveGenerator],
    judges: Sequence[tuple[str, FilterSession]],
) -> list[PreviewSample]:
    writers = {hand.name: hand.session for hand in at_work}
    samples: list[PreviewSample] = []
    for ask, request, completion in zip(asks, requests, completions, strict=True):
        failure = completion.failure if completion is not None else None
        found = [] if failure else writers[ask.step].parse_response(ask, request.key if request else "", completion)
        records = [one for one in found if isinstance(one, Record)]
        unread = [
            PreviewText(one.record.text, one.record.labels, unread=one.reason)
            for one in found
            if isinstance(one, DroppedRecord)
        ]
        verdicts = [(name, judge.evaluate_batch(records)) for name, judge in judges]
        seen = [
            PreviewText(record.text, record.labels, tuple(_check(name, given[place]) for name, given in verdicts))
            for place, record in enumerate(records)
        ]
        answer = completion.text if completion is not None else ""
        samples.append(PreviewSample(ask.step, _turns(ask), answer, failure, (*seen, *unread)))
    return samples


def _check(item: str, verdict: Verdict | None) -> CheckResult:
    if verdict is None:
        return CheckResult(item, None, None, None)
    return CheckResult(item, verdict.reason, verdict.score, verdict.limit)


def _turns(ask: GenerationRequest) -> tuple[tuple[str, str], ...]:
    if ask.prompt is None:
        return ()
    return tuple((turn.role, turn.content) for turn in ask.prompt.messages) or (("", ask.prompt.text),)

"""A preview: a few real requests, their answers, and every filter's verdict on every text. Nothing is kept."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, ModelRequest, Record, Sampling, Verdict
from textsynth.core.resources import limit_threads
from textsynth.core.sessions import FilterSession
from textsynth.models import ModelRuntime
from textsynth.recipe import Recipe
from textsynth.recipe.context import fit_to_sources, make_context, read_sources
from textsynth.recipe.gaps import with_gaps
from textsynth.runner.event_loop import run_coroutine
from textsynth.runner.quota import EVERYTHING, Quota, quota_cells
from textsynth.runner.requester import Requester
from textsynth.runner.scheduler import ActiveGenerator
from textsynth.runner.setup import check_dependencies, filter_sessions, start_generators
from textsynth.store.journal import Journal


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One filter's verdict on a text: its reason (None: the text passes), its score `measured`, and its limit."""

    item: str
    reason: str | None
    measured: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class PreviewText:
    """One text of an answer with the verdicts of all filters; `unread` is the reason why it could not be parsed."""

    text: str
    labels: tuple[str, ...]
    checks: tuple[CheckResult, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewSample:
    """One request: the generator `item`, the prompt as (role, content) messages, the raw answer, and its texts."""

    item: str
    prompt: tuple[tuple[str, str], ...]
    answer: str
    failure: str | None
    texts: tuple[PreviewText, ...]


def preview(recipe: Recipe, count: int, log: Callable[[str], None] = lambda _: None) -> list[PreviewSample]:
    """Send `count` requests, divided over the generators, and let every filter check every text.

    Unlike in a run, a text that one filter drops goes on to the next, so that all verdicts are shown. Labellers are not
    asked, and there are no follow-up requests. Raises what a run raises.
    """
    check_dependencies(recipe)
    limit_threads()
    sources = read_sources(recipe)
    recipe = fit_to_sources(recipe, sources)
    with tempfile.TemporaryDirectory(prefix="textsynth-preview-") as folder, Journal(Path(folder)) as journal:
        context = make_context(recipe, sources, journal)
        recipe = with_gaps(recipe, context)
        requester = Requester(recipe.models, journal, ModelRuntime(recipe.base, cache_folder(), log))
        generators = start_generators(recipe, context)
        requests = _plan(recipe, generators, count)
        model_requests, completions = run_coroutine(_complete(requester, requests))
        filters = filter_sessions(recipe, context)
        sessions = {generator.name: generator.session for generator in generators}
        samples: list[PreviewSample] = []
        for request, model_request, completion in zip(requests, model_requests, completions, strict=True):
            key = model_request.key if model_request else ""
            failed = completion is not None and completion.failure
            parsed = [] if failed else sessions[request.step].parse_response(request, key, completion)
            samples.append(_sample(request, completion, parsed, filters))
        return samples


def _plan(recipe: Recipe, generators: Sequence[ActiveGenerator], count: int) -> list[GenerationRequest]:
    shares = {item.name: item.step.share for item in recipe.generate if item.step.follows_quota}
    quota = Quota(quota_cells(recipe, None), shares, patience=1)
    requests: list[GenerationRequest] = []
    for index, generator in enumerate(generators):
        limit = count // len(generators) + (index < count % len(generators))
        if generator.needs_model:
            requests += generator.session.plan_requests(quota.deficits(generator.name), limit)
            continue
        # Texts without a model come by the thousand; as many are shown as there would be requests.
        deficits = quota.deficits(generator.name) if generator.follows_quota else EVERYTHING
        planned = generator.session.plan_requests(deficits, limit)
        records = _in_turns([request.records for request in planned])[:limit]
        requests += [GenerationRequest(generator.name, "", None, Sampling(), records=tuple(records))]
    return requests


def _in_turns(groups: Sequence[Sequence[Record]]) -> list[Record]:
    """Return the first records of all groups, then the second ones, and so on."""
    return [record for records in itertools.zip_longest(*groups) for record in records if record is not None]


async def _complete(
    requester: Requester, requests: Sequence[GenerationRequest]
) -> tuple[list[ModelRequest | None], list[Completion | None]]:
    model_requests = requester.model_requests(requests)
    try:
        return model_requests, await requester.complete(requests, model_requests)
    finally:
        await requester.close()


def _sample(
    request: GenerationRequest,
    completion: Completion | None,
    parsed: Sequence[Record | DroppedRecord],
    filters: Sequence[tuple[str, FilterSession]],
) -> PreviewSample:
    """Return the sample with the parsed texts and their verdicts, and then the failures of parsing."""
    records = [item for item in parsed if isinstance(item, Record)]
    unparsed = [
        PreviewText(item.record.text, item.record.labels, unread=item.reason)
        for item in parsed
        if isinstance(item, DroppedRecord)
    ]
    verdicts = [(name, session.evaluate_batch(records)) for name, session in filters]
    texts = [
        PreviewText(
            record.text,
            record.labels,
            tuple(_check_result(name, by_record[index]) for name, by_record in verdicts),
        )
        for index, record in enumerate(records)
    ]
    answer, failure = ("", None) if completion is None else (completion.text, completion.failure)
    return PreviewSample(request.step, _messages(request), answer, failure, (*texts, *unparsed))


def _check_result(name: str, verdict: Verdict | None) -> CheckResult:
    if verdict is None:
        return CheckResult(name, None, None, None)
    return CheckResult(name, verdict.reason, verdict.score, verdict.limit)


def _messages(request: GenerationRequest) -> tuple[tuple[str, str], ...]:
    """Return the prompt as (role, content) pairs; a raw prompt is one pair without a role."""
    if request.prompt is None:
        return ()
    messages = tuple((message.role, message.content) for message in request.prompt.messages)
    return messages or (("", request.prompt.text),)

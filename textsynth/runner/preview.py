"""A preview: a few real prompts, their answers, and what each check says of every text. Nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textsynth.core.paths import cache_folder
from textsynth.core.protocols import Judge
from textsynth.core.records import Ask, Completion, Drop, Record, Request, Verdict
from textsynth.core.resources import share_processors
from textsynth.models import Place
from textsynth.recipe import Recipe
from textsynth.recipe.context import make_context, read_sources
from textsynth.runner.event_loop import finish
from textsynth.runner.quota import Quota, lines_of
from textsynth.runner.requester import Asker
from textsynth.runner.scheduler import EVERYTHING, Hand
from textsynth.runner.setup import LateJudge, hands, require
from textsynth.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Check:
    """What one filter says of a text: the verdict's reason (None: it passes), number and limit."""

    item: str
    reason: str | None
    measured: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One text of an answer with the verdicts of all filters; `unread` says why a piece could not be read."""

    text: str
    labels: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: the generator, its rendered prompt as (role, content) turns, the raw answer, and its texts."""

    item: str
    prompt: tuple[tuple[str, str], ...]
    answer: str
    failure: str | None
    texts: tuple[Seen, ...]


def preview(recipe: Recipe, count: int, say: Callable[[str], None] = lambda _: None) -> list[Sample]:
    """Ask the models of a recipe `count` times, in turn over the generators, and let every filter judge every text.

    Unlike in a run a text that one filter drops goes on to the next, so that all verdicts are seen. Labellers are not
    asked. Raises what a run raises.
    """
    require(recipe)
    share_processors()
    sources = read_sources(recipe)
    with tempfile.TemporaryDirectory(prefix="textsynth-preview-") as folder, Journal(Path(folder)) as journal:
        context = make_context(recipe, sources, journal)
        asker = Asker(recipe.models, journal, Place(recipe.base, cache_folder(), say))
        at_work = hands(recipe, context)
        asks = _plan(recipe, at_work, count)
        requests, completions = finish(_ask(asker, asks))
        judges = [(item.name, LateJudge(item.name, partial(item.step.begin, context))) for item in recipe.filter]
        return _look(asks, requests, completions, at_work, judges)


def _plan(recipe: Recipe, at_work: Sequence[Hand], count: int) -> list[Ask]:
    shares = {item.name: item.step.share for item in recipe.generate}
    quota = Quota(
        lines_of(recipe, None), {hand.item: shares[hand.item] for hand in at_work if not hand.free}, patience=1
    )
    found: list[Ask] = []
    for place, hand in enumerate(at_work):
        room = count // len(at_work) + (place < count % len(at_work))
        asks = hand.writer.plan(EVERYTHING if hand.free else quota.short(hand.item), room)
        # Given rows come by the thousand; a preview shows as many rows as it would show requests.
        found += [Ask(ask.item, "", None, ask.sampling, given=ask.given[:room]) if hand.free else ask for ask in asks]
    return found


async def _ask(asker: Asker, asks: Sequence[Ask]) -> tuple[list[Request | None], list[Completion | None]]:
    requests = asker.requests(asks)
    try:
        return requests, await asker.answer(asks, requests)
    finally:
        await asker.close()


def _look(
    asks: Sequence[Ask],
    requests: Sequence[Request | None],
    completions: Sequence[Completion | None],
    at_work: Sequence[Hand],
    judges: Sequence[tuple[str, Judge]],
) -> list[Sample]:
    writers = {hand.item: hand.writer for hand in at_work}
    samples: list[Sample] = []
    for ask, request, completion in zip(asks, requests, completions, strict=True):
        failure = completion.failure if completion is not None else None
        found = [] if failure else writers[ask.item].read(ask, request.key if request else "", completion)
        records = [one for one in found if isinstance(one, Record)]
        unread = [Seen(one.record.text, one.record.labels, unread=one.reason) for one in found if isinstance(one, Drop)]
        verdicts = [(name, judge.judge(records)) for name, judge in judges]
        seen = [
            Seen(record.text, record.labels, tuple(_check(name, given[place]) for name, given in verdicts))
            for place, record in enumerate(records)
        ]
        answer = completion.text if completion is not None else ""
        samples.append(Sample(ask.item, _turns(ask), answer, failure, (*seen, *unread)))
    return samples


def _check(item: str, verdict: Verdict | None) -> Check:
    if verdict is None:
        return Check(item, None, None, None)
    return Check(item, verdict.reason, verdict.measured, verdict.limit)


def _turns(ask: Ask) -> tuple[tuple[str, str], ...]:
    if ask.prompt is None:
        return ()
    return tuple((turn.role, turn.content) for turn in ask.prompt.messages) or (("", ask.prompt.text),)

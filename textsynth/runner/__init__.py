"""A run: a checked recipe becomes a data set, a manifest and a report in one folder; again means going on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.core.errors import RunError, UsageError
from textsynth.core.paths import cache_folder
from textsynth.core.progress import Snapshot
from textsynth.core.protocols import Context
from textsynth.core.records import Drop, Record
from textsynth.core.resources import make_room, share_memory, share_processors
from textsynth.evaluate.runner import prove_run
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.models import Place
from textsynth.recipe import Recipe
from textsynth.recipe.context import make_context, read_sources
from textsynth.recipe.pinning import moved, pin_sources
from textsynth.review.pending import write_waiting
from textsynth.runner.batch_file import Batch
from textsynth.runner.budget import Budget
from textsynth.runner.event_loop import finish
from textsynth.runner.monitor import Watcher
from textsynth.runner.quota import Line, Quota, lines_of
from textsynth.runner.requester import Asker
from textsynth.runner.review_decisions import People, decided_notes
from textsynth.runner.scheduler import Loop
from textsynth.runner.selection import pick
from textsynth.runner.setup import LateJudge, desks, hands, labellers, require
from textsynth.runner.summary import Ended, begun, licenses_told, outcome_of, quota_table
from textsynth.store.decisions import read_decisions
from textsynth.store.evaluation import write_evaluation
from textsynth.store.journal import Journal
from textsynth.store.manifest import Manifest, QuotaRow, read_manifest, write_manifest

if TYPE_CHECKING:
    from textsynth.evaluate import Evaluation

QUOTA_NOT_MET = 3
SENTENCES = {
    "met": "the quota is met",
    "budget": "the budget is spent",
    "dry": "the yield has run dry: nothing new comes for what is missing",
    "done": "everything the recipe has was used once",
}
# Where the texts that are wanted are there, and fewer spare ones to pick from than the pool was to hold.
ENOUGH = {
    "budget": "; the budget was spent before there was more to pick from",
    "dry": "; nothing more came to pick from",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. `exit_code` is 0, or 3 where the quota was not met; `quota` has a row a line."""

    folder: Path
    exit_code: int
    stopped: str
    sentence: str
    quota: Sequence[QuotaRow]
    manifest: Manifest


def run(
    recipe: Recipe,
    *,
    out: Path,
    limit: int | None = None,
    fresh: bool = False,
    watch: Callable[[Snapshot], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    batch: Batch | None = None,
) -> Result:
    """Run a recipe in the folder `out`, going on from what its journal has.

    `limit` caps the selected texts; `fresh` moves the journal aside first; `watch` is shown a snapshot a few times a
    second; `say` hears one line about each longer step; `batch` stands in for servers. Raises SourceError,
    RecipeError and, of a limit below 1, UsageError before anything is written, ModelError when no request can succeed,
    RunLocked and JournalError for the folder, Unanswered with a batch that lacks answers.
    """
    started = time.monotonic()
    if limit is not None and limit < 1:
        raise UsageError(f"limit is a whole number above 0, found {limit}; None for no limit")
    require(recipe)
    share_processors()
    share_memory()
    recipe = pin_sources(recipe)
    lines = lines_of(recipe, limit)
    watcher = Watcher(watch, lines)
    ended = _worked(recipe, lines, out, watcher, fresh=fresh, say=say, batch=batch)
    watcher.say("writing the data set")
    told = _written(recipe, ended, out, started)
    # The report reads the data set: the records, of which there may be millions, make room for it.
    del ended
    make_room()
    from textsynth.report import write_report  # needs the parquet reader, which no request waits for

    write_report(out)
    watcher.say("done")
    code = QUOTA_NOT_MET if any(row["missing"] for row in told["quota"]) else 0
    return Result(out, code, told["stopped"]["why"], told["stopped"]["sentence"], told["quota"], told)


def _worked(
    recipe: Recipe,
    lines: Sequence[Line],
    out: Path,
    watcher: Watcher,
    *,
    fresh: bool,
    say: Callable[[str], None],
    batch: Batch | None,
) -> Ended:
    """Ask, judge, pick and prove; return all there is to write about the run, of which only the journal is kept yet."""
    sources = read_sources(recipe)
    _make(out)
    with Journal(out, fresh=fresh) as journal:
        if journal.aside is not None:
            say(f"the journal of earlier runs is kept as {journal.aside.name}")
        _say_changes(recipe, out, say)
        people = _people(recipe, out, say)
        context = make_context(recipe, sources, journal)
        asker = Asker(recipe.models, journal, Place(recipe.base, cache_folder(), say, logs=out), batch)
        loop = _loop(recipe, context, lines, asker, people)
        stopped = finish(_work(loop, asker, watcher))
        books = loop.books
        if stopped == "dry" and not lines_of(recipe, None):
            # nothing is wanted by number, and a limit is no wish for more than there is
            stopped, lines[0].want = "done", len(books.accepted)
        del loop
        make_room()  # what the filters remembered is in nobody's way any more
        watcher.say("selecting")
        selected, spare = pick(books.accepted, lines, [item.step for item in recipe.select], context)
        proof, unproved = _proved(recipe, context, (selected, spare, books.dropped), out, watcher.say)
    decided = people.ends(books.accepted, books.dropped) if people else None
    notes = [
        *books.notes,
        *(one["sentence"] for one in books.gold.values()),
        *unproved,
        *(decided_notes(decided) if decided else ()),
    ]
    for note in notes:
        say(note)
    counts = {place: sum(line.counts(record) for record in selected) for place, line in enumerate(lines)}
    quota = quota_table(lines, counts, books.dropped)
    told = begun(recipe, books, asker.tally, quota=quota, selected=len(selected), folder=out)
    if decided:
        told["people"] = decided
    sentence = _sentence(stopped, quota)
    return Ended(books, selected, spare, told, asker.identities, stopped, sentence, notes, proof)


def _sentence(stopped: str, quota: Sequence[QuotaRow]) -> str:
    """Say whether the quota is met after the pick, which needs less than what was to be accepted for it."""
    if any(row["missing"] for row in quota):
        return SENTENCES["dry" if stopped == "met" else stopped]
    return SENTENCES[stopped] if not quota or stopped == "done" else SENTENCES["met"] + ENOUGH.get(stopped, "")


def _written(recipe: Recipe, ended: Ended, out: Path, started: float) -> Manifest:
    """Write the data set, the manifest and the proof; return the manifest. `started` is by the monotonic clock."""
    outcome = outcome_of(recipe, ended)
    before = _content(out)
    written = write_dataset(out / "dataset", outcome)
    told: Manifest = {
        **ended.told,
        "licenses": licenses_told(outcome),
        "splits": dict(written.splits),
        "notes": [*written.notes, *ended.notes],
        "seconds": round(time.monotonic() - started, 1),
        "stopped": {"why": ended.stopped, "sentence": ended.sentence},
    }
    write_manifest(out, told)
    write_waiting(out, outcome.dropped)
    if outcome.evaluation:  # the card that was written tells it already
        write_evaluation(out, outcome.evaluation)
    else:
        from textsynth.report.card_figures import tell_again

        tell_again(out, same=_content(out) == before)
    return told


def _loop(recipe: Recipe, context: Context, lines: Sequence[Line], asker: Asker, people: People) -> Loop:
    at_work = hands(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate}
    asking = {hand.item: shares[hand.item] for hand in at_work if not hand.free}
    limits = recipe.budget
    return Loop(
        at_work,
        [(item.name, LateJudge(item.name, partial(item.step.begin, context))) for item in recipe.filter],
        desks(recipe, context),
        quota=Quota(lines, asking, patience=limits.patience),
        budget=Budget(
            requests=limits.requests,
            tokens=limits.tokens,
            minutes=limits.minutes,
            labelling=sum(step.requests_a_text for _, step in labellers(recipe)),
        ),
        asker=asker,
        given=frozenset(record.id for rows in context.sources.values() for record in rows),
        window=min(options.window for options in recipe.models.values()),
        people=people,
    )


def _people(recipe: Recipe, out: Path, say: Callable[[str], None]) -> People:
    """Return what people decided on texts of earlier runs in this folder. Raises UsageError for a damaged file."""
    decisions = read_decisions(out)
    if decisions.torn:
        say("the last line of review.jsonl broke off and is passed over")
    return People(decisions.standing(), recipe.labels, many=recipe.many)


async def _work(loop: Loop, asker: Asker, watcher: Watcher) -> str:
    """Run the loop to its end and return why it stopped; only a word, as asyncio makes a repr of what is returned."""
    ticking = asyncio.create_task(watcher.tick(asker, loop.books))
    try:
        return await loop.go()
    finally:
        ticking.cancel()
        await asker.close()
        watcher.show(asker, loop.books)


def _proved(
    recipe: Recipe,
    context: Context,
    ends: tuple[Sequence[Record], Sequence[Record], Sequence[Drop]],
    out: Path,
    say: Callable[[str], None],
) -> tuple[Evaluation | None, list[str]]:
    """Return the proof that the recipe's `evaluate` asks for, or why there is none; the data set is written anyway."""
    if recipe.evaluate is None:
        return None, []
    say("evaluating")
    try:
        return prove_run(recipe, context, ends, out, say), []
    except UsageError as fault:
        return None, [f"not evaluated: {fault}"]


def _content(folder: Path) -> object:
    """Return the configs of the data set in the folder, each with the hash of its content; None where there is none."""
    path = folder / "dataset" / "README.md"
    return read_card(path.read_text(encoding="utf-8")).metadata.get("configs") if path.is_file() else None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RunError(
            f"{folder}: the run's folder cannot be made: {fault.strerror}; give another one with --out"
        ) from fault


def _say_changes(recipe: Recipe, out: Path, say: Callable[[str], None]) -> None:
    try:
        earlier = read_manifest(out)
    except UsageError:
        return  # none that says anything of what the journal has
    if earlier["recipe"]["hash"] == recipe.hash:
        say("going on: answers that are in the journal are used again")
    else:
        say("the recipe has changed since the last run here; every answer that still fits is used again")
    for sentence in moved(recipe, earlier["sources"]):
        say(sentence)

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
from textsynth.core.progress import ProgressSnapshot
from textsynth.core.protocols import Context
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.resources import limit_malloc_arenas, limit_threads, release_memory
from textsynth.evaluate.runner import evaluate_run
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.models import ModelRuntime
from textsynth.recipe import Recipe
from textsynth.recipe.context import make_context, read_sources
from textsynth.recipe.pinning import pin_sources, revision_changes
from textsynth.review.pending import write_pending
from textsynth.runner.batch_file import BatchFile
from textsynth.runner.budget import RunBudget
from textsynth.runner.event_loop import run_coroutine
from textsynth.runner.monitor import ProgressMonitor
from textsynth.runner.quota import Quota, QuotaCell, quota_cells
from textsynth.runner.requester import Requester
from textsynth.runner.review_decisions import ReviewDecisions, review_notes
from textsynth.runner.scheduler import Scheduler
from textsynth.runner.selection import select
from textsynth.runner.setup import LazyFilterSession, check_dependencies, labellers, start_generators, start_labellers
from textsynth.runner.summary import FinishedRun, initial_manifest, license_summary, quota_table, run_result
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
class RunSummary:
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
    watch: Callable[[ProgressSnapshot], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    batch: BatchFile | None = None,
) -> RunSummary:
    """Run a recipe in the folder `out`, going on from what its journal has.

    `limit` caps the selected texts; `fresh` moves the journal aside first; `watch` is shown a snapshot a few times a
    second; `say` hears one line about each longer step; `batch` stands in for servers. Raises SourceError,
    RecipeError and, of a limit below 1, UsageError before anything is written, ModelError when no request can succeed,
    RunLocked and JournalError for the folder, Unanswered with a batch that lacks answers.
    """
    started = time.monotonic()
    if limit is not None and limit < 1:
        raise UsageError(f"limit is a whole number above 0, found {limit}; None for no limit")
    check_dependencies(recipe)
    limit_threads()
    limit_malloc_arenas()
    recipe = pin_sources(recipe)
    lines = quota_cells(recipe, limit)
    watcher = ProgressMonitor(watch, lines)
    ended = _worked(recipe, lines, out, watcher, fresh=fresh, say=say, batch=batch)
    watcher.set_stage("writing the data set")
    told = _written(recipe, ended, out, started)
    # The report reads the data set: the records, of which there may be millions, make room for it.
    del ended
    release_memory()
    from textsynth.report import write_report  # needs the parquet reader, which no request waits for

    write_report(out)
    watcher.set_stage("done")
    code = QUOTA_NOT_MET if any(row["missing"] for row in told["quota"]) else 0
    return RunSummary(out, code, told["stopped"]["why"], told["stopped"]["sentence"], told["quota"], told)


def _worked(
    recipe: Recipe,
    lines: Sequence[QuotaCell],
    out: Path,
    watcher: ProgressMonitor,
    *,
    fresh: bool,
    say: Callable[[str], None],
    batch: BatchFile | None,
) -> FinishedRun:
    """Ask, judge, pick and prove; return all there is to write about the run, of which only the journal is kept yet."""
    sources = read_sources(recipe)
    _make(out)
    with Journal(out, fresh=fresh) as journal:
        if journal.aside is not None:
            say(f"the journal of earlier runs is kept as {journal.aside.name}")
        _say_changes(recipe, out, say)
        people = _people(recipe, out, say)
        context = make_context(recipe, sources, journal)
        asker = Requester(recipe.models, journal, ModelRuntime(recipe.base, cache_folder(), say, log_folder=out), batch)
        loop = _loop(recipe, context, lines, asker, people)
        stopped = run_coroutine(_work(loop, asker, watcher))
        books = loop.state
        if stopped == "dry" and not quota_cells(recipe, None):
            # nothing is wanted by number, and a limit is no wish for more than there is
            stopped, lines[0].wanted = "done", len(books.accepted)
        del loop
        release_memory()  # what the filters remembered is in nobody's way any more
        watcher.set_stage("selecting")
        selected, spare = select(books.accepted, lines, [item.step for item in recipe.select], context)
        proof, unproved = _proved(recipe, context, (selected, spare, books.dropped), out, watcher.set_stage)
    decided = people.outcome_counts(books.accepted, books.dropped) if people else None
    notes = [
        *books.notes,
        *(one["sentence"] for one in books.calibrations.values()),
        *unproved,
        *(review_notes(decided) if decided else ()),
    ]
    for note in notes:
        say(note)
    counts = {place: sum(line.counts(record) for record in selected) for place, line in enumerate(lines)}
    quota = quota_table(lines, counts, books.dropped)
    told = initial_manifest(recipe, books, asker.tally, quota=quota, selected=len(selected), folder=out)
    if decided:
        told["review"] = decided
    sentence = _sentence(stopped, quota)
    return FinishedRun(books, selected, spare, told, asker.identities, stopped, sentence, notes, proof)


def _sentence(stopped: str, quota: Sequence[QuotaRow]) -> str:
    """Say whether the quota is met after the pick, which needs less than what was to be accepted for it."""
    if any(row["missing"] for row in quota):
        return SENTENCES["dry" if stopped == "met" else stopped]
    return SENTENCES[stopped] if not quota or stopped == "done" else SENTENCES["met"] + ENOUGH.get(stopped, "")


def _written(recipe: Recipe, ended: FinishedRun, out: Path, started: float) -> Manifest:
    """Write the data set, the manifest and the proof; return the manifest. `started` is by the monotonic clock."""
    outcome = run_result(recipe, ended)
    before = _content(out)
    written = write_dataset(out / "dataset", outcome)
    told: Manifest = {
        **ended.told,
        "licenses": license_summary(outcome),
        "splits": dict(written.splits),
        "notes": [*written.notes, *ended.notes],
        "seconds": round(time.monotonic() - started, 1),
        "stopped": {"why": ended.stopped, "sentence": ended.sentence},
    }
    write_manifest(out, told)
    write_pending(out, outcome.dropped)
    if outcome.evaluation:  # the card that was written tells it already
        write_evaluation(out, outcome.evaluation)
    else:
        from textsynth.report.card_figures import restore_or_drop_evaluation

        restore_or_drop_evaluation(out, same=_content(out) == before)
    return told


def _loop(
    recipe: Recipe, context: Context, lines: Sequence[QuotaCell], asker: Requester, people: ReviewDecisions
) -> Scheduler:
    at_work = start_generators(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate}
    asking = {hand.name: shares[hand.name] for hand in at_work if not hand.free}
    limits = recipe.budget
    return Scheduler(
        at_work,
        [(item.name, LazyFilterSession(item.name, partial(item.step.start, context))) for item in recipe.filter],
        start_labellers(recipe, context),
        quota=Quota(lines, asking, patience=limits.patience),
        budget=RunBudget(
            requests=limits.requests,
            tokens=limits.tokens,
            minutes=limits.minutes,
            labelling=sum(step.requests_per_record for _, step in labellers(recipe)),
        ),
        asker=asker,
        given=frozenset(record.id for rows in context.sources.values() for record in rows),
        window=min(options.window_size for options in recipe.models.values()),
        people=people,
    )


def _people(recipe: Recipe, out: Path, say: Callable[[str], None]) -> ReviewDecisions:
    """Return what people decided on texts of earlier runs in this folder. Raises UsageError for a damaged file."""
    decisions = read_decisions(out)
    if decisions.truncated:
        say("the last line of review.jsonl broke off and is passed over")
    return ReviewDecisions(decisions.by_text(), recipe.labels, multi_label=recipe.multi_label)


async def _work(loop: Scheduler, asker: Requester, watcher: ProgressMonitor) -> str:
    """Run the loop to its end and return why it stopped; only a word, as asyncio makes a repr of what is returned."""
    ticking = asyncio.create_task(watcher.tick(asker, loop.state))
    try:
        return await loop.run()
    finally:
        ticking.cancel()
        await asker.close()
        watcher.show(asker, loop.state)


def _proved(
    recipe: Recipe,
    context: Context,
    ends: tuple[Sequence[Record], Sequence[Record], Sequence[DroppedRecord]],
    out: Path,
    say: Callable[[str], None],
) -> tuple[Evaluation | None, list[str]]:
    """Return the proof that the recipe's `evaluate` asks for, or why there is none; the data set is written anyway."""
    if recipe.evaluate is None:
        return None, []
    say("evaluating")
    try:
        return evaluate_run(recipe, context, *ends, folder=out, log=say), []
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
    for sentence in revision_changes(recipe, earlier["sources"]):
        say(sentence)

"""A run: a checked recipe becomes a data set, a manifest and a report in one folder; running again continues it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.cluster.backend import Backend, check_backend, open_backend
from textsynth.core.errors import UsageError
from textsynth.core.formatting import format_duration, pluralize
from textsynth.core.gap_summary import GapsSummary
from textsynth.core.label_error_summary import LabelErrorSummary
from textsynth.core.paths import cache_folder
from textsynth.core.progress import ProgressSnapshot
from textsynth.core.protocols import Context, ErrorFindingLabeller
from textsynth.core.records import DroppedRecord, Record, reason_category
from textsynth.core.resources import limit_malloc_arenas, limit_threads, rare_collections, release_memory
from textsynth.core.secrets import RecipeSecrets, redact_message
from textsynth.core.source_rows import SourceIds, row_texts
from textsynth.evaluate.origins import RequestOrigin, RequestOrigins
from textsynth.evaluate.runner import evaluate_run
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.generate.gaps import with_coverage
from textsynth.models import ModelRuntime
from textsynth.recipe import Recipe
from textsynth.recipe.balance import balanced_steps
from textsynth.recipe.context import fit_to_sources, make_context, read_sources
from textsynth.recipe.gaps import gap_notes, looks_for_gaps, with_gaps
from textsynth.recipe.pinning import pin_sources, revision_changes
from textsynth.review.pending import write_pending
from textsynth.runner.batch_file import BatchFile
from textsynth.runner.budget import RunBudget
from textsynth.runner.event_loop import interrupt_on_sigterm, run_coroutine
from textsynth.runner.folder import check_folder, make_folder, start_in
from textsynth.runner.label_losses import label_losses
from textsynth.runner.monitor import ProgressMonitor, RunTimer
from textsynth.runner.quota import CellIndex, Quota, QuotaCell, quota_cells
from textsynth.runner.requester import Requester
from textsynth.runner.review_decisions import ReviewDecisions, review_notes
from textsynth.runner.run_state import RunState
from textsynth.runner.scheduler import Scheduler
from textsynth.runner.selection import select
from textsynth.runner.setup import (
    check_dependencies,
    filter_sessions,
    labellers,
    load_filters,
    quick_filters,
    start_generators,
    start_labellers,
)
from textsynth.runner.summary import FinishedRun, initial_manifest, license_summary, quota_table, run_result
from textsynth.runner.unchanged import inputs_hash, inputs_of, is_intact, repeated, same_run
from textsynth.store.dataset_hash import DATASET
from textsynth.store.decisions import read_decisions
from textsynth.store.evaluation import write_evaluation
from textsynth.store.journal import Journal
from textsynth.store.manifest import Manifest, QuotaRow, read_manifest, write_manifest
from textsynth.store.record_spool import MAX_PENDING, RecordSpool
from textsynth.text.encoding import encoding_notes

if TYPE_CHECKING:
    from textsynth.evaluate import Evaluation

QUOTA_NOT_MET = 3
STOP_SENTENCES = {
    "met": "the quota is met",
    "budget": "the budget is spent",
    "dry": "no further texts were accepted for what is missing",
    "done": "every row of the sources was used once",
}
# Appended where the quota is met, but fewer surplus texts were accepted than `oversample` asks for.
OVERSAMPLE_NOT_MET = {
    "budget": "; the budget was spent before there was more to select from",
    "dry": "; no further texts were accepted to select from",
}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The result of a run. `exit_code` is 0, or 3 where the quota was not met; `quota` has one row per cell."""

    folder: Path
    exit_code: int
    stopped: str
    sentence: str
    quota: Sequence[QuotaRow]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class _ActiveRun:
    """A run in progress: its recipe, fitted to the sources, its folder, what it has so far, and what it reports to."""

    recipe: Recipe
    folder: Path
    context: Context
    cells: Sequence[QuotaCell]
    state: RunState
    journal: Journal
    timer: RunTimer
    monitor: ProgressMonitor
    log: Callable[[str], None]


@rare_collections()
def run(
    recipe: Recipe,
    *,
    out: Path,
    limit: int | None = None,
    fresh: bool = False,
    watch: Callable[[ProgressSnapshot], None] = lambda _: None,
    log: Callable[[str], None] = lambda _: None,
    batch: BatchFile | None = None,
    on: str | None = None,
    workers: int | None = None,
    index_shards: int | None = None,
    clock: Callable[[], float] = time.monotonic,
    records_in_memory: int = MAX_PENDING,
) -> RunSummary:
    """Run a recipe in the folder `out`, continuing from the answers in its journal.

    Where the last run in the folder had the same inputs and met its quota, nothing is run again: its result stands.
    `limit` caps the selected texts; `fresh` moves the journal aside first; `watch` gets a progress snapshot a few times
    a second; `log` gets one line about each longer step; `batch` takes the place of servers; `on` is the Ray cluster
    where models and embedder compute, with `workers` of each whose number the recipe does not set; `index_shards` is in
    how many shards the indexes of accepted texts are on the cluster, None: in this process; `clock` returns seconds,
    which count for the budget and are shown. More accepted, or more dropped, records than `records_in_memory`
    go to a temporary file in the folder, which makes no difference to the result. Raises SourceError, RecipeError and,
    for a limit below 1, UsageError before anything is written; ModelError where no request can succeed, RunLocked and
    JournalError for the folder, MissingAnswers with a batch that lacks answers, ClusterError for a cluster that cannot
    be reached.
    """
    started = clock()
    log = _without_secrets_in(log)
    if limit is not None and limit < 1:
        raise UsageError(f"limit is a whole number above 0, found {limit}; None for no limit")
    check_dependencies(recipe)
    check_backend(on, workers, index_shards)
    limit_threads()
    limit_malloc_arenas()
    recipe = pin_sources(recipe)
    check_folder(out, recipe, fresh=fresh)
    inputs = None if fresh or batch is not None else inputs_hash(recipe, out, limit)
    manifest = _result_of_same_run(out, inputs, log)
    monitor = ProgressMonitor(watch, (), clock)
    if manifest is None:
        sources = read_sources(recipe)
        fitted = fit_to_sources(recipe, sources)
        cells = quota_cells(fitted, limit)
        make_folder(out)
        # The journal locks the folder until everything is written.
        with interrupt_on_sigterm(), Journal(out, fresh=fresh) as journal:
            check_folder(out, recipe, fresh=fresh)
            start_in(out, recipe, log)
            timer = RunTimer(journal, clock, started)
            with open_backend(on, workers, index_shards, embedder=recipe.embedder, folder=out, log=log) as backend:
                context = make_context(fitted, sources, journal, backend.encoder, backend.open_shards)
                if looks_for_gaps(fitted):
                    log("looking for topics that the seeds lack")
                    fitted = with_gaps(fitted, context)
                    cells = quota_cells(fitted, limit)
                monitor = ProgressMonitor(watch, cells, clock)
                state = _start_state(fitted, out, records_in_memory)
                active = _ActiveRun(fitted, out, context, cells, state, journal, timer, monitor, log)
                finished = _execute(active, backend, batch)
            monitor.set_stage("writing the data set")
            manifest = _write_outputs(fitted, finished, out, timer)
            # The report reads the data set from disk: records, of which there may be millions, need not stay in memory.
            del active, finished, sources, context, state
            release_memory()
            inputs_now = inputs_of(recipe, out, limit, journal, manifest, inputs)
            if inputs_now is not None:
                manifest["inputs"] = inputs_now
            write_manifest(out, manifest)
            _write_report(out)
            timer.record()
    monitor.set_stage("done")
    code = QUOTA_NOT_MET if any(row["missing"] for row in manifest["quota"]) else 0
    stopped = manifest["stopped"]
    return RunSummary(out, code, stopped["why"], stopped["sentence"], manifest["quota"], manifest)


def _result_of_same_run(out: Path, inputs: str | None, log: Callable[[str], None]) -> Manifest | None:
    """Return the manifest of the last run in the folder where a run with these inputs would only repeat it."""
    if same_run(out, inputs) is None:
        return None
    with interrupt_on_sigterm(), Journal(out) as journal:
        manifest = same_run(out, inputs)  # again, now that no other run can change it
        if manifest is None or not is_intact(out, journal, manifest):
            return None
        log("nothing has changed since the last run here, whose result stands; --fresh runs the recipe again")
        result = repeated(manifest)
        if result != manifest:
            write_manifest(out, result)
        _write_report(out)  # a run that was killed may have left the report of an earlier one
    return result


def _write_report(out: Path) -> None:
    from textsynth.report import write_report  # needs the parquet reader, which no request waits for

    write_report(out)


def _without_secrets_in(log: Callable[[str], None]) -> Callable[[str], None]:
    return lambda message: log(redact_message(message))


def _execute(run: _ActiveRun, backend: Backend, batch: BatchFile | None) -> FinishedRun:
    """Generate, filter, label, select and evaluate; return all there is to write. Only the journal is on disk yet."""
    recipe, context, cells, state, journal, log = run.recipe, run.context, run.cells, run.state, run.journal, run.log
    if journal.aside is not None:
        log(f"the journal of earlier runs is kept as {journal.aside.name}")
    _log_changes(recipe, run.folder, log)
    if recipe.budget.minutes is not None and run.timer.earlier_seconds:
        used = format_duration(run.timer.earlier_seconds)
        log(f"{used} of the {format_duration(60 * recipe.budget.minutes)} of `budget.minutes` were used before")
    decisions = _read_decisions(recipe, run.folder, log)
    sources = context.sources
    runtime = ModelRuntime(recipe.base, cache_folder(), log, log_folder=run.folder)
    requester = Requester(recipe.models, journal, runtime, batch, backend.open_model)
    scheduler = _make_scheduler(run, requester, decisions)
    stopped = run_coroutine(_run_scheduler(run, scheduler, requester))
    if stopped == "dry" and state.stop_sentence is None and not quota_cells(recipe, None):
        # The recipe sets no quota, and a limit does not ask for more texts than there are.
        stopped, cells[0].wanted = "done", len(state.accepted)
    del scheduler
    release_memory(cycles=True)  # what the filters remembered is not needed any more
    label_errors = _check_accepted(run)
    gaps = _coverage(recipe, context, state.accepted)
    run.monitor.set_stage("selecting")
    selected, surplus = select(
        state.accepted, cells, [item.step for item in recipe.select], context, balanced_steps(recipe)
    )
    outcomes = (selected, surplus, state.dropped)
    evaluation, evaluation_notes = _evaluate(run, outcomes)
    reviewed = decisions.outcome_counts(state.accepted, state.dropped) if decisions else None
    losses = label_losses(recipe, state.accepted, state.dropped)
    notes = [
        *(note for name, rows in sources.items() for note in encoding_notes(f"sources.{name}", row_texts(rows))),
        *state.notes,
        *(summary["sentence"] for summary in state.calibrations.values()),
        *(summary["sentence"] for summary in state.judges.values()),
        *(summary["sentence"] for summary in label_errors.values()),
        *(f"{name}: {summary['sentence']}" for name, summary in gaps.items()),
        *gap_notes(recipe),
        *(f"{item.name} {note}" for item in recipe.select for note in item.step.selection_notes(context)),
        *([requester.stats.cut_note] if requester.stats.cut_note else []),
        *(loss["sentence"] for loss in losses),
        *evaluation_notes,
        *_notes_on_journal(journal),
        *(review_notes(reviewed) if reviewed else ()),
    ]
    for note in notes:
        log(note)
    quota = quota_table(cells, Counter(CellIndex(cells).count(selected)), state.dropped)
    manifest = initial_manifest(recipe, state, requester.stats, quota=quota, selected=len(selected), folder=run.folder)
    if reviewed:
        manifest["review"] = reviewed
    if label_errors:
        manifest["label_errors"] = label_errors
    if losses:
        manifest["label_losses"] = losses
    if gaps:
        manifest["gaps"] = gaps
    sentence = _sentence(stopped, quota, state.stop_sentence)
    return FinishedRun(state, selected, surplus, manifest, requester.identities, stopped, sentence, notes, evaluation)


def _start_state(recipe: Recipe, out: Path, records_in_memory: int) -> RunState:
    """Return the state of a run that has nothing yet, and whose records leave memory where they can.

    Accepted ones can where they are needed only to be written: where nothing selects from them and nothing is trained
    on them. A quota alone needs their labels and fields.
    """
    dropped: RecordSpool[DroppedRecord] = RecordSpool(out, records_in_memory)
    finds_errors = any(isinstance(item.step, ErrorFindingLabeller) for item in recipe.label)
    if recipe.select or recipe.evaluate is not None or finds_errors:
        return RunState(dropped=dropped)
    return RunState(RecordSpool(out, records_in_memory), dropped)


def _check_accepted(run: _ActiveRun) -> dict[str, LabelErrorSummary]:
    """Look for label errors among the accepted texts, where the recipe says so; return the summaries by step."""
    state = run.state
    if not any(isinstance(item.step, ErrorFindingLabeller) for item in run.recipe.label):
        return {}
    from textsynth.runner.label_errors import find_label_errors  # needs scikit-learn

    run.monitor.set_stage("looking for label errors")
    result = find_label_errors(run.recipe, run.context, state.accepted)
    state.accepted = result.accepted
    state.dropped.extend(result.dropped)
    state.reasons.update((drop.section, drop.step, reason_category(drop.reason)) for drop in result.dropped)
    return result.summaries


def _coverage(recipe: Recipe, context: Context, accepted: Sequence[Record]) -> dict[str, GapsSummary]:
    """Return how far the accepted texts cover the topics that the seeds of each generator lack, by step."""
    found = [(item.name, item.step.found_gaps) for item in recipe.generate]
    if all(gaps is None for _, gaps in found):
        return {}
    texts = [context.task.joined(record).text for record in accepted]
    return {name: with_coverage(gaps, texts, context.embed) for name, gaps in found if gaps is not None}


def _sentence(stopped: str, quota: Sequence[QuotaRow], stop_sentence: str | None) -> str:
    """Return whether the selection meets the quota, which takes fewer texts than were to be accepted for it.

    `stop_sentence` says why the run stopped early, where it did.
    """
    is_missing = any(row["missing"] for row in quota)
    if stop_sentence is not None and (is_missing or not quota):
        return stop_sentence
    if is_missing:
        return STOP_SENTENCES["dry" if stopped == "met" else stopped]
    if not quota or stopped == "done":
        return STOP_SENTENCES[stopped]
    return STOP_SENTENCES["met"] + OVERSAMPLE_NOT_MET.get(stopped, "")


def _write_outputs(recipe: Recipe, finished: FinishedRun, out: Path, timer: RunTimer) -> Manifest:
    """Write the data set and the evaluation; return the manifest.

    The manifest is written last and names the hash of the data set: a run that is killed before leaves an old one,
    which does not fit the new data set, so that no reader takes them for one run.
    """
    result = run_result(recipe, finished)
    content_before = _content_hashes(out)
    written = write_dataset(out / DATASET, result)
    write_pending(out, result.dropped)
    if result.evaluation:  # the card that was written has it already
        write_evaluation(out, result.evaluation)
    else:
        from textsynth.report.card_figures import restore_or_drop_evaluation

        restore_or_drop_evaluation(out, same_dataset=_content_hashes(out) == content_before)
    manifest: Manifest = {
        **finished.manifest,
        "dataset": {"sha256": written.sha256},
        "licenses": license_summary(result),
        "splits": dict(written.splits),
        "notes": [*written.notes, *finished.notes],
        "seconds": round(timer.seconds(), 1),
        "stopped": {"why": finished.stopped, "sentence": finished.sentence},
    }
    return _without_secrets(manifest, recipe.secrets)


def _without_secrets(manifest: Manifest, secrets: RecipeSecrets) -> Manifest:
    """Return the manifest without the recipe's secrets; the recipe's path is the command's, and is needed as it is."""
    cleaned: Manifest = secrets.redact_json(manifest)
    licenses = {secrets.redact(model): license_ for model, license_ in cleaned["licenses"]["models"].items()}
    return {
        **cleaned,
        "recipe": {**cleaned["recipe"], "path": manifest["recipe"]["path"]},
        "engines": {secrets.redact(model): engines for model, engines in cleaned["engines"].items()},
        "licenses": {**cleaned["licenses"], "models": licenses},
    }


def _notes_on_journal(journal: Journal) -> list[str]:
    if not journal.damaged:
        return []
    count = pluralize(len(journal.damaged), "stored answer")
    return [f"{count} in {journal.path.name} failed the checksum, as after a disk error, and were requested again"]


def _make_scheduler(run: _ActiveRun, requester: Requester, decisions: ReviewDecisions) -> Scheduler:
    recipe, context, timer = run.recipe, run.context, run.timer
    generators = start_generators(recipe, context)
    shares = {item.name: item.step.share for item in recipe.generate if item.step.follows_quota}
    limits = recipe.budget
    return Scheduler(
        generators,
        filter_sessions(recipe, context),
        start_labellers(recipe, context),
        quota=Quota(
            run.cells,
            shares,
            patience=limits.patience,
            texts_per_request={generator.name: generator.texts_per_request for generator in generators},
        ),
        budget=RunBudget(
            requests=limits.requests,
            tokens=limits.tokens,
            minutes=limits.minutes,
            labelling=sum(step.requests_per_record for _, step in labellers(recipe)),
            clock=timer.clock,
            used_seconds=timer.total_seconds(),
        ),
        requester=requester,
        source_ids=SourceIds(context.sources),
        window_size=min(options.window_size for options in recipe.models.values()),
        first_window_size=min(options.first_window_size for options in recipe.models.values()),
        decisions=decisions,
        rows_first=recipe.balance is not None,
        quick_filters=quick_filters(recipe),
        load_filters=lambda: load_filters(recipe, context),
        clock=timer.clock,
        state=run.state,
    )


def _read_decisions(recipe: Recipe, out: Path, log: Callable[[str], None]) -> ReviewDecisions:
    """Return the decisions of reviews in this folder. Raises UsageError for a damaged file."""
    decisions = read_decisions(out)
    if decisions.truncated:
        log("the last line of review.jsonl is incomplete and skipped")
    return ReviewDecisions(decisions.by_text(), recipe.labels, multi_label=recipe.multi_label)


async def _run_scheduler(run: _ActiveRun, scheduler: Scheduler, requester: Requester) -> str:
    """Run the scheduler to its end and return why it stopped; only a word, as asyncio formats what is returned."""
    ticking = [asyncio.create_task(run.monitor.tick(requester, run.state)), asyncio.create_task(run.timer.tick())]
    try:
        return await scheduler.run()
    finally:
        for task in ticking:
            task.cancel()
        run.timer.record()
        await requester.close()
        run.monitor.show(requester, run.state)


def _evaluate(
    run: _ActiveRun, outcomes: tuple[Sequence[Record], Sequence[Record], Sequence[DroppedRecord]]
) -> tuple[Evaluation | None, list[str]]:
    """Return the evaluation that the recipe asks for, or a note why there is none; the data set is written anyway."""
    if run.recipe.evaluate is None:
        return None, []
    set_stage, origins = run.monitor.set_stage, _origins(run.recipe, run.state)
    set_stage("evaluating")
    try:
        return evaluate_run(run.recipe, run.context, *outcomes, origins=origins, folder=run.folder, log=set_stage), []
    except UsageError as error:
        return None, [f"not evaluated: {error}"]


def _origins(recipe: Recipe, state: RunState) -> RequestOrigins:
    """Return the model and prompt of each request, and what the requests took."""
    requests = {key: RequestOrigin(info.model, info.prompt) for key, info in state.requests.items()}
    return RequestOrigins(requests, state.costs.rows(frozenset(item.name for item in recipe.generate)))


def _content_hashes(folder: Path) -> object:
    """Return the configs of the folder's data set, each with the hash of its content; None where there is none."""
    path = folder / DATASET / "README.md"
    return read_card(path.read_text(encoding="utf-8")).metadata.get("configs") if path.is_file() else None


def _log_changes(recipe: Recipe, out: Path, log: Callable[[str], None]) -> None:
    """Log that the run continues, and what has changed since the last one in the folder."""
    try:
        earlier = read_manifest(out)
    except UsageError:
        return  # no readable manifest, so nothing is known about the answers in the journal
    if earlier["recipe"]["hash"] == recipe.hash:
        log("continuing: answers in the journal are used again")
    else:
        log("the recipe has changed since the last run here; every answer that still fits is used again")
    for sentence in revision_changes(recipe, earlier["sources"]):
        log(sentence)

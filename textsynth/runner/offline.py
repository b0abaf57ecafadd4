"""A run in rounds, without a server: write what is missing, have it answered as a batch, take the answers in.

Alternating both brings a whole run to its end, with the same data set as a run that asks a server itself: the windows
are the same, and so are the requests.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.formatting import pluralize
from textsynth.core.progress import ProgressSnapshot
from textsynth.recipe import Recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.batch_file import BatchFile, MissingAnswers
from textsynth.store.journal import Journal

ANSWERS_MISSING = 4
STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class OfflineRound:
    """Where a run in rounds stands.

    `waiting` requests lack an answer and were `written` to a file (None: to none). Of the file of answers `taken` went
    into the journal, `known` were there before, `unknown` belong to no request of this run now, `errors` are to be
    asked again and `unread` lines are no answers. `result` is there when nothing is missing any more.
    """

    waiting: int
    written: Path | None
    taken: int
    known: int
    unknown: int
    errors: int
    unread: int
    sentence: str
    result: RunSummary | None

    @property
    def exit_code(self) -> int:
        """4 while answers are missing, else that of the run."""
        return ANSWERS_MISSING if self.result is None else self.result.exit_code


def run_round(
    recipe: Recipe,
    *,
    out: Path,
    requests_only: Path | None,
    answers: Path | None,
    limit: int | None = None,
    fresh: bool = False,
    watch: Callable[[ProgressSnapshot], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> OfflineRound:
    """Take in the file `answers`, go on as far as the journal carries, and write what is missing to `requests_only`.

    Either may be None; "-" is stdout. No server is asked. Raises what `run` raises, UsageError for a file that cannot
    be read, RunError for one that cannot be written.
    """
    batch = BatchFile(recipe.models, answers)
    known = 0 if fresh else _known(out, batch)
    result: RunSummary | None = None
    with contextlib.suppress(MissingAnswers):
        result = run(recipe, out=out, limit=limit, fresh=fresh, watch=watch, log=say, batch=batch)
    if requests_only == STDOUT:
        batch.write(sys.stdout)
    elif requests_only is not None:
        batch.write_to(requests_only)
    return _told(batch, known, requests_only, answers, result)


def _known(out: Path, batch: BatchFile) -> int:
    if not batch.ids or not (out / "journal.sqlite").is_file():
        return 0
    with Journal(out) as journal:
        return len(journal.find_answers(batch.ids))


def _told(
    batch: BatchFile, known: int, written: Path | None, answers: Path | None, result: RunSummary | None
) -> OfflineRound:
    errors = sum(batch.errors.values())
    unknown = len(batch.ids) - known - len(batch.taken) - errors
    parts: list[str] = []
    if answers is not None:
        parts.append(f"{answers}: {pluralize(len(batch.taken), 'answer')} taken in")
        parts += [f"{known} were known"] if known else []
        parts += [f"{unknown} belong to no request of this run as it is now"] if unknown else []
        parts += [f"{errors} are errors ({batch.errors.most_common(1)[0][0]}) and are asked again"] if errors else []
        parts += [f"{batch.unread} lines are cut off or no answers"] if batch.unread else []
    sentence = "; ".join([", ".join(parts)] * bool(parts) + _next(batch, written, result))
    waiting = len(batch.waiting) if result is None else 0
    return OfflineRound(
        waiting, written, len(batch.taken), known, unknown, errors, batch.unread, sentence, result
    )  # fmt: skip


def _next(batch: BatchFile, written: Path | None, result: RunSummary | None) -> list[str]:
    if result is not None:
        return [f"nothing is missing: {result.sentence}"]
    count = pluralize(len(batch.waiting), "request")
    if written is None:
        lack = "lacks" if len(batch.waiting) == 1 else "lack"
        return [f"{count} {lack} an answer: write what is missing with --requests-only FILE, or run without --answers"]
    where = "stdout" if written == STDOUT else str(written)
    chats = all(request.prompt.messages for _, request in batch.waiting)
    how = (
        "`vllm run-batch` or a service's batches" if chats else "a service's batches (vllm run-batch takes chats alone)"
    )
    return [f"{count} written to {where}: have them answered by {how}, then run again with --answers FILE"]

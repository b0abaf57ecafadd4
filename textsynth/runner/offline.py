"""Offline runs: writes the missing requests to a batch file and adds the answers of a batch to the journal, in rounds.

Alternating both brings a run to its end with the same data set as a run that sends its requests to a server: windows
and requests are the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.progress import ProgressSnapshot
from textsynth.recipe import Recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.batch_file import BatchFile, MissingAnswers
from textsynth.runner.folder import make_folder
from textsynth.store.journal import Journal
from textsynth.store.owned_files import OwnedFiles

ANSWERS_MISSING = 4
STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class OfflineRound:
    """The result of one round.

    `waiting` is the number of requests without an answer, and `written` the file to which they were written (None:
    none). Of the file of answers, `taken` were added to the journal, `known` were in it already, `unknown` belong to no
    request of this run as it is now, `errors` are requested again, and `unread` lines hold no answer. `result` is the
    run's, None while answers are missing.
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
    log: Callable[[str], None] = lambda _: None,
) -> OfflineRound:
    """Add the file `answers` to the journal, run as far as that allows, write missing requests to `requests_only`.

    Either file may be None; "-" is stdout. No server gets a request. Raises what `run` raises, UsageError for a file
    that cannot be read, RunError for one that cannot be written.
    """
    if requests_only is not None:
        _check_replaceable(out, requests_only)
    batch = BatchFile(recipe.models, answers)
    known = 0 if fresh else _count_known(out, batch)
    result: RunSummary | None = None
    with contextlib.suppress(MissingAnswers):
        result = run(recipe, out=out, limit=limit, fresh=fresh, watch=watch, log=log, batch=batch)
    if requests_only == STDOUT:
        batch.write(sys.stdout)
    elif requests_only is not None:
        _write_requests(out, batch, requests_only)
    return _summarize(batch, known, requests_only, answers, result)


def _check_replaceable(out: Path, path: Path) -> None:
    """Raise UsageError where the requests would replace a file that no earlier round of this run wrote, or a folder."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, and the requests are written to a file; name one")
    if path != STDOUT and os.path.lexists(path) and (path.is_file() or not path.exists()):
        OwnedFiles(out).refuse_obstacles([str(path.absolute())])


def _write_requests(out: Path, batch: BatchFile, path: Path) -> None:
    """Write the missing requests, with their hash on the list of the run's files, so that the next round replaces them.

    A pipe or a device is written to directly.
    """
    _check_replaceable(out, path)
    if path.is_file() or not path.exists():
        digest = _HashedText()
        batch.write(digest)  # type: ignore[arg-type]
        make_folder(out)
        OwnedFiles(out).add({str(path.absolute()): digest.hexdigest()})
    batch.write_to(path)


class _HashedText:
    """A text file that keeps only the sha256 of what is written to it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, text: str) -> None:
        """Add text to the hash."""
        self._digest.update(text.encode("utf-8", "replace"))

    def hexdigest(self) -> str:
        """Return the sha256 of everything that was written."""
        return self._digest.hexdigest()


def _count_known(out: Path, batch: BatchFile) -> int:
    """Return how many answers of the batch the journal has already."""
    if not batch.keys or not (out / "journal.sqlite").is_file():
        return 0
    with Journal(out) as journal:
        return len(journal.find_answers(batch.keys))


def _summarize(
    batch: BatchFile, known: int, written: Path | None, answers: Path | None, result: RunSummary | None
) -> OfflineRound:
    errors = sum(batch.errors.values())
    unknown = len(batch.keys) - known - len(batch.taken) - errors
    parts: list[str] = []
    if answers is not None:
        parts.append(f"{answers}: {pluralize(len(batch.taken), 'answer')} added to the journal")
        parts += [f"{known} were in it already"] if known else []
        parts += [f"{unknown} belong to no request of this run as it is now"] if unknown else []
        parts += (
            [f"{errors} are errors ({batch.errors.most_common(1)[0][0]}) and are requested again"] if errors else []
        )
        parts += [f"{pluralize(batch.unreadable, 'line')} cut off or no answer"] if batch.unreadable else []
    sentences = [", ".join(parts)] if parts else []
    return OfflineRound(
        waiting=len(batch.missing) if result is None else 0,
        written=written,
        taken=len(batch.taken),
        known=known,
        unknown=unknown,
        errors=errors,
        unread=batch.unreadable,
        sentence="; ".join([*sentences, _next_step(batch, written, result)]),
        result=result,
    )


def _next_step(batch: BatchFile, written: Path | None, result: RunSummary | None) -> str:
    if result is not None:
        return f"nothing is missing: {result.sentence}"
    count = pluralize(len(batch.missing), "request")
    if written is None:
        verb = "lacks" if len(batch.missing) == 1 else "lack"
        return f"{count} {verb} an answer: write what is missing with --requests-only FILE, or run without --answers"
    file = "stdout" if written == STDOUT else str(written)
    only_chats = all(request.prompt.messages for _, request in batch.missing)
    service = (
        "`vllm run-batch` or the batch API of a service"
        if only_chats
        else "the batch API of a service (vllm run-batch takes only chats)"
    )
    return f"{count} written to {file}: have them answered by {service}, then run again with --answers FILE"

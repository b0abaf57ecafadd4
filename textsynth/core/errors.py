"""Every error that TextSynth raises on purpose, and the exit code with which each one ends a command.

    TextSynthError                 1
    ├── UsageError                 2   the command, a recipe or a file it names is wrong
    │   ├── RecipeError            2   one or more issues in a recipe, reported together
    │   ├── PromptError            2   a prompt template is wrong, or uses a variable that no step offers
    │   ├── SourceError            2   a data file cannot be read as the recipe says
    │   └── MissingExtra           2   a package of an extra is not installed
    ├── ModelError                 1   no request can succeed: wrong key, unknown model, no server
    └── RunError                   1   the run itself failed
        ├── RunLocked              1   another run uses the same folder
        ├── JournalError           1   the journal cannot be written or read
        ├── ClusterError           1   the cluster cannot be reached, or has too few GPUs
        └── LedgerError            1   a record was lost or counted twice: a bug in TextSynth

A message is one sentence with four parts: where, what was wrong, what was found, what would be right.
"""

from __future__ import annotations

import difflib
import errno
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textsynth.core.secrets import redact_message

MAX_NAMES_LISTED = 24
MIN_SIMILARITY = 0.65
"""Of a spelling to the name that was meant, as difflib measures it: `text` and `intent` have 0.6."""
WRITE_REMEDIES = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "raise the limit of the size of a file (ulimit -f)",
    errno.EROFS: "write to another folder",
    errno.EACCES: "write to another folder, or change the permissions",
    errno.EPERM: "write to another folder, or change the permissions",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "choose a shorter path",
}


class TextSynthError(Exception):
    """The base class: its text is written for the person who started the command, and has no secret of a recipe."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return redact_message(super().__str__())


class UsageError(TextSynthError):
    """The command, the recipe or a file it names is wrong; nothing was written."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class RecipeIssue:
    """One issue: its position (`recipe.yaml:14`; "" for options made in Python) and one sentence about it."""

    where: str
    sentence: str

    def __str__(self) -> str:
        is_named = not self.where or self.sentence.startswith((f"{self.where}: ", f"{self.where} "))
        return self.sentence if is_named else f"{self.where}: {self.sentence}"


class RecipeError(UsageError):
    """All issues of a recipe, in the order of their lines."""

    def __init__(self, issues: Iterable[RecipeIssue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(map(str, self.issues)))


class PromptError(UsageError):
    """A prompt template is wrong, or uses a variable that the step does not offer.

    `variables` are the names that the template uses; None where it cannot be parsed.
    """

    def __init__(self, message: str, variables: frozenset[str] | None = None) -> None:
        self.variables = variables
        super().__init__(message)


class SourceError(UsageError):
    """A data file is missing, unreadable or not what the recipe says."""


class MissingExtra(UsageError):
    """A package that belongs to an extra is not installed; the message names the extra."""


class ModelError(TextSynthError):
    """No request of this model can succeed, so the run stops: wrong key, unknown model, no server."""


class RunError(TextSynthError):
    """The run itself failed."""


class RunLocked(RunError):
    """A second run was started in the folder of a run in progress."""


class JournalError(RunError):
    """The journal cannot be opened, read or written: full disk, read-only folder, corrupt file."""


class ClusterError(RunError):
    """The cluster that the command names cannot be started or reached, or has too few GPUs."""


class LedgerError(RunError):
    """A record was lost, counted twice or left without an outcome: a bug in TextSynth, never in the recipe."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the nearest of `allowed`, else `; there are: …` with all of them, else "".

    The nearest is the only one that begins with `name`, else the one with the most similar spelling.
    """
    candidates = [str(candidate) for candidate in allowed]
    begin = [candidate for candidate in candidates if len(str(name)) > 1 and candidate.startswith(str(name))]
    nearest = (
        begin
        if len(begin) == 1
        else difflib.get_close_matches(str(name), begin or candidates, n=1, cutoff=MIN_SIMILARITY)
    )
    if nearest:
        return f"; did you mean {nearest[0]!r}?"
    if not candidates:
        return ""
    listed = ", ".join(candidates[:MAX_NAMES_LISTED]) + (", …" if len(candidates) > MAX_NAMES_LISTED else "")
    return f"; there are: {listed}"


def write_error_reason(error: OSError) -> str:
    """Return why the system could not write, and what helps where that is known: `File too large; raise …`."""
    remedy = WRITE_REMEDIES.get(error.errno or 0)
    return f"{error.strerror or error}{f'; {remedy}' if remedy else ''}"


def require_extra(extra: str, *modules: str, why: str) -> None:
    """Raise MissingExtra with the pip command unless every one of `modules` can be imported.

    Call it at the start of the function that imports a heavy package, so that nothing is loaded early.
    """
    missing = [name for name in modules if importlib.util.find_spec(name.split(".")[0]) is None]
    if missing:
        raise MissingExtra(
            f"{why} needs the package {missing[0]!r}, which is not installed: pip install 'textsynth[{extra}]'"
        )

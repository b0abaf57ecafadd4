"""Every error TextSynth raises on purpose, and the exit code each one ends a command with.

    TextSynthError                 1
    ├── UsageError                 2   the command, a recipe or a file it names is wrong
    │   ├── RecipeError            2   one or more mistakes in a recipe, reported together
    │   ├── PromptError            2   a prompt template is wrong or asks for what no step offers
    │   ├── SourceError            2   a data file cannot be read as the recipe says
    │   └── MissingExtra           2   a package of an extra is not installed
    ├── ModelError                 1   no request can succeed: wrong key, unknown model, no server
    └── RunError                   1   the run itself failed
        ├── RunLocked              1   another run works in the same folder
        ├── JournalError           1   the journal cannot be written or read
        └── CensusBroken           1   a record was lost or counted twice: our bug

A message is one sentence with four parts: where, what was wrong, what was found, what would be right.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

NAMES_LISTED = 24


class TextSynthError(Exception):
    """The root: its text is meant for the person who started the command."""

    exit_code: ClassVar[int] = 1


class UsageError(TextSynthError):
    """The command, the recipe or a file it names is wrong; nothing was written."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class RecipeIssue:
    """One mistake in a file: where it stands (`recipe.yaml:14`) and one sentence about it."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class RecipeError(UsageError):
    """All mistakes found in a recipe, in the order of their lines."""

    def __init__(self, mistakes: Iterable[RecipeIssue]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class PromptError(UsageError):
    """A prompt template is wrong, or uses a variable that the step does not offer."""


class SourceError(UsageError):
    """A data file is missing, unreadable or not what the recipe says."""


class MissingExtra(UsageError):
    """A package that belongs to an extra is not installed; the message names the extra."""


class ModelError(TextSynthError):
    """No request of this model can succeed, so the run stops: wrong key, unknown model, no server."""


class RunError(TextSynthError):
    """The run itself failed."""


class RunLocked(RunError):
    """A second run was started in a folder in which one is at work."""


class JournalError(RunError):
    """The journal cannot be opened, read or written: full disk, read-only folder, corrupt file."""


class LedgerError(RunError):
    """A record was lost, counted twice or left waiting: a fault of TextSynth, never of the recipe."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest of `known`, else the list itself, else nothing.

    Nearest is the only one that begins with `name`, then the one that looks most like it.
    """
    names = [str(one) for one in known]
    begun = [one for one in names if len(str(name)) > 1 and one.startswith(str(name))]
    close = begun if len(begun) == 1 else difflib.get_close_matches(str(name), begun or names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return ""
    listed = ", ".join(names[:NAMES_LISTED]) + (", …" if len(names) > NAMES_LISTED else "")
    return f"; there are: {listed}"


def require_extra(extra: str, *modules: str, why: str) -> None:
    """Raise MissingExtra with the pip line unless every one of `modules` can be imported.

    Call it at the head of the function that imports something heavy, so that nothing is loaded early.
    """
    missing = [name for name in modules if importlib.util.find_spec(name.split(".")[0]) is None]
    if missing:
        raise MissingExtra(
            f"{why} needs the package {missing[0]!r}, which is not installed: pip install 'textsynth[{extra}]'"
        )

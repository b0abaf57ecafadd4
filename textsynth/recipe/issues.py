"""Collects the issues of a recipe while it is read, so that all of them are reported at once."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from textsynth.core.errors import RecipeError, RecipeIssue

AFTER_LAST_LINE = 1_000_000_000


class Position(NamedTuple):
    """A position in a recipe: the line by which issues are sorted, and its name (`recipe.yaml:14`, `--set 'seed=x'`).

    Nodes and steps keep theirs as `mark`, the word that YAML parsers use.
    """

    line: int
    where: str


class IssueCollector:
    """The issues found so far; those of `--set` options are sorted behind the lines of the file."""

    def __init__(self) -> None:
        self._lines: dict[RecipeIssue, int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, position: Position, sentence: str) -> None:
        """Add an issue; the same sentence at the same position is added once, and does not repeat the position."""
        message = " ".join(sentence.splitlines()).removeprefix(f"{position.where}: ")
        self._lines.setdefault(RecipeIssue(position.where, message), position.line)

    def sorted_issues(self) -> list[RecipeIssue]:
        """Return the issues in the order of their lines; within a line, in the order in which they were found."""
        return sorted(self._lines, key=lambda issue: self._lines[issue])

    def fail(self, position: Position, sentence: str) -> NoReturn:
        """Add an issue after which reading cannot continue. Raises RecipeError with all issues."""
        self.add(position, sentence)
        raise RecipeError(self.sorted_issues())

    def raise_if_any(self) -> None:
        """Raise RecipeError if there is any issue."""
        if self._lines:
            raise RecipeError(self.sorted_issues())

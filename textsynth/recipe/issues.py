"""Collects mistakes while a recipe is read, so that all of them are reported at once."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from textsynth.core.errors import RecipeError, RecipeIssue

AFTER_THE_FILE = 1_000_000_000


class Position(NamedTuple):
    """Where something stands: the line it is sorted by, and the words for it (`recipe.yaml:14`, `--set 'seed=x'`)."""

    line: int
    where: str


class IssueCollector:
    """The mistakes found so far; `--set` options come after the lines of the file."""

    def __init__(self) -> None:
        self._noted: dict[RecipeIssue, int] = {}

    def __len__(self) -> int:
        return len(self._noted)

    def add(self, mark: Position, sentence: str) -> None:
        """Keep one mistake; the same sentence about the same place is kept once, and names the place once."""
        told = " ".join(sentence.splitlines()).removeprefix(f"{mark.where}: ")
        self._noted.setdefault(RecipeIssue(mark.where, told), mark.line)

    def listed(self) -> list[RecipeIssue]:
        """Return the mistakes in the order of their lines; within a line, as they were found."""
        return sorted(self._noted, key=lambda mistake: self._noted[mistake])

    def fail(self, mark: Position, sentence: str) -> NoReturn:
        """Note a mistake that leaves nothing to go on with. Raises RecipeError with all that were found."""
        self.add(mark, sentence)
        raise RecipeError(self.listed())

    def stop(self) -> None:
        """Raise RecipeError if there is any mistake."""
        if self._noted:
            raise RecipeError(self.listed())

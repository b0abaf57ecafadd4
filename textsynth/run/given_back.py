"""What steps give back, looked at where it comes in: a slip in one of the user's own is a sentence that names it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from textsynth.errors import UsageError
from textsynth.records import Ask, Completion, Drop, Record
from textsynth.step import Shortfall, Writer

Begun = TypeVar("Begun")
LIST = "a list of Ask, [] where there is nothing to ask"
FOUND = "a list of Record and Drop"


def begun(name: str, given: Begun, methods: Sequence[str]) -> Begun:
    """Return what `begin` of the item `name` gave. Raises UsageError where it lacks one of the methods."""
    if all(callable(getattr(given, method, None)) for method in methods):
        return given
    raise UsageError(f"{name}: begin gave {given!r:.60}, and gives an object with the methods {', '.join(methods)}")


class CheckedWriter:
    """A generator at work whose plans and readings are looked at; `name` is what the recipe calls it."""

    def __init__(self, name: str, writer: Writer) -> None:
        self._name = name
        self._writer = begun(name, writer, ("plan", "read", "learn"))

    def plan(self, short: Sequence[Shortfall], room: int) -> list[Ask]:
        """Plan. Raises UsageError where something else than a list of asks comes back."""
        asks = self._writer.plan(short, room)
        if not isinstance(asks, (list, tuple)) or not all(isinstance(one, Ask) for one in asks):
            raise UsageError(f"{self._name}: plan gave {asks!r:.60}, and gives {LIST}")
        return list(asks)

    def read(self, ask: Ask, request: str, completion: Completion | None) -> list[Record | Drop]:
        """Read. Raises UsageError where something else than a list of records and drops comes back."""
        found = self._writer.read(ask, request, completion)
        if not isinstance(found, (list, tuple)) or not all(isinstance(one, (Record, Drop)) for one in found):
            raise UsageError(f"{self._name}: read gave {found!r:.60}, and gives {FOUND}")
        return list(found)

    def learn(self, accepted: Sequence[Record]) -> None:
        """Learn."""
        self._writer.learn(accepted)


def picked(name: str, given: object, shown: Collection[str]) -> set[str]:
    """Return the ids that the selector `name` gave. Raises UsageError where they are none of those that were shown."""
    if isinstance(given, Collection) and not isinstance(given, (str, bytes)):
        wrong = next((one for one in given if not isinstance(one, str) or one not in shown), None)
        if wrong is None:
            return {str(one) for one in given}
        raise UsageError(f"{name}: pick gave {wrong!r:.60} among its ids, which is none of a text that it was shown")
    raise UsageError(f"{name}: pick gave {given!r:.60}, and gives a list of the ids (record.id) of what it picks")

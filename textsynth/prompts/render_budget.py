"""What one rendering may cost: so many steps, and no value beyond a size.

A prompt comes with a recipe, and a recipe may come from anywhere: `"a" * 10**9` or three nested loops must end
quickly with a sentence. Steps are counted, not seconds, so that a prompt renders everywhere or nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Undefined

MAX_TEXT = 200_000
"""Characters that a rendered prompt, or any text on the way to it, may have."""
MAX_STEPS = 1_000_000
"""Steps of a rendering, each of about 0.2 µs: one a node of the template that runs, more for what takes longer."""
MAX_MEMBERS = 50_000
"""Members that a list or map made by a template may have, with those of what it holds, however often it holds it."""
MAX_HELD = 10 * MAX_TEXT
"""Characters that a list or map made by a template may hold, counted in the same way."""
OF_A_FILTER, OF_A_CALL = 15, 60
MAX_BITS = 4_096
"""Bits of a whole number made by a template."""

_GROUPS = (list, tuple, set, frozenset)
_HOLDING = (*_GROUPS, dict)
_TEXTS = {str}
_PRINTED = (int, float, Undefined)


class RenderBudget:
    """Counts the steps of one rendering; every method raises TemplateRuntimeError beyond a bound."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count steps."""
        self._left -= steps
        if self._left < 0:
            raise TemplateRuntimeError(f"the template runs for more than {MAX_STEPS:,} steps; are loops nested?")

    def paced(self, values: object, cost: int) -> object:
        """Return `values` to loop over, `cost` steps a turn."""
        size = len(values) if type(values) is list else size_of(values)
        if size is not None:
            self.spend(size * cost)
            return values
        if not isinstance(values, Iterable):
            raise TemplateRuntimeError(f"cannot loop over {values!r}; a loop needs a list")
        return self._counted(values, cost)

    def checked(self, value: object) -> object:
        """Return a value that the template made, after a check of its size; what comes piecemeal is counted."""
        if isinstance(value, str):
            at_most(len(value))
            self.read(value)
        elif isinstance(value, int):
            if value.bit_length() > MAX_BITS:
                raise TemplateRuntimeError(f"a number has more than {MAX_BITS:,} bits")
        elif isinstance(value, _HOLDING):
            self.weigh(value)
        elif isinstance(value, Iterator):
            return self._counted(value, 1)
        return value

    def read(self, text: str, times: int = 1) -> None:
        """Count a text that is gone through or copied."""
        self.spend(1 + (times * len(text) >> 3))

    def weigh(self, value: object) -> None:
        """Count a value that is about to be gone through: its characters and members, with all that they hold."""
        if type(value) is list and set(map(type, value)) <= _TEXTS:
            members, held = len(value), sum(map(len, value))
            _within(members, held)
        else:
            members, held = _weight(value)
        self.spend(members + (held >> 3))

    def _counted(self, values: Iterable[object], cost: int) -> Iterator[object]:
        for value in values:
            self.spend(cost)
            yield value


def _weight(value: object) -> tuple[int, int]:
    members = held = 0
    rest: list[Iterator[object]] = [iter((value,))]
    while rest:
        for one in rest[-1]:
            members += 1
            _within(members, held)
            if isinstance(one, str):
                held += len(one)
            elif isinstance(one, dict):
                rest.append(chain(one.keys(), one.values()))
                break
            elif isinstance(one, _GROUPS):
                rest.append(iter(one))
                break
        else:
            rest.pop()
        if len(rest) > 100:
            raise TemplateRuntimeError("a list or map is nested more than 100 deep")
    return members, held


def _within(members: int, held: int) -> None:
    if members > MAX_MEMBERS or held > MAX_HELD:
        most = f"{MAX_MEMBERS:,} members or {MAX_HELD:,} characters"
        raise TemplateRuntimeError(f"a list or map grows beyond {most}")


def size_of(value: object) -> int | None:
    """Return how many turns a loop over `value` has, or None where only going through it can tell."""
    if isinstance(value, Undefined):
        str(value)
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def at_most(size: int, what: str = "text") -> None:
    """Refuse what would have more than MAX_TEXT characters or members, before it is made."""
    if size > MAX_TEXT:
        raise TemplateRuntimeError(f"a {what} of the size {size:,}; a prompt may make one of {MAX_TEXT:,} at most")


def as_text(value: object) -> str:
    """Return what a value looks like in a prompt. Refuses what is printed only by mistake: lists, maps, None."""
    if isinstance(value, str):
        return value
    if isinstance(value, _PRINTED):
        return str(value)
    if value is None:
        raise TemplateRuntimeError('an empty value (None) is put in; write {{ value or "" }}')
    if isinstance(value, dict):
        raise TemplateRuntimeError("a whole map is put in; name one of its keys, or write {{ value | tojson }}")
    if isinstance(value, Iterable):
        raise TemplateRuntimeError("a whole list is put in; loop over it, or write {{ value | join(', ') }}")
    raise TemplateRuntimeError(f"a {type(value).__name__} is put in, which is no text; name one of its parts")

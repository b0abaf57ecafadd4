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
MAX_STEPS = 2_000_000
"""Steps of a rendering: about one a node of the template that runs, more for large values."""
MAX_WEIGHT = 10 * MAX_TEXT
"""Characters and members that a list or map made by a template may hold, counting what it holds several times."""
MAX_BITS = 4_096
"""Bits of a whole number made by a template."""

Scalar = str | int | float | bool


class Meter:
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
        size = size_of(values)
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
            self.spend(len(value) >> 3)
        elif isinstance(value, int):
            if value.bit_length() > MAX_BITS:
                raise TemplateRuntimeError(f"a number has more than {MAX_BITS:,} bits")
        elif isinstance(value, list | tuple | dict | set | frozenset):
            self.weigh(value)
        elif isinstance(value, Iterator):
            return self._counted(value, 1)
        return value

    def weigh(self, value: object) -> None:
        """Count a value that is about to be gone through: its characters and members, with all that they hold."""
        weight = 0
        rest: list[Iterator[object]] = [iter((value,))]
        while rest:
            for one in rest[-1]:
                weight += 1
                if weight > MAX_WEIGHT:
                    raise TemplateRuntimeError(f"a list or map grows beyond {MAX_WEIGHT:,} characters and members")
                if isinstance(one, str):
                    weight += len(one)
                elif isinstance(one, dict):
                    rest.append(chain(one.keys(), one.values()))
                    break
                elif isinstance(one, list | tuple | set | frozenset):
                    rest.append(iter(one))
                    break
            else:
                rest.pop()
            if len(rest) > 100:
                raise TemplateRuntimeError("a list or map is nested more than 100 deep")
        self.spend(weight >> 3)

    def _counted(self, values: Iterable[object], cost: int) -> Iterator[object]:
        for value in values:
            self.spend(cost)
            yield value


def size_of(value: object) -> int | None:
    """Return how many turns a loop over `value` has, or None where only going through it can tell."""
    if isinstance(value, Undefined):
        str(value)
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def at_most(characters: int) -> None:
    """Refuse a text of more than MAX_TEXT characters, before it is made where its size is known."""
    if characters > MAX_TEXT:
        raise TemplateRuntimeError(f"a text of {characters:,} characters; a prompt has at most {MAX_TEXT:,}")


def as_text(value: object) -> str:
    """Return what a value looks like in a prompt. Refuses what is printed only by mistake: lists, maps, None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | Undefined):
        return str(value)
    if value is None:
        raise TemplateRuntimeError('an empty value (None) is put in; write {{ value or "" }}')
    if isinstance(value, dict):
        raise TemplateRuntimeError("a whole map is put in; name one of its keys, or write {{ value | tojson }}")
    if isinstance(value, Iterable):
        raise TemplateRuntimeError("a whole list is put in; loop over it, or write {{ value | join(', ') }}")
    raise TemplateRuntimeError(f"a {type(value).__name__} is put in, which is no text; name one of its parts")

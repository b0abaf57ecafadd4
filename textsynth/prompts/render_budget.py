"""Limits on what one rendering may cost: a number of steps, and a maximum size for every value.

A prompt comes with a recipe, and a recipe may come from anywhere: `"a" * 10**9` or three nested loops must end quickly
with an error. The budget counts steps, not seconds, so that a prompt renders on every machine or on none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Undefined

MAX_TEXT = 200_000
"""Maximum length in characters of a rendered prompt and of every intermediate text."""
MAX_STEPS = 1_000_000
"""Steps per rendering, each about 0.2 µs: one for each template node that runs, more for slower operations."""
MAX_MEMBERS = 50_000
"""Maximum number of members of a list or map that a template makes.

Members of nested lists and maps count, as often as they occur.
"""
MAX_CONTAINED = 10 * MAX_TEXT
"""Maximum number of characters in a list or map that a template makes, counted like its members."""
MAX_BITS = 4_096
"""Maximum size in bits of an integer that a template makes."""
MAX_NESTING = 100
"""Maximum depth of nested lists and maps."""
FILTER_COST, CALL_COST = 15, 60
"""Steps for applying a filter and for calling a function, method or macro."""
CHARACTERS_PER_STEP = 8
"""Reading or copying this many characters costs one step."""

_SEQUENCES = (list, tuple, set, frozenset)
_CONTAINERS = (*_SEQUENCES, dict)
_TEXTS = {str}
_PRINTABLE = (int, float, Undefined)


class RenderBudget:
    """Counts the steps of one rendering. Every method raises TemplateRuntimeError where a limit is exceeded."""

    __slots__ = ("_remaining",)

    def __init__(self) -> None:
        self._remaining = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Take `steps` off the budget."""
        self._remaining -= steps
        if self._remaining < 0:
            raise TemplateRuntimeError(f"the template takes more than {MAX_STEPS:,} steps; does it have nested loops?")

    def charge_loop(self, values: object, cost: int) -> object:
        """Return `values` for a loop whose iterations cost `cost` steps each.

        A loop of known length is charged before it starts, any other one iteration at a time.
        """
        length = len(values) if type(values) is list else length_of(values)
        if length is not None:
            self.spend(length * cost)
            return values
        if not isinstance(values, Iterable):
            raise TemplateRuntimeError(f"cannot loop over {values!r}; a loop needs a list")
        return self._charge_each(values, cost)

    def check_result(self, value: object) -> object:
        """Return a value that the template made, after a check of its size; an iterator is charged as it is read."""
        if isinstance(value, str):
            check_size(len(value))
            self.charge_text(value)
        elif isinstance(value, int):
            if value.bit_length() > MAX_BITS:
                raise TemplateRuntimeError(f"a number has more than {MAX_BITS:,} bits")
        elif isinstance(value, _CONTAINERS):
            self.charge_container(value)
        elif isinstance(value, Iterator):
            return self._charge_each(value, 1)
        return value

    def charge_text(self, text: str, passes: int = 1) -> None:
        """Charge for reading or copying a text `passes` times."""
        self.spend(1 + passes * len(text) // CHARACTERS_PER_STEP)

    def charge_container(self, value: object) -> None:
        """Charge for going through a text, list or map: its characters and members, nested ones included."""
        if type(value) is list and set(map(type, value)) <= _TEXTS:
            members, characters = len(value), sum(map(len, value))
            _check_container(members, characters)
        else:
            members, characters = _contents(value)
        self.spend(members + characters // CHARACTERS_PER_STEP)

    def _charge_each(self, values: Iterable[object], cost: int) -> Iterator[object]:
        for value in values:
            # a filter such as `sort` copies each text that it reads
            size = len(value) // CHARACTERS_PER_STEP if isinstance(value, str) else 0
            self.spend(cost + size + (len(value) if isinstance(value, _CONTAINERS) else 0))
            yield value


def _contents(value: object) -> tuple[int, int]:
    """Return the number of members and of characters of a value, those of nested lists and maps included."""
    members = characters = 0
    stack: list[Iterator[object]] = [iter((value,))]
    while stack:
        for member in stack[-1]:
            members += 1
            _check_container(members, characters)
            if isinstance(member, str):
                characters += len(member)
            elif isinstance(member, dict):
                stack.append(chain(member.keys(), member.values()))
                break
            elif isinstance(member, _SEQUENCES):
                stack.append(iter(member))
                break
        else:
            stack.pop()
        if len(stack) > MAX_NESTING:
            raise TemplateRuntimeError(f"a list or map is nested more than {MAX_NESTING} deep")
    return members, characters


def _check_container(members: int, characters: int) -> None:
    if members > MAX_MEMBERS or characters > MAX_CONTAINED:
        raise TemplateRuntimeError(
            f"a list or map has more than {MAX_MEMBERS:,} members or {MAX_CONTAINED:,} characters"
        )


def length_of(value: object) -> int | None:
    """Return the number of iterations of a loop over `value`, None where it is not known before the loop runs.

    Raises UndefinedError for an undefined variable.
    """
    if isinstance(value, Undefined):
        str(value)
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def check_size(size: int, kind: str = "text") -> None:
    """Raise TemplateRuntimeError for a value of more than MAX_TEXT characters or members. Call it before making one."""
    if size > MAX_TEXT:
        raise TemplateRuntimeError(f"a {kind} of size {size:,}; a prompt may make one of at most {MAX_TEXT:,}")


def to_text(value: object) -> str:
    """Return a value as a prompt shows it.

    Raises TemplateRuntimeError for lists, maps, None and objects: no prompt shows one on purpose.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, _PRINTABLE):
        return str(value)
    if value is None:
        raise TemplateRuntimeError('an empty value (None) is inserted; write {{ value or "" }}')
    if isinstance(value, dict):
        raise TemplateRuntimeError("a map is inserted; insert one of its values, or write {{ value | tojson }}")
    if isinstance(value, Iterable):
        raise TemplateRuntimeError("a list is inserted; loop over it, or write {{ value | join(', ') }}")
    raise TemplateRuntimeError(
        f"a value of type {type(value).__name__} is inserted, which is not a text; insert one of its attributes"
    )

"""The filters, operators and methods of a prompt that could make much out of little, each with its bound.

What makes several times its input is measured before it runs; the meter checks the result of everything else.
Filters that draw lots, write HTML or pretty-print are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from jinja2.exceptions import TemplateRuntimeError
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context, Undefined
from jinja2.tests import TESTS
from jinja2.utils import pass_context

from textsynth.prompts.render_budget import MAX_BITS, MAX_TEXT, OF_A_FILTER, RenderBudget, as_text, at_most

Function = Callable[..., Any]

_LEFT_OUT = (
    "attr e escape filesizeformat forceescape pprint random safe striptags urlencode urlize wordcount wordwrap xmlattr"
)
_OF_TEXTS = "capitalize center indent lower title trim truncate upper"
_COMPARING = "in == eq equalto != ne > gt greaterthan ge >= < lt lessthan <= le"
LEFT_OUT = frozenset(_LEFT_OUT.split())
LEFT_OUT_TESTS = frozenset({"callable", "escaped", "filter", "test"})
OF_TEXTS = frozenset(_OF_TEXTS.split())
HOLDING = (str, list, tuple, dict)
COMPARING = frozenset(_COMPARING.split())
MAX_FORMAT = 5_000
"""Characters of the text on the left of `%`."""
MAX_RANGE = MAX_TEXT // 10
"""Numbers of a range."""
_FIELD = re.compile(r"%(?:\((?P<key>[^)]*)\))?[#0 +-]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?(?P<kind>.)", re.S)


def filters() -> dict[str, Function]:
    """Return the filters of a prompt by name; every one counts its steps and the size of what it makes."""
    known: dict[str, Function] = {
        name: _metered(function, of_texts=name in OF_TEXTS)
        for name, function in FILTERS.items()
        if name not in LEFT_OUT
    }
    for name, check in BEFORE.items():
        known[name] = _after(check, known[name])
    return {**known, "join": join, "replace": replace, "format": percent, "string": string, "tojson": tojson}


def tests() -> dict[str, Function]:
    """Return the tests of a prompt by name; those that compare count the size of what they compare."""
    return {
        name: _comparing(function) if name in COMPARING else function
        for name, function in cast("Mapping[str, Function]", TESTS).items()
        if name not in LEFT_OUT_TESTS
    }


@pass_context
def join(context: Context, value: object, d: str = "", attribute: str | None = None) -> str:
    """Join the members of a list, or an attribute of each, with `d` between them."""
    meter = meter_of(context)
    members = meter.paced(value, 4)
    of = make_attrgetter(context.environment, attribute) if attribute is not None else None
    parts = [as_text(of(member) if of is not None else member) for member in members]  # type: ignore[attr-defined]
    between = as_text(d)
    at_most(sum(map(len, parts)) + len(between) * max(0, len(parts) - 1))
    return between.join(parts)


@pass_context
def replace(context: Context, value: object, old: object, new: object, count: int = -1) -> str:
    """Replace `old` by `new`, at most `count` times where it is given."""
    text, old, new = as_text(value), as_text(old), as_text(new)
    meter_of(context).read(text)
    found = text.count(old) if old else len(text) + 1
    at_most(len(text) + found * max(0, len(new) - len(old)))
    return text.replace(old, new, -1 if count is None else count)


@pass_context
def percent(context: Context, value: object, *args: object, **kwargs: object) -> object:
    """Format with `%`: `{{ "%.1f" | format(score) }}`."""
    return formatted(meter_of(context), as_text(value), kwargs or args)


@pass_context
def string(context: Context, value: object) -> str:
    """Turn a number into a text."""
    meter_of(context).spend(OF_A_FILTER)
    return as_text(value)


@pass_context
def tojson(context: Context, value: object, indent: int | None = None) -> object:
    """Write a value as JSON, letters as they are."""
    meter = meter_of(context)
    meter.weigh(value)
    if isinstance(value, Undefined):
        str(value)
    return meter.checked(json.dumps(value, ensure_ascii=False, indent=None if indent is None else min(indent, 8)))


def formatted(meter: RenderBudget, template: str, values: object) -> object:
    """Return `template % values`, with widths below 1,000 and within the size of a prompt."""
    if len(template) > MAX_FORMAT:
        raise TemplateRuntimeError(f"a format of {len(template):,} characters; at most {MAX_FORMAT:,}")
    given = (
        tuple(values.values()) if isinstance(values, Mapping) else values if isinstance(values, tuple) else (values,)
    )
    longest = max((len(as_text(one)) for one in given), default=0)
    for field in _FIELD.finditer(template):
        width, precision = field["width"], field["precision"] or ""
        if "*" in (width, precision) or len(width) > 3 or len(precision) > 3:
            raise TemplateRuntimeError(f"the field {field[0]!r} is wider than 999 characters")
    at_most(len(template) + template.count("%") * max(longest, 1_000 if _FIELD.search(template) else 0))
    return meter.checked(template % values)


def operated(meter: RenderBudget, operator: str, left: object, right: object, plain: Function) -> object:
    """Return what `+`, `*`, `**` or `%` makes of two values, refused before it grows out of bounds."""
    if operator == "%" and isinstance(left, str):
        return formatted(meter, left, right)
    if operator == "*":
        _product(left, right)
    elif operator == "**":
        _power(left, right)
    return meter.checked(plain(left, right))


def called(context: Context, name: str, text: str, args: tuple[object, ...]) -> object:
    """Return what `text.join(…)` or `text.replace(…)` makes, bounded like the filters of these names."""
    function: Function = _join_method if name == "join" else replace
    return function(context, text, *args)


def _join_method(context: Context, between: str, members: object) -> str:
    return join(context, members, between)


def meter_of(context: Context) -> RenderBudget:
    """Return the meter of the rendering that a context belongs to."""
    return cast("RenderBudget", context.meter)  # type: ignore[attr-defined]


def _product(left: object, right: object) -> None:
    for one, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(one, str | list | tuple | bytes):
            at_most(len(one) * max(0, times), "list or text")
    if isinstance(left, int) and isinstance(right, int):
        _bits(left.bit_length() + right.bit_length())


def _power(base: object, exponent: object) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 0:
        _bits(base.bit_length() * exponent)


def _bits(bits: int) -> None:
    if bits > 2 * MAX_BITS:
        raise TemplateRuntimeError(f"a number has more than {MAX_BITS:,} bits")


def _metered(function: Function, *, of_texts: bool) -> Function:
    """Wrap a filter: give it the argument it wants, count its steps, check what it makes."""
    wants = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @wraps(function)
    def metered(context: Context, value: object, *args: object, **kwargs: object) -> object:
        meter = meter_of(context)
        if isinstance(value, str):
            meter.read(value, 4)
        elif of_texts:
            value = as_text(value)
        elif isinstance(value, HOLDING):
            meter.spend(len(value))
        meter.spend(OF_A_FILTER)
        if wants is None:
            return meter.checked(function(value, *args, **kwargs))
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}[wants]
        return meter.checked(function(first, value, *args, **kwargs))

    return pass_context(metered)


def _comparing(function: Function) -> Function:
    @wraps(function)
    def compared(context: Context, value: object, *args: object) -> object:
        meter = meter_of(context)
        for one in (value, *args):
            if isinstance(one, HOLDING):
                meter.weigh(one)
        return function(value, *args)

    return pass_context(compared)


def _after(check: Callable[..., None], function: Function) -> Function:
    @wraps(function)
    def checked(context: Context, value: object, *args: object, **kwargs: object) -> object:
        check(value, *args, **kwargs)
        return function(context, value, *args, **kwargs)

    return pass_context(checked)


def _indent(value: object, width: int | str = 4, first: bool = False, blank: bool = False) -> None:  # noqa: FBT001, FBT002
    wide = len(width) if isinstance(width, str) else width
    at_most(wide * (as_text(value).count("\n") + 1))


def _width(value: object, width: int = 0, *rest: object, **named: object) -> None:
    at_most(width)


def _batch(value: object, linecount: int, fill_with: object = None) -> None:
    at_most(linecount, "list")


def _slice(value: object, slices: int, fill_with: object = None) -> None:
    at_most(slices, "list")


def _round(value: object, precision: int = 0, method: str = "common") -> None:
    if abs(precision) > 100:
        raise TemplateRuntimeError(f"round to {precision} places; at most 100 make sense")


def _sum(value: object, attribute: object = None, start: object = 0) -> None:
    if not isinstance(start, int | float):
        raise TemplateRuntimeError(f"sum adds numbers, but starts from {start!r}")


BEFORE: dict[str, Callable[..., None]] = {
    "indent": _indent,
    "center": _width,
    "batch": _batch,
    "slice": _slice,
    "round": _round,
    "sum": _sum,
}


def bounded_range(*args: int) -> range:
    """Return a range of at most MAX_RANGE numbers."""
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise TemplateRuntimeError(f"a range of {len(numbers):,} numbers; at most {MAX_RANGE:,}")
    return numbers

"""The filters, tests, operators and methods of prompt templates, each with a limit on what it can cost.

An operation whose result can be many times as large as its input is checked before it runs; the result of every other
one is checked by the RenderBudget. Filters that are random, write HTML or pretty-print are excluded.
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

from textsynth.prompts.render_budget import FILTER_COST, MAX_BITS, MAX_TEXT, RenderBudget, check_size, to_text

Function = Callable[..., Any]

_EXCLUDED = (
    "attr e escape filesizeformat forceescape pprint random safe striptags urlencode urlize wordcount wordwrap xmlattr"
)
EXCLUDED_FILTERS = frozenset(_EXCLUDED.split())
EXCLUDED_TESTS = frozenset({"callable", "escaped", "filter", "test"})
_TEXT = "capitalize center indent lower title trim truncate upper"
TEXT_FILTERS = frozenset(_TEXT.split())
"""Filters that convert their input to a text first."""
_COMPARISON = "in == eq equalto != ne > gt greaterthan ge >= < lt lessthan <= le"
COMPARISON_TESTS = frozenset({*_COMPARISON.split(), "lower", "upper"})
"""Tests that read all of what they compare; `lower` and `upper` make a text of it."""
SIZED_TYPES = (str, list, tuple, dict)
MAX_FORMAT_LENGTH = 5_000
"""Maximum length in characters of the format string on the left of `%`."""
MAX_FIELD_DIGITS = 3
"""Maximum number of digits of the width and the precision of a field such as `%10.2f`."""
MAX_FIELD_WIDTH = 10**MAX_FIELD_DIGITS
MAX_RANGE = MAX_TEXT // 10
"""Maximum length of a range."""
MAX_DECIMAL_PLACES = 100
MAX_JSON_INDENT = 8
TEXT_PASSES = 4
"""How many times a filter is assumed to read or copy its input text."""
JOIN_COST = 4
"""Steps for each member that `join` joins."""
_FIELD = re.compile(r"%(?:\((?P<key>[^)]*)\))?[#0 +-]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?(?P<kind>.)", re.S)


def make_filters() -> dict[str, Function]:
    """Return the filters of prompt templates by name. Each one charges its steps and checks its result."""
    filters: dict[str, Function] = {
        name: _with_budget(function, of_text=name in TEXT_FILTERS)
        for name, function in FILTERS.items()
        if name not in EXCLUDED_FILTERS
    }
    for name, check in ARGUMENT_CHECKS.items():
        filters[name] = _with_argument_check(check, filters[name])
    return {**filters, "join": join, "replace": replace, "format": format_, "string": string, "tojson": tojson}


def make_tests() -> dict[str, Function]:
    """Return the tests (`is …`) of prompt templates by name. Comparisons charge for the size of what they compare."""
    return {
        name: _with_comparison_charge(function) if name in COMPARISON_TESTS else function
        for name, function in cast("Mapping[str, Function]", TESTS).items()
        if name not in EXCLUDED_TESTS
    }


@pass_context
def join(context: Context, value: object, d: str = "", attribute: str | None = None) -> str:
    """Join the members of a list, or an attribute of each member, with `d` between them."""
    members = budget_of(context).charge_loop(value, JOIN_COST)
    get = make_attrgetter(context.environment, attribute) if attribute is not None else None
    parts = [to_text(get(member) if get is not None else member) for member in members]  # type: ignore[attr-defined]
    separator = to_text(d)
    check_size(sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1))
    return str(budget_of(context).check_result(separator.join(parts)))


@pass_context
def replace(context: Context, value: object, old: object, new: object, count: int = -1) -> str:
    """Replace `old` with `new`, at most `count` times; a negative count replaces all."""
    text, old, new = to_text(value), to_text(old), to_text(new)
    budget_of(context).charge_text(text)
    occurrences = text.count(old) if old else len(text) + 1
    check_size(len(text) + occurrences * max(0, len(new) - len(old)))
    return str(budget_of(context).check_result(text.replace(old, new, -1 if count is None else count)))


@pass_context
def format_(context: Context, value: object, *args: object, **kwargs: object) -> object:
    """Format with `%`: `{{ "%.1f" | format(score) }}`."""
    return percent_format(budget_of(context), to_text(value), kwargs or args)


@pass_context
def string(context: Context, value: object) -> str:
    """Convert a number to a text."""
    budget_of(context).spend(FILTER_COST)
    return str(budget_of(context).check_result(to_text(value)))


@pass_context
def tojson(context: Context, value: object, indent: int | None = None) -> object:
    """Convert a value to JSON, without escaping letters outside of ASCII."""
    budget = budget_of(context)
    budget.charge_container(value)
    if isinstance(value, Undefined):
        str(value)
    spaces = None if indent is None else min(indent, MAX_JSON_INDENT)
    return budget.check_result(json.dumps(value, ensure_ascii=False, indent=spaces))


def percent_format(budget: RenderBudget, template: str, values: object) -> object:
    """Return `template % values`. Raises TemplateRuntimeError for a field or a result that is too large."""
    if len(template) > MAX_FORMAT_LENGTH:
        raise TemplateRuntimeError(f"a format of {len(template):,} characters; at most {MAX_FORMAT_LENGTH:,}")
    if isinstance(values, Mapping):
        arguments = tuple(values.values())
    else:
        arguments = values if isinstance(values, tuple) else (values,)
    longest = max((len(to_text(argument)) for argument in arguments), default=0)
    has_fields = False
    for field in _FIELD.finditer(template):
        has_fields = True
        width, precision = field["width"], field["precision"] or ""
        if "*" in (width, precision) or max(len(width), len(precision)) > MAX_FIELD_DIGITS:
            raise TemplateRuntimeError(f"the field {field[0]!r} is wider than {MAX_FIELD_WIDTH - 1} characters")
    check_size(len(template) + template.count("%") * max(longest, MAX_FIELD_WIDTH if has_fields else 0))
    return budget.check_result(template % values)


def binary_operation(budget: RenderBudget, operator: str, left: object, right: object, function: Function) -> object:
    """Return `function(left, right)` for `+`, `*`, `**` or `%`; a result beyond the limits is refused before."""
    if operator == "%" and isinstance(left, str):
        return percent_format(budget, left, right)
    if operator == "*":
        _check_product(left, right)
    elif operator == "**":
        _check_power(left, right)
    return budget.check_result(function(left, right))


def call_text_method(context: Context, name: str, text: str, args: tuple[object, ...]) -> object:
    """Return `text.join(…)` or `text.replace(…)`, with the limits of the filters of these names."""
    method: Function = _join_method if name == "join" else replace
    return method(context, text, *args)


def _join_method(context: Context, separator: str, members: object) -> str:
    return join(context, members, separator)


def budget_of(context: Context) -> RenderBudget:
    """Return the budget of the rendering that a context belongs to."""
    return cast("RenderBudget", context.budget)  # type: ignore[attr-defined]


def bounded_range(*args: int) -> range:
    """Return a range. Raises TemplateRuntimeError for one of more than MAX_RANGE numbers."""
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise TemplateRuntimeError(f"a range of {len(numbers):,} numbers; at most {MAX_RANGE:,}")
    return numbers


def make_dict(*args: Any, **kwargs: object) -> dict[Any, Any]:  # noqa: ANN401
    """Return a new map. The class itself is no global: its methods (`dict.update`) would change values in place."""
    return dict(*args, **kwargs)


def _check_product(left: object, right: object) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(value, str | list | tuple | bytes):
            check_size(len(value) * max(0, times), "list or text")
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())


def _check_power(base: object, exponent: object) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 0:
        _check_bits(base.bit_length() * exponent)


def _check_bits(estimate: int) -> None:
    """Refuse a result whose estimated size in bits is too large; the estimate may be twice the true size."""
    if estimate > 2 * MAX_BITS:
        raise TemplateRuntimeError(f"a number has more than {MAX_BITS:,} bits")


def _with_budget(function: Function, *, of_text: bool) -> Function:
    """Wrap a filter of Jinja: pass the first argument that it asks for, charge its steps, check its result."""
    first_argument = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @wraps(function)
    def charged(context: Context, value: object, *args: object, **kwargs: object) -> object:
        budget = budget_of(context)
        if isinstance(value, str):
            budget.charge_text(value, TEXT_PASSES)
        elif of_text:
            value = to_text(value)
        elif isinstance(value, SIZED_TYPES):
            budget.spend(len(value))
        budget.spend(FILTER_COST)
        if first_argument is None:
            return budget.check_result(function(value, *args, **kwargs))
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        return budget.check_result(function(first[first_argument], value, *args, **kwargs))

    return pass_context(charged)


def _with_comparison_charge(function: Function) -> Function:
    @wraps(function)
    def charged(context: Context, value: object, *args: object) -> object:
        for operand in (value, *args):
            if isinstance(operand, SIZED_TYPES):
                budget_of(context).charge_container(operand)
        return function(value, *args)

    return pass_context(charged)


def _with_argument_check(check: Callable[..., None], function: Function) -> Function:
    @wraps(function)
    def checked(context: Context, value: object, *args: object, **kwargs: object) -> object:
        check(value, *args, **kwargs)
        return function(context, value, *args, **kwargs)

    return pass_context(checked)


# The checks below have the parameters of the filters they belong to, as templates may name them.


def _check_indent(value: object, width: int | str = 4, first: bool = False, blank: bool = False) -> None:  # noqa: FBT001, FBT002
    columns = len(width) if isinstance(width, str) else width
    check_size(columns * (to_text(value).count("\n") + 1))


def _check_width(value: object, width: int = 0, *args: object, **kwargs: object) -> None:
    check_size(width)


def _check_batch(value: object, linecount: int, fill_with: object = None) -> None:
    check_size(linecount, "list")


def _check_slice(value: object, slices: int, fill_with: object = None) -> None:
    check_size(slices, "list")


def _check_round(value: object, precision: int = 0, method: str = "common") -> None:
    if abs(precision) > MAX_DECIMAL_PLACES:
        raise TemplateRuntimeError(f"round to {precision} decimal places; at most {MAX_DECIMAL_PLACES}")


def _check_sum(value: object, attribute: object = None, start: object = 0) -> None:
    if not isinstance(start, int | float):
        raise TemplateRuntimeError(f"sum adds numbers, but its start is {start!r}")


ARGUMENT_CHECKS: dict[str, Callable[..., None]] = {
    "indent": _check_indent,
    "center": _check_width,
    "batch": _check_batch,
    "slice": _check_slice,
    "round": _check_round,
    "sum": _check_sum,
}

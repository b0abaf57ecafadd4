"""The Jinja environment of prompts: sandboxed, strict about undefined names, limited in steps and size, no loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context

from textsynth.core.errors import did_you_mean
from textsynth.prompts.bounded_filters import (
    SIZED_TYPES,
    Function,
    binary_operation,
    bounded_range,
    budget_of,
    call_text_method,
    make_dict,
    make_filters,
    make_tests,
)
from textsynth.prompts.injection_guard import InsertedText, TurnBoundary
from textsynth.prompts.render_budget import CALL_COST, RenderBudget, check_size, to_text

UNCHARGED_LENGTH = 100
"""Inserting or concatenating a text of up to this many characters costs no more than its template node."""
_TEXT_METHODS = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower "
    "isnumeric isprintable isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace "
    "rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
LOOP_ATTRIBUTES = frozenset(
    {"depth", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0"}
)
MAP_METHODS = frozenset({"get", "items", "keys", "values"})
SAFE_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    dict: MAP_METHODS,
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    bytes: frozenset(),
    int: frozenset(),
    float: frozenset(),
}
"""By built-in type, the methods that a template may call: those whose result is not many times their input."""


class PromptContext(Context):
    """The values of one rendering, with its budget. `macro_cost` is what calling a macro costs, in steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.budget = RenderBudget()
        self.macro_cost = 0


class ChatExtension(Extension):
    """The tag `{% chat role="user" %}…{% endchat %}`: one turn of the prompt."""

    tags = {"chat"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a call block for the tag. The template compiler replaces it with the turn's boundaries and body."""
        line = next(parser.stream).lineno
        parser.stream.expect("name:role")
        parser.stream.expect("assign")
        role = parser.parse_expression()
        body = parser.parse_statements(("name:endchat",), drop_needle=True)
        return nodes.CallBlock(self.call_method("turn", [role]), [], [], body).set_lineno(line)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with limits: only safe methods and filters; calls and operators with large results are charged."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    context_class = PromptContext

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=mark_inserted,
            extensions=[ChatExtension],
            cache_size=0,
        )
        self.filters = cast("Any", {**make_filters(), **INTERNAL_FILTERS})
        self.tests = cast("Any", make_tests())
        self.globals = {"range": bounded_range, "dict": make_dict, "namespace": Namespace}

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Join the output of a macro or a set block, up to the maximum size of a text."""
        parts = list(pieces)
        check_size(sum(map(len, parts)))
        return "".join(parts)

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401
        """Return an attribute of a value. A key of a map takes precedence over methods that prompts cannot use."""
        if type(obj) is dict and attribute not in MAP_METHODS and attribute in obj:
            return obj[attribute]
        if type(obj) is LoopContext and attribute in LOOP_ATTRIBUTES:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Return whether a template may use an attribute. Of built-in types, only the SAFE_METHODS are allowed."""
        for kind, allowed in SAFE_METHODS.items():
            if isinstance(obj, kind) and callable(value):
                return attr in allowed
        return super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: object, attribute: str) -> Undefined:
        """Return an undefined value that, when it is used, reports the attribute as forbidden and lists the others."""
        kind = next((kind for kind in SAFE_METHODS if isinstance(obj, kind)), object)
        hint = did_you_mean(attribute, sorted(SAFE_METHODS.get(kind, ())))
        message = f"a prompt cannot use .{attribute} on a value of type {type(obj).__name__}{hint}"
        return StrictUndefined(message, obj=obj, name=attribute, exc=SecurityError)

    def wrap_str_format(self, value: object) -> None:
        """Offer no method `format`, because its widths and look-ups have no limit. The filter `format` has one."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, N805
        """Call a macro, a safe method or a global function; charge the call and check its result."""
        budget = budget_of(__context)
        budget.spend(CALL_COST + (__context.macro_cost if isinstance(__obj, Macro) else 0))  # type: ignore[attr-defined]
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            if name in {"join", "replace"}:
                return call_text_method(__context, name, owner, args)
            budget.charge_text(owner)
        return budget.check_result(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Apply one of the intercepted operators within the limits."""
        return binary_operation(budget_of(context), operator, left, right, self.binop_table[operator])


@pass_context
def mark_inserted(context: Context, value: object) -> str:
    """Return the value of `{{ … }}` as an InsertedText, so that the guard can distinguish it from template text."""
    text = value if type(value) is str else to_text(value)
    if len(text) > UNCHARGED_LENGTH:
        budget_of(context).charge_text(text)
    return text if type(text) is TurnBoundary else InsertedText(text)


@pass_context
def _charge_loop(context: Context, values: object, cost: int) -> object:
    return budget_of(context).charge_loop(values, cost)


@pass_context
def _charge_container(context: Context, value: object) -> object:
    if isinstance(value, SIZED_TYPES):
        budget_of(context).charge_container(value)
    return value


@pass_context
def _concatenate(context: Context, *values: object) -> object:
    parts = [value if type(value) is str else to_text(value) for value in values]
    check_size(sum(map(len, parts)))
    text = "".join(parts)
    return text if len(text) <= UNCHARGED_LENGTH else budget_of(context).check_result(text)


@pass_context
def _turn_boundary(_context: Context, role: str) -> TurnBoundary:
    # A filter that takes the context is not evaluated at compile time, which would turn the result into a plain str.
    return TurnBoundary(role)


INTERNAL_FILTERS: dict[str, Function] = {
    "*charge_loop": _charge_loop,
    "*charge_container": _charge_container,
    "*concatenate": _concatenate,
    "*turn_boundary": _turn_boundary,
}
"""Filters that the template compiler adds to the syntax tree. Their names are no identifiers, so that no template can
use them."""

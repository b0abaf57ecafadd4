"""The Jinja environment of prompts: sandboxed, strict about names, bounded in time and size, without a loader."""

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
from textsynth.prompts import bounded_filters as bounds
from textsynth.prompts.injection_guard import InsertedText, TurnBoundary
from textsynth.prompts.render_budget import OF_A_CALL, RenderBudget, as_text, at_most

SHORT = 100
"""Characters up to which a text that is put in or joined costs no more than its place in the template."""
_OF_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower "
    "isnumeric isprintable isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace "
    "rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
OF_LOOP = frozenset(
    {"depth", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0"}
)
OF_MAP = frozenset({"get", "items", "keys", "values"})
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_OF_TEXT.split()),
    dict: OF_MAP,
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    bytes: frozenset(),
    int: frozenset(),
    float: frozenset(),
}


class PromptContext(Context):
    """What a rendering knows, with the meter that counts its steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.meter = RenderBudget()
        self.cost_of_macro = 0


class Chat(Extension):
    """The tag `{% chat role="user" %}…{% endchat %}`: one turn of the prompt."""

    tags = {"chat"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        """Read the tag into a call block, which the compiler of prompts turns into a turn."""
        line = next(parser.stream).lineno
        parser.stream.expect("name:role")
        parser.stream.expect("assign")
        role = parser.parse_expression()
        body = parser.parse_statements(("name:endchat",), drop_needle=True)
        return nodes.CallBlock(self.call_method("turn", [role]), [], [], body).set_lineno(line)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with bounds: only safe methods and filters, every call and growing operator counted."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    context_class = PromptContext

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=inserted,
            extensions=[Chat],
            cache_size=0,
        )
        self.filters = cast("Any", {**bounds.filters(), **OWN})
        self.tests = cast("Any", bounds.tests())
        self.globals = {"range": bounds.bounded_range, "dict": dict, "namespace": Namespace}

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Join what a macro or a set block wrote, within the size of a prompt."""
        parts = list(pieces)
        at_most(sum(map(len, parts)))
        return "".join(parts)

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401
        """Return a part of a value; a key of a map goes before what Python's maps can do and prompts cannot."""
        if type(obj) is dict and attribute not in OF_MAP and attribute in obj:
            return obj[attribute]
        if type(obj) is LoopContext and attribute in OF_LOOP:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Allow, of the built-in types, only the methods that cannot make much out of little."""
        for kind, allowed in METHODS.items():
            if isinstance(obj, kind) and callable(value):
                return attr in allowed
        return super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: object, attribute: str) -> Undefined:
        """Return what says, when it is used, that an attribute is out of bounds, and which methods are not."""
        kind = next((kind for kind in METHODS if isinstance(obj, kind)), object)
        told = did_you_mean(attribute, sorted(METHODS.get(kind, ())))
        told = f"a prompt cannot use .{attribute} on a value of type {type(obj).__name__}{told}"
        return StrictUndefined(told, obj=obj, name=attribute, exc=SecurityError)

    def wrap_str_format(self, value: object) -> None:
        """Offer no `format` method: its widths and look-ups have no bound; the filter `format` does."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, N805
        """Call a macro, a safe method or one of the few functions, and check what comes of it."""
        meter = bounds.meter_of(__context)
        meter.spend(OF_A_CALL + (__context.cost_of_macro if isinstance(__obj, Macro) else 0))  # type: ignore[attr-defined]
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            if name in {"join", "replace"}:
                return bounds.called(__context, name, owner, args)
            meter.read(owner)
        return meter.checked(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Calculate within bounds."""
        return bounds.operated(bounds.meter_of(context), operator, left, right, self.binop_table[operator])


@pass_context
def inserted(context: Context, value: object) -> str:
    """Mark what an expression puts in, so that the guard can tell it from the template's own text."""
    text = value if type(value) is str else as_text(value)
    if len(text) > SHORT:
        bounds.meter_of(context).read(text)
    return text if type(text) is TurnBoundary else InsertedText(text)


@pass_context
def _paced(context: Context, values: object, cost: int) -> object:
    return bounds.meter_of(context).paced(values, cost)


@pass_context
def _weighed(context: Context, value: object) -> object:
    if isinstance(value, bounds.HOLDING):
        bounds.meter_of(context).weigh(value)
    return value


@pass_context
def _joined(context: Context, *values: object) -> object:
    text = "".join([value if type(value) is str else as_text(value) for value in values])
    return text if len(text) <= SHORT else bounds.meter_of(context).checked(text)


@pass_context
def _turn(_context: Context, role: str) -> TurnBoundary:
    # With a context it is no constant, which the compiler would write down as a plain text.
    return TurnBoundary(role)


# Put into the tree of a template where Jinja offers no door; with such names no template can ask for them.
OWN: dict[str, bounds.Function] = {"*paced": _paced, "*weighed": _weighed, "*joined": _joined, "*turn": _turn}

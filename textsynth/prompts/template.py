"""From the text of a prompt to something that renders: parse, check, put in the bounds, compile.

What a prompt may be made of: text, `{{ … }}`, for, if, set, with, macro, raw and chat. The mistakes of a template are
found here, with their lines, as far as they can be seen without values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import cast

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from textsynth.core.errors import RecipeIssue, did_you_mean
from textsynth.prompts.sandbox import OWN, PromptContext, PromptEnvironment

ROLES = ("system", "user", "assistant")
REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Include: "{% include %}: a prompt is one file",
    nodes.Import: "{% import %}: a prompt is one file",
    nodes.FromImport: "{% from %}: a prompt is one file",
    nodes.Extends: "{% extends %}: a prompt is one file",
    nodes.Block: "{% block %}: a prompt is one file, nothing extends it",
    nodes.FilterBlock: "{% filter %}; write {{ value | name }} or {% set text | name %}…{% endset %}",
    nodes.CallBlock: "{% call %}; give the macro its text as an argument",
    nodes.ScopedEvalContextModifier: "{% autoescape %}: a prompt is no HTML",
}
MAX_LENGTH, MAX_TAGS, MAX_NODES = 50_000, 2_000, 10_000
"""How long a template may be, in characters, in `{{ … }}` and `{% … %}`, and in the parts that these consist of."""
FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a template can raise while it renders; everything else is our bug."""

_ENVIRONMENT = PromptEnvironment()
_OFFERED = sorted(set(_ENVIRONMENT.filters) - OWN.keys())
_BROKEN = (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template that renders to pieces: text of the template, `Inserted` text, and `Turn`s."""

    template: Template
    variables: frozenset[str]
    cost_of_macro: int

    def pieces(self, values: Mapping[str, object]) -> list[str]:
        """Return the pieces in order. Raises one of FAULTS; `line_of` knows where."""
        template = self.template
        context = PromptContext(template.environment, {**template.globals, **values}, template.name, {})
        context.cost_of_macro = self.cost_of_macro
        return list(template.root_render_func(context))

    def line_of(self, fault: BaseException) -> int:
        """Return the line of the file at which a rendering failed."""
        line = 1
        trace: TracebackType | None = fault.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.template.filename:
                line = self.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


class TemplateErrors(Exception):
    """The mistakes of one template, on their way to the PromptError that its reader raises."""

    def __init__(self, mistakes: list[RecipeIssue]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(map(str, mistakes)))


def compile_template(body: str, *, where: str, first_line: int, chat: bool) -> CompiledTemplate:
    """Compile the body of a prompt file, which begins at `first_line` of the file `where`.

    Raises Wrong with every mistake that shows without values.
    """
    # A comment that holds the lines of the front matter: so every line number is that of the file.
    source = "{#" + "\n" * (first_line - 1) + "#}" + body
    sizes = ((len(source), MAX_LENGTH, "characters"), (source.count("{{") + source.count("{%"), MAX_TAGS, "tags"))
    for size, most, what in sizes:
        if size > most:
            raise TemplateErrors([RecipeIssue(where, f"the template has {size:,} {what}; at most {most:,}")])
    try:
        tree = _ENVIRONMENT.parse(source, name=where, filename=where)
        size = _size(tree)
        if size > MAX_NODES:
            raise TemplateErrors([RecipeIssue(where, f"the template has {size:,} parts; at most {MAX_NODES:,}")])
        mistakes = [RecipeIssue(f"{where}:{line}", told) for line, told in sorted(_mistakes(tree, chat=chat))]
        if mistakes:
            raise TemplateErrors(mistakes)
        variables = frozenset(find_undeclared_variables(tree)) - set(_ENVIRONMENT.globals)
        cost_of_macro = max((_cost(macro) for macro in tree.find_all(nodes.Macro)), default=0)
        code = _ENVIRONMENT.compile(_Bounded().visit(tree), name=where, filename=where)
    except TemplateSyntaxError as fault:
        raise TemplateErrors([RecipeIssue(f"{where}:{fault.lineno}", f"not a template: {fault.message}")]) from fault
    except _BROKEN as fault:
        raise TemplateErrors(
            [RecipeIssue(where, f"not a template that can be compiled: {type(fault).__name__}: {fault}")]
        ) from fault
    template = Template.from_code(_ENVIRONMENT, code, dict(_ENVIRONMENT.globals))
    return CompiledTemplate(template, variables, cost_of_macro)


def is_turn(node: nodes.Node) -> bool:
    """Tell whether a node is a chat block."""
    return isinstance(node, nodes.CallBlock) and isinstance(node.call.node, nodes.ExtensionAttribute)


def _mistakes(tree: nodes.Template, *, chat: bool) -> Iterator[tuple[int, str]]:
    for node in tree.find_all(nodes.Node):
        yield from _of_node(node, chat=chat)
    if chat:
        turns = {id(node) for node in _open(tree) if is_turn(node)}
        if not turns and not any(is_turn(node) for node in tree.find_all(nodes.CallBlock)):
            yield (
                1,
                'there is no {% chat role="user" %}…{% endchat %} block, and no `mode: completion` in the front matter',
            )
        for node in _open(tree):
            yield from _outside(node)
        for node in tree.find_all(nodes.CallBlock):
            if is_turn(node) and id(node) not in turns:
                yield node.lineno, "a chat block stands inside another block; it may stand in for, if and with only"


def _of_node(node: nodes.Node, *, chat: bool) -> Iterator[tuple[int, str]]:
    if is_turn(node):
        assert isinstance(node, nodes.CallBlock)
        role = node.call.args[0]
        if not chat:
            yield node.lineno, "a chat block in a prompt with `mode: completion`, which is one raw text"
        elif not isinstance(role, nodes.Const) or role.value not in ROLES:
            told = repr(role.value) if isinstance(role, nodes.Const) else "an expression"
            yield node.lineno, f"the role of a chat block is {told}; it must be one of {', '.join(map(repr, ROLES))}"
    elif type(node) in REFUSED:
        yield node.lineno, f"a prompt cannot use {REFUSED[type(node)]}"
    elif isinstance(node, nodes.For) and node.recursive:
        yield node.lineno, "a prompt cannot use a recursive loop; write the levels out"
    elif isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        yield node.lineno, f"there is no filter {node.name!r}{did_you_mean(node.name, _OFFERED)}"
    elif isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        yield node.lineno, f"there is no test {node.name!r}{did_you_mean(node.name, sorted(_ENVIRONMENT.tests))}"


def _open(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the statements outside of every chat block, macro and set block, and the chat blocks themselves."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.For | nodes.If | nodes.With | nodes.Scope):
            yield from _open(child)
        elif isinstance(child, nodes.Stmt):
            yield child


def _outside(node: nodes.Node) -> Iterator[tuple[int, str]]:
    for child in node.nodes if isinstance(node, nodes.Output) else ():
        if not isinstance(child, nodes.TemplateData):
            yield child.lineno, "a value is put in outside of a chat block"
        elif child.data.strip():
            line = child.lineno + child.data[: len(child.data) - len(child.data.lstrip())].count("\n")
            yield line, f"text outside of a chat block: {child.data.strip().splitlines()[0][:60]!r}"


def _size(node: nodes.Node) -> int:
    return 1 + sum(1 for _ in node.find_all(nodes.Node))


def _cost(node: nodes.Node) -> int:
    """Return the steps of running through a node once: one a part, and more where long texts stand in it."""
    return _size(node) + sum(len(text.data) >> 3 for text in node.find_all(nodes.TemplateData))


class _Bounded(NodeTransformer):
    """Puts the meter where Jinja itself offers no door, and makes turns of chat blocks."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        cost = _cost(node)
        self.generic_visit(node)
        node.iter = _through("*paced", node.iter, nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("*joined", *node.nodes)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        return self._literal(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        return self._literal(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self._literal(node) if node.ctx == "load" else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        looks_in = any(operand.op in {"in", "notin"} for operand in node.ops)
        if looks_in or not any(isinstance(side, nodes.Const) for side in sides):
            node.expr = _through("*weighed", node.expr)
            for operand in node.ops:
                operand.expr = _through("*weighed", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("*weighed", node) if isinstance(node.arg, nodes.Slice) else node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        begin, end = (_turn(role) for role in (node.call.args[0], nodes.Const("")))
        return nodes.Scope([begin, *node.body, end]).set_lineno(node.lineno)

    def _literal(self, node: nodes.Expr) -> nodes.Expr:
        self.generic_visit(node)
        constant = all(isinstance(one, nodes.Const) for one in node.iter_child_nodes())
        return node if constant else _through("*weighed", node)


def _through(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    found = nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None)
    found.set_lineno(node.lineno)
    return found


def _turn(role: nodes.Expr) -> nodes.Output:
    return nodes.Output([_through("*turn", role)])

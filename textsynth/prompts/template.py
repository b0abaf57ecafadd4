"""Compiles the text of a prompt: parse, check, add the charges of the render budget, compile.

A template may use text, `{{ … }}`, for, if, set, with, macro, raw and chat. Errors that show without values are
reported here, each with its line.
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
from textsynth.prompts.render_budget import CHARACTERS_PER_STEP
from textsynth.prompts.sandbox import INTERNAL_FILTERS, PromptContext, PromptEnvironment

ROLES = ("system", "user", "assistant")
FORBIDDEN_NODES: Mapping[type[nodes.Node], str] = {
    nodes.Include: "{% include %}: a prompt is one file",
    nodes.Import: "{% import %}: a prompt is one file",
    nodes.FromImport: "{% from %}: a prompt is one file",
    nodes.Extends: "{% extends %}: a prompt is one file",
    nodes.Block: "{% block %}: a prompt is one file, and no other file extends it",
    nodes.FilterBlock: "{% filter %}; write {{ value | name }} or {% set text | name %}…{% endset %}",
    nodes.CallBlock: "{% call %}; pass the text to the macro as an argument",
    nodes.ScopedEvalContextModifier: "{% autoescape %}: a prompt is not HTML",
}
MAX_LENGTH, MAX_TAGS, MAX_NODES = 50_000, 2_000, 10_000
"""Maximum size of a template: in characters, in tags (`{{ … }}` and `{% … %}`), and in nodes of its syntax tree."""
RENDER_ERRORS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,  # truncate of Jinja, for a negative length
    RuntimeError,
)
"""What a template can raise while it renders; any other exception is a bug of TextSynth."""

_ENVIRONMENT = PromptEnvironment()
_FILTER_NAMES = sorted(set(_ENVIRONMENT.filters) - INTERNAL_FILTERS.keys())
_COMPILE_ERRORS = (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template that renders to pieces: plain str for its own text, InsertedText, and TurnBoundary."""

    template: Template
    variables: frozenset[str]
    macro_cost: int

    def pieces(self, values: Mapping[str, object]) -> list[str]:
        """Return the pieces in order. Raises one of RENDER_ERRORS; pass it to `line_of` for the line."""
        template = self.template
        context = PromptContext(template.environment, {**template.globals, **values}, template.name, {})
        context.macro_cost = self.macro_cost
        return list(template.root_render_func(context))

    def line_of(self, error: BaseException) -> int:
        """Return the line of the prompt file at which rendering failed with `error`."""
        line = 1
        traceback: TracebackType | None = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.template.filename:
                line = self.template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


class TemplateErrors(Exception):
    """All errors of one template. `load_prompt` raises them as a PromptError.

    `variables` are the names that the template uses; None where it cannot be parsed.
    """

    def __init__(self, issues: list[RecipeIssue], variables: frozenset[str] | None = None) -> None:
        self.issues = issues
        self.variables = variables
        super().__init__("; ".join(map(str, issues)))


def compile_template(body: str, *, where: str, first_line: int, chat: bool) -> CompiledTemplate:
    """Compile the body of the prompt file `where`. The body begins at line `first_line` of the file.

    Raises TemplateErrors with every error that shows without values.
    """
    # A comment with as many lines as the front matter makes every line number one of the file.
    source = "{#" + "\n" * (first_line - 1) + "#}" + body
    _check_sizes(where, ((len(source), MAX_LENGTH, "characters"), (_count_tags(source), MAX_TAGS, "tags")))
    try:
        tree = _ENVIRONMENT.parse(source, name=where, filename=where)
        _check_sizes(where, ((_node_count(tree), MAX_NODES, "nodes"),))
        issues = [RecipeIssue(f"{where}:{line}", message) for line, message in sorted(_errors(tree, chat=chat))]
        if issues:
            raise TemplateErrors(issues, _names_used(tree))
        variables = frozenset(find_undeclared_variables(tree)) - set(_ENVIRONMENT.globals)
        macro_cost = max((_run_cost(macro) for macro in tree.find_all(nodes.Macro)), default=0)
        code = _ENVIRONMENT.compile(_AddCharges().visit(tree), name=where, filename=where)
    except TemplateSyntaxError as error:
        raise TemplateErrors([RecipeIssue(f"{where}:{error.lineno}", f"template syntax: {error.message}")]) from error
    except _COMPILE_ERRORS as error:
        raise TemplateErrors(
            [RecipeIssue(where, f"the template cannot be compiled: {type(error).__name__}: {error}")]
        ) from error
    template = Template.from_code(_ENVIRONMENT, code, dict(_ENVIRONMENT.globals))
    return CompiledTemplate(template, variables, macro_cost)


def _names_used(tree: nodes.Template) -> frozenset[str] | None:
    """Return the variables of a template with errors, which it changes; None where these errors hide them."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        # an unknown name would end the search; its error is reported already
        if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
            node.name = "string"
        elif isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
            node.name = "defined"
    try:
        return frozenset(find_undeclared_variables(tree)) - set(_ENVIRONMENT.globals)
    except (TemplateError, *_COMPILE_ERRORS):
        return None


def is_chat_block(node: nodes.Node) -> bool:
    """Return whether a node is a chat block."""
    return isinstance(node, nodes.CallBlock) and isinstance(node.call.node, nodes.ExtensionAttribute)


def _check_sizes(where: str, sizes: tuple[tuple[int, int, str], ...]) -> None:
    for size, limit, unit in sizes:
        if size > limit:
            raise TemplateErrors([RecipeIssue(where, f"the template has {size:,} {unit}; at most {limit:,}")])


def _count_tags(source: str) -> int:
    return source.count("{{") + source.count("{%")


def _errors(tree: nodes.Template, *, chat: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and the message of every error."""
    for node in tree.find_all(nodes.Node):
        yield from _node_errors(node, chat=chat)
    if chat:
        yield from _chat_errors(tree)


def _chat_errors(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    top_level = list(_top_level_statements(tree))
    allowed = {id(node) for node in top_level if is_chat_block(node)}
    chat_blocks = [node for node in tree.find_all(nodes.CallBlock) if is_chat_block(node)]
    if not chat_blocks:
        yield (
            1,
            'there is no {% chat role="user" %}…{% endchat %} block, and no `mode: completion` in the front matter',
        )
    for node in top_level:
        yield from _output_errors(node)
    for block in chat_blocks:
        if id(block) not in allowed:
            yield block.lineno, "a chat block inside another block; it may be inside of for, if and with only"


def _node_errors(node: nodes.Node, *, chat: bool) -> Iterator[tuple[int, str]]:
    if is_chat_block(node):
        assert isinstance(node, nodes.CallBlock)
        role = node.call.args[0]
        if not chat:
            yield node.lineno, "a chat block in a prompt with `mode: completion`, which is one raw text"
        elif not isinstance(role, nodes.Const) or role.value not in ROLES:
            value = repr(role.value) if isinstance(role, nodes.Const) else "an expression"
            yield node.lineno, f"the role of a chat block must be one of {', '.join(map(repr, ROLES))}, but is {value}"
    elif type(node) in FORBIDDEN_NODES:
        yield node.lineno, f"a prompt cannot use {FORBIDDEN_NODES[type(node)]}"
    elif isinstance(node, nodes.For) and node.recursive:
        yield node.lineno, "a prompt cannot use a recursive loop; write one loop for each level"
    elif isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        yield node.lineno, f"there is no filter {node.name!r}{did_you_mean(node.name, _FILTER_NAMES)}"
    elif isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        yield node.lineno, f"there is no test {node.name!r}{did_you_mean(node.name, sorted(_ENVIRONMENT.tests))}"


def _top_level_statements(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the statements outside of chat blocks, macros and set blocks, and the chat blocks themselves."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.For | nodes.If | nodes.With | nodes.Scope):
            yield from _top_level_statements(child)
        elif isinstance(child, nodes.Stmt):
            yield child


def _output_errors(node: nodes.Node) -> Iterator[tuple[int, str]]:
    """Yield an error for each text and value that a top-level statement would print outside of a chat block."""
    for child in node.nodes if isinstance(node, nodes.Output) else ():
        if not isinstance(child, nodes.TemplateData):
            yield child.lineno, "a value is inserted outside of a chat block"
        elif child.data.strip():
            line = child.lineno + child.data[: len(child.data) - len(child.data.lstrip())].count("\n")
            yield line, f"text outside of a chat block: {child.data.strip().splitlines()[0][:60]!r}"


def _node_count(node: nodes.Node) -> int:
    return 1 + sum(1 for _ in node.find_all(nodes.Node))


def _run_cost(node: nodes.Node) -> int:
    """Return the steps of running a node once: one for each node in it, and more for long texts."""
    texts = node.find_all(nodes.TemplateData)
    return _node_count(node) + sum(len(text.data) // CHARACTERS_PER_STEP for text in texts)


class _AddCharges(NodeTransformer):
    """Adds the internal filters that charge the budget where the environment has no hook, and compiles chat blocks."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        cost = _run_cost(node)
        self.generic_visit(node)
        node.iter = _filtered("*charge_loop", node.iter, nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered("*concatenate", *node.nodes)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        return self._literal(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        return self._literal(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self._literal(node) if node.ctx == "load" else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        operands = [node.expr, *(operand.expr for operand in node.ops)]
        searches = any(operand.op in {"in", "notin"} for operand in node.ops)
        if searches or not any(isinstance(operand, nodes.Const) for operand in operands):
            node.expr = _filtered("*charge_container", node.expr)
            for operand in node.ops:
                operand.expr = _filtered("*charge_container", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered("*charge_container", node) if isinstance(node.arg, nodes.Slice) else node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        begin, end = (_turn_boundary(role) for role in (node.call.args[0], nodes.Const("")))
        return nodes.Scope([begin, *node.body, end]).set_lineno(node.lineno)

    def _literal(self, node: nodes.Expr) -> nodes.Expr:
        self.generic_visit(node)
        is_constant = all(isinstance(child, nodes.Const) for child in node.iter_child_nodes())
        return node if is_constant else _filtered("*charge_container", node)


def _filtered(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    """Return the node `{{ node | name(*args) }}`."""
    filtered = nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None)
    filtered.set_lineno(node.lineno)
    return filtered


def _turn_boundary(role: nodes.Expr) -> nodes.Output:
    return nodes.Output([_filtered("*turn_boundary", role)])

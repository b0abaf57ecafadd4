"""Items: from a name and a map of fields to a checked step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.field_types import fields_of
from textsynth.core.options import Options
from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source
from textsynth.core.registry import component_class, component_names, load_component
from textsynth.core.task import Task
from textsynth.models import ModelOptions
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.validation_errors import validate
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar, describe_node

BASES: Mapping[str, type[Options]] = {
    "task": Task,
    "models": ModelOptions,
    "sources": Source,
    "generate": Generator,
    "filter": Filter,
    "label": Labeller,
    "select": Selector,
}
LISTS = ("generate", "filter", "label", "select")
# What the class of an item must define, one of them at least.
METHODS: Mapping[type[Options], tuple[str, ...]] = {
    Source: ("read",),
    Generator: ("start",),
    Filter: ("check", "start"),
    Labeller: ("start",),
    Selector: ("select",),
}


@dataclass(frozen=True, slots=True)
class ParsedStep:
    """An item as the recipe writes it; `fields` know their lines."""

    section: str
    item: str
    name: str
    step: Options
    fields: YamlMap
    mark: Position


class StepReader:
    """Reads the items of one recipe; `made` are those that Python gave as objects of their own, by their marks."""

    def __init__(
        self,
        base: Path,
        environment: Mapping[str, str],
        mistakes: IssueCollector,
        made: Mapping[Position, Options] | None = None,
    ) -> None:
        self.base = base
        self.environment = environment
        self.mistakes = mistakes
        self.made = made or {}

    def item(
        self, section: str, node: Node, *, name: str | None = None, mark: Position | None = None
    ) -> ParsedStep | None:
        """Return the item that `node` writes, or None after noting what is wrong with it.

        `name` is what the recipe calls it where that is not the item's own name, as under `models` and `sources`.
        """
        mark = mark or node.mark
        called = self._called(section, section if name is None else f"{section}.{name}", node, mark)
        if called is None:
            return None
        item, fields = called
        step = self.made.get(mark)
        if step is None:
            cls = self._class(section, item, mark)
            step = None if cls is None else validate(cls, fields, item, self.environment, self.mistakes)
        return None if step is None else ParsedStep(section, item, name or item, step, fields, mark)

    def list_of(self, section: str, node: Node) -> list[ParsedStep]:
        """Return the items of a list section in order; a name that comes again gets `-2`, `-3`."""
        if not isinstance(node, YamlList):
            if not (isinstance(node, YamlScalar) and node.noted):
                self.mistakes.add(
                    node.mark, f"{section} is a list of items, found {describe_node(node)}: begin each item with '- '"
                )
            return []
        seen: dict[str, int] = {}
        written = []
        for child in node.items:
            one = self.item(section, child)
            if one is not None:
                seen[one.item] = seen.get(one.item, 0) + 1
                name = one.item if seen[one.item] == 1 else f"{one.item}-{seen[one.item]}"
                written.append(ParsedStep(section, one.item, name, one.step, one.fields, one.mark))
        return written

    def _called(self, section: str, owner: str, node: Node, mark: Position) -> tuple[str, YamlMap] | None:
        """Take an item apart: a bare name, or a map of one name to its fields."""
        if isinstance(node, YamlScalar) and isinstance(node.value, str) and not node.noted:
            return node.value, YamlMap({}, {}, mark)
        if isinstance(node, YamlMap) and len(node.entries) == 1:
            (item, fields), *_ = node.entries.items()
            if isinstance(fields, YamlMap):
                return item, fields
            if not (isinstance(fields, YamlScalar) and fields.noted):
                wrong = (
                    _no_item(section, [item]) or f"{item!r} takes a map of its fields, found {describe_node(fields)}"
                )
                self.mistakes.add(node.marks[item], f"{owner}: {wrong}")
            return None
        if isinstance(node, YamlScalar) and node.noted:
            return None
        if isinstance(node, YamlMap) and any(
            isinstance(one, YamlScalar) and one.noted for one in node.entries.values()
        ):
            return None
        hint = ""
        if isinstance(node, YamlMap) and len(node.entries) > 1:
            hint = f": {_no_item(section, list(node.entries)) or 'indent the fields deeper than the name'}"
        self.mistakes.add(
            mark, f"{owner}: an item is a name, or one name with its fields, found {describe_node(node)}{hint}"
        )
        return None

    def _class(self, section: str, item: str, mark: Position) -> type[Options] | None:
        if item.startswith("./") and ".." in PurePosixPath(item).parts:
            self.mistakes.add(mark, f"{section}: an item of your own stands beside the recipe, found {item!r}")
            return None
        try:
            cls = load_component(section, item, self.base)
        except UsageError as fault:
            self.mistakes.add(mark, f"{fault}{_elsewhere(section, item)}")
            return None
        base = BASES[section]
        if not issubclass(cls, base):
            self.mistakes.add(
                mark, f"{section} takes a {base.__name__}, but the class of {item!r} is none: {_bases(cls)}"
            )
            return None
        lacking = incomplete_component(cls, base)
        if lacking is not None:
            self.mistakes.add(mark, f"{item!r}: {lacking}")
            return None
        return cls


def incomplete_component(cls: type[Options], base: type[Options]) -> str | None:
    """Return one sentence where the class defines none of the methods by which an item of its kind works."""
    methods = METHODS.get(base, ())
    if not methods or any(getattr(cls, method) is not getattr(base, method) for method in methods):
        return None
    arguments = {"check": "record", "start": "context, name"}.get(methods[0], "…")
    return f"the class {cls.__name__} does nothing yet: it needs def {methods[0]}(self, {arguments})"


def _no_item(section: str, names: Sequence[str]) -> str | None:
    """Return what is wrong where the first of `names` is no item, but all are fields of one; None where it is one."""
    if names[0].startswith("./") or names[0] in component_names(section):
        return None
    classes = {item: component_class(section, item) for item in component_names(section)}
    owners = [item for item, cls in classes.items() if cls is not None and set(names) <= set(fields_of(cls))]
    if not owners:
        return f"{section} has no item {names[0]!r}{did_you_mean(names[0], classes)}"
    return f"the item's own name is missing: write {{{' or '.join(owners)}: {{{names[0]}: …}}}}"


def _elsewhere(section: str, item: str) -> str:
    """Return where an item of this name would be right, if anywhere."""
    if item.endswith(".py") and not item.startswith("./"):
        return f"; a file of your own is written ./{item}"
    others = (other for other in BASES if other != section and item.isidentifier())
    return next((f"; {other} has one of that name" for other in others if component_class(other, item) is not None), "")


def _bases(cls: type[Options]) -> str:
    return f"class {cls.__name__}({', '.join(base.__name__ for base in cls.__bases__)})"

"""Reads the steps of a recipe: from a component's name and a map of its options to a checked object of its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.field_types import fields_of
from textsynth.core.options import Options
from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source
from textsynth.core.registry import component_class, component_names, load_component, step_names
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
# The methods of which a component must override at least one.
REQUIRED_METHODS: Mapping[type[Options], tuple[str, ...]] = {
    Source: ("read",),
    Generator: ("start",),
    Filter: ("check", "start"),
    Labeller: ("start",),
    Selector: ("select",),
}
METHOD_ARGUMENTS = {"check": "record", "start": "context, name"}


@dataclass(frozen=True, slots=True)
class ParsedStep:
    """A step as the recipe writes it.

    `component` is the component's name, `name` that of the step (`length-2` for the second of two in a list, the key
    under `models` and `sources`). `fields` are its options as written, with their positions.
    """

    section: str
    component: str
    name: str
    step: Options
    fields: YamlMap
    mark: Position


class StepReader:
    """Reads the steps of one recipe, and adds what is wrong with them to `issues`.

    `instances` holds, by their marks, steps that were given as Python objects and cannot be built from the tree.
    """

    def __init__(
        self,
        base: Path,
        environment: Mapping[str, str],
        issues: IssueCollector,
        instances: Mapping[Position, Options] | None = None,
    ) -> None:
        self.base = base
        self.environment = environment
        self.issues = issues
        self.instances = instances or {}

    def read_step(
        self, section: str, node: Node, *, name: str | None = None, mark: Position | None = None
    ) -> ParsedStep | None:
        """Return the step that `node` describes, or None after adding its issues.

        `name` is the step's name where it is not the component's, as under `models` and `sources`.
        """
        mark = mark or node.mark
        parts = self._split_step(section, section if name is None else f"{section}.{name}", node, mark)
        if parts is None:
            return None
        component, fields = parts
        step = self.instances.get(mark)
        if step is None:
            cls = self._load_class(section, component, mark)
            step = None if cls is None else validate(cls, fields, component, self.environment, self.issues)
        return None if step is None else ParsedStep(section, component, name or component, step, fields, mark)

    def read_list(self, section: str, node: Node) -> list[ParsedStep]:
        """Return the steps of a list section in order; the second of one component is named `NAME-2`."""
        if not isinstance(node, YamlList):
            if not (isinstance(node, YamlScalar) and node.reported):
                self.issues.add(
                    node.mark, f"{section} is a list of steps, found {describe_node(node)}: begin each step with '- '"
                )
            return []
        steps = [step for step in (self.read_step(section, child) for child in node.items) if step is not None]
        names = step_names(step.component for step in steps)
        return [replace(step, name=name) for step, name in zip(steps, names, strict=True)]

    def _split_step(self, section: str, owner: str, node: Node, mark: Position) -> tuple[str, YamlMap] | None:
        """Return the component's name and its options from a bare name, or from a map of one name to its options."""
        if isinstance(node, YamlScalar) and isinstance(node.value, str) and not node.reported:
            return node.value, YamlMap({}, {}, mark)
        if isinstance(node, YamlMap) and len(node.entries) == 1:
            ((component, fields),) = node.entries.items()
            if isinstance(fields, YamlMap):
                return component, fields
            if not (isinstance(fields, YamlScalar) and fields.reported):
                sentence = (
                    _explain_missing_name(section, [component])
                    or f"{component!r} takes a map of its options, found {describe_node(fields)}"
                )
                self.issues.add(node.marks[component], f"{owner}: {sentence}")
            return None
        values = [node] if isinstance(node, YamlScalar) else node.entries.values() if isinstance(node, YamlMap) else ()
        if any(isinstance(value, YamlScalar) and value.reported for value in values):
            return None
        hint = ""
        if isinstance(node, YamlMap) and len(node.entries) > 1:
            reason = _explain_missing_name(section, list(node.entries))
            hint = f": {reason or 'indent the options deeper than the name'}"
        self.issues.add(
            mark,
            f"{owner}: give the name of a component, or one name with its options, found {describe_node(node)}{hint}",
        )
        return None

    def _load_class(self, section: str, component: str, mark: Position) -> type[Options] | None:
        if component.startswith("./") and ".." in PurePosixPath(component).parts:
            self.issues.add(
                mark, f"{section}: a component in a file of your own must be beside the recipe, found {component!r}"
            )
            return None
        try:
            cls = load_component(section, component, self.base)
        except UsageError as error:
            self.issues.add(mark, f"{error}{_hint_elsewhere(section, component)}")
            return None
        base = BASES[section]
        if not issubclass(cls, base):
            parents = ", ".join(parent.__name__ for parent in cls.__bases__)
            self.issues.add(
                mark,
                f"{section} takes a {base.__name__}, but the class of {component!r} is none: "
                f"class {cls.__name__}({parents})",
            )
            return None
        reason = incomplete_component(cls, base)
        if reason is not None:
            self.issues.add(mark, f"{component!r}: {reason}")
            return None
        return cls


def incomplete_component(cls: type[Options], base: type[Options]) -> str | None:
    """Return one sentence where the class does not define what its base leaves open, else None."""
    if issubclass(cls, Task):
        return _incomplete_task(cls)
    methods = REQUIRED_METHODS.get(base, ())
    if not methods or any(getattr(cls, method) is not getattr(base, method) for method in methods):
        return None
    arguments = METHOD_ARGUMENTS.get(methods[0], "…")
    return f"the class {cls.__name__} does nothing yet: it needs def {methods[0]}(self, {arguments})"


def _incomplete_task(cls: type[Task]) -> str | None:
    if not cls.generator:
        return (
            f"the class {cls.__name__} names no generator for recipes without `generate`: add generator = 'labelled', "
            "or the name of another one"
        )
    if list(cls.columns.values()).count("") != 1:
        return (
            f"the columns of the class {cls.__name__} must map exactly one column to '', which stands for the record's "
            f"own text, found {dict(cls.columns)!r}"
        )
    return None


def _explain_missing_name(section: str, names: Sequence[str]) -> str | None:
    """Return why `names` cannot begin with a component's name: unknown, or all are options of one that is not named.

    None where the first of them is the name of a component.
    """
    if names[0].startswith("./") or names[0] in component_names(section):
        return None
    classes = {component: component_class(section, component) for component in component_names(section)}
    owners = [component for component, cls in classes.items() if cls is not None and set(names) <= set(fields_of(cls))]
    if not owners:
        return f"{section} has no component {names[0]!r}{did_you_mean(names[0], classes)}"
    return f"the name of the component is missing: write {{{' or '.join(owners)}: {{{names[0]}: …}}}}"


def _hint_elsewhere(section: str, component: str) -> str:
    """Return the end of a sentence that says where a component of this name would be right; "" where nowhere."""
    if component.endswith(".py") and not component.startswith("./"):
        return f"; a file of your own is written ./{component}"
    for other in BASES if component.isidentifier() else ():
        if other != section and component_class(other, component) is not None:
            return f"; {other} has a component of that name"
    return ""

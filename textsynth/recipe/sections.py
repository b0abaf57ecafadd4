"""The sections of a recipe, each read on its own; what is left out has the defaults of its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from textsynth.core.errors import did_you_mean
from textsynth.core.options import Options
from textsynth.core.protocols import Generator, Source
from textsynth.core.registry import component_class, component_names
from textsynth.core.task import RecipeFacts, StepSpec, Task
from textsynth.models import ModelOptions
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.items import LISTS, ParsedStep, StepReader
from textsynth.recipe.quota_spec import read_want
from textsynth.recipe.recipe import Label
from textsynth.recipe.references import references_in
from textsynth.recipe.settings import Budget, Evaluate, Export, LabelSetting, Settings
from textsynth.recipe.validation_errors import unknown_section, validate
from textsynth.recipe.yaml_tree import Node, Value, YamlList, YamlMap, YamlScalar, describe_node

SECTIONS = (
    *Settings.model_fields,
    "task",
    "labels",
    "models",
    "sources",
    *LISTS,
    "want",
    "budget",
    "export",
    "evaluate",
)
ELSEWHERE = {
    "gold": "rows with known labels are a source like others, and choice: {gold: NAME} under label tries on them",
    "review": "on_disagreement: review and on_low_confidence: review under label let people decide, with textsynth review",
}
DEFAULT_TASK = "classification"
DEFAULT_MODELS: dict[str, StepSpec] = {"generator": {"local": {}}}
Section = TypeVar("Section", bound=Options)


@dataclass(frozen=True, slots=True)
class Sections:
    """What each section holds. A source with a mistake is None; an item with one is not in its list.

    `marks` says where each section stands; one that the recipe does not write stands at the file itself.
    """

    settings: Settings
    task: Task
    task_name: str
    labels: Mapping[str, Label]
    models: Mapping[str, ModelOptions]
    sources: Mapping[str, ParsedStep | None]
    lists: Mapping[str, list[ParsedStep]]
    want: Mapping[tuple[str, ...], int]
    budget: Budget
    export: Export
    evaluate: Evaluate | None
    tree: YamlMap
    file: Position

    def mark(self, section: str) -> Position:
        """Return where a section stands."""
        return self.tree.marks.get(section, self.file)

    def whole(self, section: str) -> bool:
        """Return whether every item of a list section could be read."""
        node = self.tree.entries.get(section)
        return node is None or (isinstance(node, YamlList) and len(node.items) == len(self.lists[section]))


def read_sections(tree: YamlMap, reader: StepReader, file: Position) -> Sections:
    """Read every section; mistakes are noted in the reader's."""
    reading = _Reading(tree, reader, file)
    reading.refuse_unknown()
    settings, labels = reading.settings(), reading.labels()
    task_name, task = reading.task()
    models, sources = reading.models(), reading.sources(task)
    label = reading.items("label", [])
    gold = tuple(name for step in label for _, name in references_in(step.step, "gold"))
    facts = RecipeFacts(tuple(sources), len(labels), gold=gold)
    generate = reading.items("generate", task.default_generate(facts))
    facts = _more_facts(facts, generate, sources)
    want = reading.want(task.default_want(facts))
    by_label = any("label" in keys for keys in want) or any(label.want is not None for label in labels.values())
    lists = {
        "generate": generate,
        "filter": reading.items("filter", task.default_filters(facts)),
        "label": label,
        "select": reading.items("select", task.default_select(facts, by_label=by_label)),
    }
    budget, export = reading.section("budget", Budget) or Budget(), reading.section("export", Export) or Export()
    evaluate = reading.section("evaluate", Evaluate)
    return Sections(
        settings, task, task_name, labels, models, sources, lists, want, budget, export, evaluate, tree, file
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    tree: YamlMap
    reader: StepReader
    file: Position

    @property
    def mistakes(self) -> IssueCollector:
        return self.reader.mistakes

    def refuse_unknown(self) -> None:
        for name, mark in self.tree.marks.items():
            if name in ELSEWHERE:
                self.mistakes.add(mark, f"a recipe has no section {name!r}: {ELSEWHERE[name]}")
            elif name not in SECTIONS:
                self.mistakes.add(mark, unknown_section(name, list(SECTIONS)))

    def settings(self) -> Settings:
        """Read the top-level settings; one with a mistake takes its default, so that the checks can go on."""
        tree = self.tree
        own = {name: node for name, node in tree.entries.items() if name in Settings.model_fields}
        good: dict[str, object] = {}
        for name, node in own.items():
            one = validate(
                Settings, YamlMap({name: node}, tree.marks, tree.mark), "", self.reader.environment, self.mistakes
            )
            if one is not None:
                good[name] = getattr(one, name)
        return Settings.model_validate(good)

    def section(self, name: str, cls: type[Section]) -> Section | None:
        """Read a plain section; None where it is not written or has a mistake."""
        node = self.tree.entries.get(name)
        if isinstance(node, YamlMap):
            return validate(cls, node, name, self.reader.environment, self.mistakes)
        if node is not None and not _noted(node):
            fields = ", ".join(cls.model_fields)
            self.mistakes.add(self.tree.marks[name], f"{name} is a map with {fields}, found {describe_node(node)}")
        return None

    def map_of(self, name: str, what: str) -> YamlMap:
        node = self.tree.entries.get(name)
        if isinstance(node, YamlMap):
            return node
        if node is not None and not _noted(node):
            self.mistakes.add(self.tree.marks[name], f"{name} is a map of {what}, found {describe_node(node)}")
        return YamlMap({}, {}, self.file)

    def labels(self) -> dict[str, Label]:
        node = self.tree.entries.get("labels")
        if node is None:
            return {}
        return read_labels(node, self.tree.marks["labels"], self.reader.environment, self.mistakes)

    def models(self) -> dict[str, ModelOptions]:
        if "models" not in self.tree.entries:
            return read_models(cast("YamlMap", _node(DEFAULT_MODELS, self.file)), self.reader)
        return read_models(self.map_of("models", "names to models"), self.reader)

    def task(self) -> tuple[str, Task]:
        """Return the task's name and the task; one with an issue counts as the default, so that the checks can go on."""
        node = self.tree.entries.get("task")
        mark = self.tree.marks.get("task", self.file)
        parsed = None if node is None else self.reader.item("task", node, mark=mark)
        if parsed is None:
            parsed = self.reader.item("task", _node(DEFAULT_TASK, self.file))
        if parsed is None or not isinstance(parsed.step, Task):
            raise TypeError(f"the default task {DEFAULT_TASK!r} is no task")
        return parsed.item, parsed.step

    def sources(self, task: Task) -> dict[str, ParsedStep | None]:
        """Return the sources by name, with the task's columns where they name none; one with an issue is None."""
        node = self.map_of("sources", "names to sources")
        sources: dict[str, ParsedStep | None] = {}
        for name, value in node.entries.items():
            mark = node.marks[name]
            if _is_path(value):
                path = YamlMap({"path": value}, {"path": mark}, mark)
                value = YamlMap({"rows": path}, {"rows": mark}, mark)
            parsed = self.reader.item("sources", value, name=name, mark=mark)
            if parsed is not None and isinstance(parsed.step, Source):
                columns = parsed.step.with_columns(task.source_text_column, task.source_fields)
                parsed = replace(parsed, step=columns)
            sources[name] = parsed
        return sources

    def items(self, section: str, default: list[StepSpec]) -> list[ParsedStep]:
        return self.reader.list_of(section, self.tree.entries.get(section, _node(default, self.file)))

    def want(self, default: Mapping[str, int]) -> dict[tuple[str, ...], int]:
        node = self.tree.entries.get("want")
        if node is not None:
            return read_want(node, self.tree.marks["want"], self.mistakes)
        return read_want(_node(dict(default), self.file), self.file, self.mistakes) if default else {}


def _more_facts(
    facts: RecipeFacts, generate: Sequence[ParsedStep], sources: Mapping[str, ParsedStep | None]
) -> RecipeFacts:
    curated = [one for one in generate if isinstance(one.step, Generator) and not one.step.needs_model]
    writers = [one for one in generate if one not in curated]
    seeds = next((name for one in writers for _, name in references_in(one.step, "source") if name in sources), None)
    source = sources.get(seeds) if seeds is not None else None
    return replace(
        facts,
        seeds=seeds,
        seeds_labelled=source is not None and isinstance(source.step, Source) and source.step.may_have_labels,
        only_existing=bool(curated) and not writers,
    )


def _is_path(node: Node) -> bool:
    """Whether a source is given by the path of its file; a `.py` file beside the recipe is an item of one's own."""
    if not isinstance(node, YamlScalar) or not isinstance(node.value, str) or node.noted:
        return False
    return not (node.text.startswith("./") and node.text.endswith(".py"))


def _noted(node: Node) -> bool:
    return isinstance(node, YamlScalar) and node.noted


def _node(value: object, mark: Position) -> Node:
    """Return the node for a default, as if it stood at `mark`."""
    if isinstance(value, dict):
        return YamlMap({name: _node(one, mark) for name, one in value.items()}, dict.fromkeys(value, mark), mark)
    if isinstance(value, list):
        return YamlList(tuple(_node(one, mark) for one in value), mark)
    return YamlScalar(cast("Value", value), str(value), mark)


def read_labels(
    node: Node, mark: Position, environment: Mapping[str, str], mistakes: IssueCollector
) -> dict[str, Label]:
    """Return the labels in the recipe's order; one with a mistake stays in, so that it is not missed elsewhere."""
    if isinstance(node, YamlScalar) and node.noted:
        return {}
    if not isinstance(node, YamlMap) or not node.entries:
        mistakes.add(
            mark,
            f"labels is a map of each name to what it means, found {describe_node(node)}"
            "; a name that says it all is its own meaning: `parking: parking`",
        )
        return {}
    labels: dict[str, Label] = {}
    for name, value in node.entries.items():
        if not name.strip() or name != name.strip() or not name.isprintable():
            mistakes.add(node.marks[name], f"a label's name is one line without spaces at its ends, found {name!r}")
        labels[name] = _label(name, value, node.marks[name], environment, mistakes)
    return labels


def _label(name: str, node: Node, mark: Position, environment: Mapping[str, str], mistakes: IssueCollector) -> Label:
    nothing = Label("")
    if isinstance(node, YamlScalar):
        if node.noted:
            return nothing
        if node.value is None:
            mistakes.add(mark, f"labels.{name} says nothing: write what the label means, its name where that says it")
            return nothing
        node = YamlMap({"description": node}, {"description": mark}, mark)
    if not isinstance(node, YamlMap):
        mistakes.add(
            mark, f"labels.{name} takes what the label means, or a map with means and want, found {describe_node(node)}"
        )
        return nothing
    setting = validate(LabelSetting, node, f"labels.{name}", environment, mistakes)
    return nothing if setting is None else Label(setting.description, setting.want)


def read_models(node: YamlMap, reader: StepReader) -> dict[str, ModelOptions]:
    """Return the models that can be read, by name, in the recipe's order; aliases share one value."""
    engines: dict[str, ModelOptions] = {}
    for name, value in node.entries.items():
        if _alias(node, name) is None and _is_known(node, name, reader):
            written = reader.item("models", value, name=name, mark=node.marks[name])
            if written is not None and isinstance(written.step, ModelOptions):
                engines[name] = written.step
    ends = {name: _end(node, name, reader) for name in node.entries}
    return {name: engines[end] for name, end in ends.items() if end in engines}


def _alias(node: YamlMap, name: str) -> str | None:
    """Return the other name that `name` stands for, or None where it is an engine of its own."""
    value = node.entries[name]
    if not isinstance(value, YamlScalar) or not isinstance(value.value, str) or value.noted:
        return None
    if value.text == name and component_class("models", name) is not None:
        return None
    return value.text if value.text in node.entries else None


def _end(node: YamlMap, name: str, reader: StepReader) -> str | None:
    chain = [name]
    while (after := _alias(node, chain[-1])) is not None:
        if after in chain:
            _note_circle(node, chain[chain.index(after) :], reader)
            return None
        chain.append(after)
    return chain[-1]


def _note_circle(node: YamlMap, circle: list[str], reader: StepReader) -> None:
    """Tell of a circle once, wherever one comes into it: from the name that the recipe has first."""
    first = next(name for name in node.entries if name in circle)
    turn = circle.index(first)
    told = " → ".join([*circle[turn:], *circle[:turn], first])
    reader.mistakes.add(node.marks[first], f"models.{first} stands for itself: {told}")


def _is_known(node: YamlMap, name: str, reader: StepReader) -> bool:
    value = node.entries[name]
    if not isinstance(value, YamlScalar) or not isinstance(value.value, str) or value.noted:
        return True
    if value.text.startswith("./") or (value.text.isidentifier() and component_class("models", value.text) is not None):
        return True
    others = [*(other for other in node.entries if other != name), *component_names("models")]
    reader.mistakes.add(
        node.marks[name],
        f"models.{name}: no model and no item is called {value.text!r}{did_you_mean(value.text, others)}",
    )
    return False

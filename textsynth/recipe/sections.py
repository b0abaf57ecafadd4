"""Reads each section of a recipe on its own; what the recipe leaves out gets the defaults of its task."""

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
from textsynth.recipe.quota_spec import balance_node, read_want
from textsynth.recipe.recipe import Label
from textsynth.recipe.references import references_in
from textsynth.recipe.settings import Balance, Budget, Evaluate, Export, LabelSetting, Settings
from textsynth.recipe.steps import LISTS, ParsedStep, StepReader
from textsynth.recipe.validation_errors import unknown_section, validate
from textsynth.recipe.yaml_tree import Node, Value, YamlList, YamlMap, YamlScalar, describe_node
from textsynth.text.labels import label_name_fault, one_form

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
# Names that are no sections, and where what they mean is written.
ELSEWHERE = {
    "gold": "rows with known labels are a source, and `choice: {gold: NAME}` under label is calibrated on them",
    "review": "`on_disagreement: review` and `on_low_confidence: review` under label leave decisions to people, who "
    "make them with `textsynth review RUN`",
}
DEFAULT_TASK = "classification"
DEFAULT_MODELS: dict[str, StepSpec] = {"generator": {"local": {}}}
Section = TypeVar("Section", bound=Options)


@dataclass(frozen=True, slots=True)
class Sections:
    """The content of every section. A source with an issue is None; a step with one is not in its list.

    A task with an issue is replaced by the default task, and `task_is_valid` is False: what depends on the task cannot
    be checked. `file` is the position of what the recipe leaves out.
    """

    settings: Settings
    task: Task
    task_name: str
    task_is_valid: bool
    labels: Mapping[str, Label]
    models: Mapping[str, ModelOptions]
    sources: Mapping[str, ParsedStep | None]
    lists: Mapping[str, list[ParsedStep]]
    want: Mapping[tuple[str, ...], int]
    balance: Balance | None
    budget: Budget
    export: Export
    evaluate: Evaluate | None
    tree: YamlMap
    file: Position

    def mark(self, section: str) -> Position:
        """Return the position of a section."""
        return self.tree.marks.get(section, self.file)

    def is_complete(self, section: str) -> bool:
        """Return whether every step of a list section could be read."""
        node = self.tree.entries.get(section)
        return node is None or (isinstance(node, YamlList) and len(node.items) == len(self.lists[section]))


def read_sections(tree: YamlMap, step_reader: StepReader, file: Position) -> Sections:
    """Read every section; issues are added to those of `step_reader`. `file` is the position of what is left out."""
    reader = _SectionReader(tree, step_reader, file)
    reader.report_unknown_sections()
    settings, labels = reader.settings(), reader.labels()
    task_name, task, task_is_valid = reader.task()
    models, sources = reader.models(), reader.sources(task)
    labellers = reader.steps_of("label", [])
    gold = tuple(name for step in labellers for _, name in references_in(step.step, "gold"))
    facts = RecipeFacts(tuple(sources), len(labels), gold=gold)
    generators = reader.steps_of("generate", task.default_generate(facts))
    facts = _add_generator_facts(facts, generators, sources)
    balance = reader.balance()
    facts = replace(facts, merged=None if balance is None else balance.like)
    want = reader.want(task.default_want(facts))
    by_label = any("label" in keys for keys in want) or any(label.want is not None for label in labels.values())
    return Sections(
        settings=settings,
        task=task,
        task_name=task_name,
        task_is_valid=task_is_valid,
        labels=labels,
        models=models,
        sources=sources,
        lists={
            "generate": generators,
            "filter": reader.steps_of("filter", task.default_filters(facts)),
            "label": labellers,
            "select": reader.steps_of("select", task.default_select(facts, by_label=by_label)),
        },
        want=want,
        balance=balance,
        budget=reader.plain_section("budget", Budget) or Budget(),
        export=reader.plain_section("export", Export) or Export(),
        evaluate=reader.plain_section("evaluate", Evaluate),
        tree=tree,
        file=file,
    )


def _add_generator_facts(
    facts: RecipeFacts, generators: Sequence[ParsedStep], sources: Mapping[str, ParsedStep | None]
) -> RecipeFacts:
    with_all = [step for step in generators if isinstance(step.step, Generator) and not step.step.follows_quota]
    writers = [step for step in generators if step not in with_all]
    unlabelled = [name for step in writers for _, name in references_in(step.step, "unlabelled") if name in sources]
    written_from = (name for step in writers for _, name in references_in(step.step, "source") if name in sources)
    seeds = next((name for name in written_from if name not in unlabelled), None)
    source = sources.get(seeds) if seeds is not None else None
    return replace(
        facts,
        seeds=seeds,
        unlabelled=tuple(dict.fromkeys(unlabelled)),
        seeds_labelled=source is not None and isinstance(source.step, Source) and source.step.may_have_labels,
        only_existing=bool(with_all) and not writers,
    )


@dataclass(frozen=True, slots=True)
class _SectionReader:
    tree: YamlMap
    step_reader: StepReader
    file: Position

    @property
    def issues(self) -> IssueCollector:
        return self.step_reader.issues

    def report_unknown_sections(self) -> None:
        for name, mark in self.tree.marks.items():
            if name in ELSEWHERE:
                self.issues.add(mark, f"a recipe has no section {name!r}: {ELSEWHERE[name]}")
            elif name not in SECTIONS:
                self.issues.add(mark, unknown_section(name, list(SECTIONS)))

    def settings(self) -> Settings:
        """Return the top-level settings; one with an issue gets its default, so that the checks can go on."""
        tree = self.tree
        valid: dict[str, object] = {}
        for name, node in tree.entries.items():
            if name not in Settings.model_fields:
                continue
            single = YamlMap({name: node}, tree.marks, tree.mark)
            settings = validate(Settings, single, "", self.step_reader.environment, self.issues)
            if settings is not None:
                valid[name] = getattr(settings, name)
        return Settings.model_validate(valid)

    def plain_section(self, name: str, cls: type[Section]) -> Section | None:
        """Return a section that is no component; None where it is not written or has an issue."""
        node = self.tree.entries.get(name)
        if isinstance(node, YamlMap):
            return validate(cls, node, name, self.step_reader.environment, self.issues)
        if node is not None and not _was_reported(node):
            fields = ", ".join(cls.model_fields)
            self.issues.add(self.tree.marks[name], f"{name} is a map with {fields}, found {describe_node(node)}")
        return None

    def task(self) -> tuple[str, Task, bool]:
        """Return the task's name, the task, and whether it is valid; one with an issue is replaced by the default."""
        node = self.tree.entries.get("task")
        mark = self.tree.marks.get("task", self.file)
        parsed = None if node is None else self.step_reader.read_step("task", node, mark=mark)
        is_valid = node is None or parsed is not None
        if parsed is None:
            parsed = self.step_reader.read_step("task", _default_node(DEFAULT_TASK, self.file))
        if parsed is None or not isinstance(parsed.step, Task):
            raise TypeError(f"the default task {DEFAULT_TASK!r} is no Task")
        return parsed.component, parsed.step, is_valid

    def labels(self) -> dict[str, Label]:
        node = self.tree.entries.get("labels")
        if node is None:
            return {}
        return _read_labels(node, self.tree.marks["labels"], self.step_reader.environment, self.issues)

    def models(self) -> dict[str, ModelOptions]:
        if "models" not in self.tree.entries:
            return _read_models(cast("YamlMap", _default_node(DEFAULT_MODELS, self.file)), self.step_reader)
        return _read_models(self._map_of("models", "names to models"), self.step_reader)

    def sources(self, task: Task) -> dict[str, ParsedStep | None]:
        """Return the sources by name, with the task's columns where they name none; one with an issue is None."""
        node = self._map_of("sources", "names to sources")
        sources: dict[str, ParsedStep | None] = {}
        for name, value in node.entries.items():
            mark = node.marks[name]
            if _is_path(value):
                path = YamlMap({"path": value}, {"path": mark}, mark)
                value = YamlMap({"rows": path}, {"rows": mark}, mark)
            parsed = self.step_reader.read_step("sources", value, name=name, mark=mark)
            if parsed is not None and isinstance(parsed.step, Source):
                source = parsed.step.with_columns(task.source_text_column, task.source_fields)
                parsed = replace(parsed, step=source)
            sources[name] = parsed
        return sources

    def steps_of(self, section: str, default: list[StepSpec]) -> list[ParsedStep]:
        node = self.tree.entries.get(section, _default_node(default, self.file))
        return self.step_reader.read_list(section, node)

    def want(self, default: Mapping[str, int]) -> dict[tuple[str, ...], int]:
        node = self.tree.entries.get("want")
        if node is not None:
            return read_want(node, self.tree.marks["want"], self.issues)
        return read_want(_default_node(dict(default), self.file), self.file, self.issues) if default else {}

    def balance(self) -> Balance | None:
        node = balance_node(self.tree.entries.get("want"))
        return (
            None if node is None else validate(Balance, node, "want.balance", self.step_reader.environment, self.issues)
        )

    def _map_of(self, name: str, content: str) -> YamlMap:
        node = self.tree.entries.get(name)
        if isinstance(node, YamlMap):
            return node
        if node is not None and not _was_reported(node):
            self.issues.add(self.tree.marks[name], f"{name} is a map of {content}, found {describe_node(node)}")
        return YamlMap({}, {}, self.file)


def _is_path(node: Node) -> bool:
    """Whether a source is given by the path of its file; a `.py` file beside the recipe is a component instead."""
    if not isinstance(node, YamlScalar) or not isinstance(node.value, str) or node.reported:
        return False
    return not (node.text.startswith("./") and node.text.endswith(".py"))


def _was_reported(node: Node) -> bool:
    return isinstance(node, YamlScalar) and node.reported


def _default_node(value: object, mark: Position) -> Node:
    """Return the node of a default; all of it is at `mark`."""
    if isinstance(value, dict):
        entries = {name: _default_node(child, mark) for name, child in value.items()}
        return YamlMap(entries, dict.fromkeys(value, mark), mark)
    if isinstance(value, list):
        return YamlList(tuple(_default_node(child, mark) for child in value), mark)
    return YamlScalar(cast("Value", value), str(value), mark)


# ---- labels


def _read_labels(
    node: Node, mark: Position, environment: Mapping[str, str], issues: IssueCollector
) -> dict[str, Label]:
    """Return the labels in the recipe's order; one with an issue stays in, so that no check reports it as missing."""
    if _was_reported(node):
        return {}
    if not isinstance(node, YamlMap) or not node.entries:
        issues.add(
            mark,
            f"labels is a map of each name to its description, found {describe_node(node)}"
            "; a name that needs no description is its own: `parking: parking`",
        )
        return {}
    labels: dict[str, Label] = {}
    for name, value in node.entries.items():
        fault = label_name_fault(name)
        if fault is not None:
            issues.add(node.marks[name], fault)
        if one_form(name) in labels:
            issues.add(
                node.marks[name],
                f"labels has {one_form(name)!r} twice, in two Unicode forms of the same letters; remove one of them",
            )
        labels[one_form(name)] = _read_label(name, value, node.marks[name], environment, issues)
    return labels


def _read_label(name: str, node: Node, mark: Position, environment: Mapping[str, str], issues: IssueCollector) -> Label:
    undescribed = Label("")
    if isinstance(node, YamlScalar):
        if node.reported:
            return undescribed
        if node.value is None:
            issues.add(mark, f"labels.{name} has no description: write what the label means, or repeat its name")
            return undescribed
        node = YamlMap({"description": node}, {"description": mark}, mark)
    if not isinstance(node, YamlMap):
        issues.add(
            mark,
            f"labels.{name} takes a description, or a map with description and want, found {describe_node(node)}",
        )
        return undescribed
    setting = validate(LabelSetting, node, f"labels.{name}", environment, issues)
    return undescribed if setting is None else Label(setting.description, setting.want)


# ---- models


def _read_models(node: YamlMap, step_reader: StepReader) -> dict[str, ModelOptions]:
    """Return the models that can be read, by name, in the recipe's order; aliases share one value."""
    models: dict[str, ModelOptions] = {}
    for name, value in node.entries.items():
        if _alias_of(node, name) is None and _names_a_model(node, name, step_reader.issues):
            parsed = step_reader.read_step("models", value, name=name, mark=node.marks[name])
            if parsed is not None and isinstance(parsed.step, ModelOptions):
                models[name] = parsed.step
    targets = {name: _resolve_alias(node, name, step_reader.issues) for name in node.entries}
    return {name: models[target] for name, target in targets.items() if target in models}


def _alias_of(node: YamlMap, name: str) -> str | None:
    """Return the other name under `models` that `name` refers to, None where it is a model itself."""
    value = node.entries[name]
    if not isinstance(value, YamlScalar) or not isinstance(value.value, str) or value.reported:
        return None
    if value.text == name and component_class("models", name) is not None:
        return None
    return value.text if value.text in node.entries else None


def _resolve_alias(node: YamlMap, name: str, issues: IssueCollector) -> str | None:
    """Return the name of the model at the end of a chain of aliases; a circle is an issue, and gives None."""
    chain = [name]
    while (alias := _alias_of(node, chain[-1])) is not None:
        if alias in chain:
            _report_circle(node, chain[chain.index(alias) :], issues)
            return None
        chain.append(alias)
    return chain[-1]


def _report_circle(node: YamlMap, circle: list[str], issues: IssueCollector) -> None:
    """Report a circle of aliases, the same sentence from whichever alias it was entered."""
    first = next(name for name in node.entries if name in circle)
    start = circle.index(first)
    path = " → ".join([*circle[start:], *circle[:start], first])
    issues.add(node.marks[first], f"models.{first} is an alias of itself: {path}")


def _names_a_model(node: YamlMap, name: str, issues: IssueCollector) -> bool:
    """Whether the value of `name` can be read as a model; a bare name that is none is an issue."""
    value = node.entries[name]
    if not isinstance(value, YamlScalar) or not isinstance(value.value, str) or value.reported:
        return True
    if value.text.startswith("./") or (value.text.isidentifier() and component_class("models", value.text) is not None):
        return True
    others = [*(other for other in node.entries if other != name), *component_names("models")]
    issues.add(
        node.marks[name],
        f"models.{name}: there is neither a model nor a component {value.text!r}{did_you_mean(value.text, others)}",
    )
    return False

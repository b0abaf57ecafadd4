"""What must hold between the sections of a recipe; source_checks.py has the checks of the sources' rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from textsynth.core.errors import did_you_mean
from textsynth.core.options import Options
from textsynth.core.protocols import Generator, Labeller, Selector, Source
from textsynth.core.text_classifier import classifier_issues
from textsynth.export.card.hub_vocabulary import matching_task_ids
from textsynth.recipe.attribute_checks import check_attributes, check_cells
from textsynth.recipe.balance import check_balance
from textsynth.recipe.gaps import check_gaps
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.quota_spec import check_total, check_want
from textsynth.recipe.references import answer_fields_of, check_files, check_names, check_prompts, references_in
from textsynth.recipe.sections import Sections
from textsynth.recipe.settings import Evaluate
from textsynth.recipe.steps import ParsedStep
from textsynth.recipe.yaml_tree import YamlMap

ROUNDING = 1e-6


def check_sections(sections: Sections, base: Path, issues: IssueCollector) -> None:
    """Add every issue between sections; `base` is the recipe's folder. A step with an issue of its own is skipped."""
    check_files({name: step for name, step in sections.sources.items() if step is not None}, base, issues)
    steps = [step for group in sections.lists.values() for step in group]
    models = sections.tree.entries.get("models")
    model_names = list(models.entries) if isinstance(models, YamlMap) else list(sections.models)
    check_names(steps, "source", "sources", list(sections.sources), issues)
    check_names(steps, "model", "models", model_names, issues)
    check_prompts(steps, sections.models, base, issues)
    if sections.is_complete("generate"):
        _check_shares(sections.lists["generate"], issues)
        _check_generators(sections, issues)
        _check_combinations(sections, issues)
        if sections.task_is_valid:
            _check_output_fields(sections, base, issues)
        _check_balanced_fields(sections, base, issues)
        generators = _generators(sections)
        attributes = [name for generator in generators for name in generator.varied_attributes]
        if check_attributes(sections.lists["generate"], sections.labels, issues):
            check_cells(sections.want, generators, sections.labels, sections.mark("want"), issues)
        check_want(
            sections.want,
            sections.mark("want"),
            issues,
            attributes=list(dict.fromkeys(attributes)),
            labels=list(sections.labels),
        )
    multi_label = sections.settings.multi_label
    check_total(sections.want, sections.labels, sections.mark("want"), issues, multi_label=multi_label)
    check_balance(sections, issues)
    check_gaps(sections, issues)
    if "labels" not in sections.tree.entries and sections.task_is_valid:
        _check_without_labels(sections, issues)
    _check_makes_texts(sections, issues)
    _check_gold(sections, issues)
    _check_export(sections, issues)
    if sections.evaluate is not None:
        _check_evaluate(sections, sections.evaluate, base, issues)


def _generators(sections: Sections) -> list[Generator]:
    return [step.step for step in sections.lists["generate"] if isinstance(step.step, Generator)]


def _check_evaluate(sections: Sections, evaluate: Evaluate, base: Path, issues: IssueCollector) -> None:
    """Add sources of `evaluate` that do not exist or have two roles, a task that cannot be scored, a bad classifier."""
    position = sections.mark("evaluate")
    if sections.task_is_valid and not sections.task.evaluates:
        issues.add(position, f"evaluate scores labelled texts, and the task is {sections.task_name!r}: take it out")
    node = sections.tree.entries["evaluate"]
    positions = node.marks if isinstance(node, YamlMap) else {}
    roles: dict[str, str] = {}
    for role, name in references_in(evaluate, "source"):
        at = positions.get(role, position)
        if name not in sections.sources:
            hint = did_you_mean(name, sections.sources)
            issues.add(at, f"evaluate.{role} is {name!r}, but sources has no {name!r}{hint}")
        elif name in roles and "test" in (role, roles[name]):
            issues.add(
                at, f"evaluate.{role} and evaluate.{roles[name]} are both {name!r}: nothing may be fitted on test rows"
            )
        roles[name] = role
    if evaluate.classifier is not None and evaluate.classifier.startswith("./"):
        for issue in classifier_issues(evaluate.classifier, base, multi_label=sections.settings.multi_label):
            issues.add(positions.get("classifier", position), issue)


def _check_shares(steps: Sequence[ParsedStep], issues: IssueCollector) -> None:
    """Add shares that sum to more than 1, or that leave nothing, or no generator, for the rest."""
    shares = [(step, step.step.share if isinstance(step.step, Generator) else None) for step in steps]
    with_share = [(step, share) for step, share in shares if share is not None]
    if not with_share:
        return
    total = sum(share for _, share in with_share)
    last = with_share[-1][0]
    position = last.fields.marks.get("share", last.mark)
    without_share = [step.name for step, share in shares if share is None]
    if total > 1 + ROUNDING:
        issues.add(position, f"the shares of generate make {total:g} in all, more than 1")
    elif without_share and total > 1 - ROUNDING:
        issues.add(position, f"the shares of generate make 1 in all, which leaves nothing for {without_share[0]!r}")
    elif not without_share and total < 1 - ROUNDING:
        issues.add(
            position, f"the shares of generate make {total:g} in all, and no generator without one writes the rest"
        )


def _check_generators(sections: Sections, issues: IssueCollector) -> None:
    if not sections.lists["generate"]:
        issues.add(sections.mark("generate"), "generate is an empty list, so nothing writes a text: name a generator")


def _check_combinations(sections: Sections, issues: IssueCollector) -> None:
    """Add labels that a generator names and the recipe does not list, and combinations where texts have one label."""
    for step in sections.lists["generate"]:
        for label in step.step.labels_named if isinstance(step.step, Generator) else ():
            if label not in sections.labels:
                hint = did_you_mean(label, sections.labels)
                issues.add(step.mark, f"{step.component} names {label!r}, which `labels` does not list{hint}")
        combinations = step.step.label_combinations if isinstance(step.step, Generator) else ()
        if not combinations:
            continue
        position = step.fields.marks.get("combinations", step.mark)
        if not sections.settings.multi_label:
            issues.add(position, f"{step.component}.combinations needs texts with several labels: `multi_label: true`")
        for label in dict.fromkeys(label for combination in combinations for label in combination):
            if label not in sections.labels:
                hint = did_you_mean(label, sections.labels)
                issues.add(position, f"{step.component}.combinations has {label!r}, which `labels` does not list{hint}")


def _check_makes_texts(sections: Sections, issues: IssueCollector) -> None:
    """Add a quota of no text, and a budget of no request where every generator sends requests: nothing is made."""
    wants = [label.want for label in sections.labels.values()]
    if wants and all(want == 0 for want in wants) and not set(sections.want) - {("label",)}:
        issues.add(
            sections.mark("labels"),
            "every label has `want: 0`, and there is no other quota, so the run would make no text: give a label a "
            "number above 0, or write `want: {total: 100}`",
        )
    generators = _generators(sections)
    writes_only = bool(generators) and all(generator.needs_model for generator in generators)
    budget = sections.tree.entries.get("budget")
    positions = budget.marks if isinstance(budget, YamlMap) else {}
    for name in ("requests", "tokens"):
        if writes_only and getattr(sections.budget, name) == 0:
            issues.add(
                positions.get(name, sections.mark("budget")),
                f"budget.{name} is 0, and every generator sends requests, so the run would make no text: raise it, or "
                "leave it out",
            )


def _check_output_fields(sections: Sections, base: Path, issues: IssueCollector) -> None:
    """Add generators whose texts lack a field that a column of the task needs: the column would be empty."""
    for step in sections.lists["generate"]:
        available = _available_fields(sections, step, base)
        if available is None:
            continue
        for column, field in sections.task.columns.items():
            if field and field not in available:
                issues.add(
                    step.mark,
                    f"{step.name} writes no {field!r}, which fills the column {column!r} of the task "
                    f"{sections.task_name}: take {sections.task.generator}, keep it as `fields: {{{field}: COLUMN}}` "
                    "in the source, or name another task",
                )


def _available_fields(sections: Sections, step: ParsedStep, base: Path) -> set[str] | None:
    """Return the fields that a generator's texts will have; None where that is not known before a run."""
    if not isinstance(step.step, Generator) or step.step.output_fields is None:
        return None
    fields = set(step.step.output_fields)
    answer_fields = answer_fields_of(step.step, sections.models, base)
    if answer_fields is None:
        return None
    fields.update(answer_fields)
    for _, name in references_in(step.step, "source") if step.step.keeps_source_fields else ():
        source = sections.sources.get(name)
        source_fields = source.step.field_names if source is not None and isinstance(source.step, Source) else None
        if source_fields is None:
            return None
        fields.update(source_fields)
    return fields


def _check_balanced_fields(sections: Sections, base: Path, issues: IssueCollector) -> None:
    """Add fields that a selector balances and no text can have: it would silently balance nothing."""
    fields: set[str] = set()
    if any(not type(step.step).__module__.startswith("textsynth.") for step in sections.lists["label"]):
        return  # a labeller of the user's own may set fields
    for step in sections.lists["generate"]:
        available = _available_fields(sections, step, base)
        if available is None or not isinstance(step.step, Generator):
            return
        fields.update(available, step.step.varied_attributes)
    for source in sections.sources.values():
        source_fields = source.step.field_names if source is not None and isinstance(source.step, Source) else None
        if source_fields is None:
            return
        fields.update(source_fields)
    for step in sections.lists["select"]:
        for name in step.step.balanced_fields if isinstance(step.step, Selector) else ():
            if name not in fields:
                position = step.fields.marks.get("over", step.mark)
                hint = did_you_mean(name, sorted(fields)) if fields else ""
                issues.add(
                    position,
                    f"{step.component}.over has {name!r}, which no generator varies and no source keeps in `fields`"
                    f"{hint}",
                )


def _check_without_labels(sections: Sections, issues: IssueCollector) -> None:
    """Add what needs labels in a recipe that lists none."""
    for step in sections.lists["label"]:
        if isinstance(step.step, Labeller) and step.step.needs_labels:
            issues.add(step.mark, f"{step.name} chooses among labels, but the recipe lists none: add `labels:`")
    writers = [
        step for step in sections.lists["generate"] if isinstance(step.step, Generator) and step.step.needs_model
    ]
    if sections.task.needs_labels and writers:
        first = writers[0]
        issues.add(
            first.mark,
            f"{first.name} writes for the task {sections.task_name}, but the recipe lists no labels: add `labels:`",
        )
    elif any("label" in keys for keys in sections.want):
        issues.add(
            sections.mark("want"),
            "want counts texts by label, but the recipe lists no labels: add `labels:`, or write total",
        )


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def step(self) -> Options: ...


AnyNamed = TypeVar("AnyNamed", bound=_Named)


def gold_sources(labellers: Iterable[AnyNamed]) -> Iterator[tuple[AnyNamed, str]]:
    """Yield the labellers that are calibrated on gold rows, each with the name of their source."""
    for labeller in labellers:
        yield from ((labeller, name) for _, name in references_in(labeller.step, "gold"))


def _check_gold(sections: Sections, issues: IssueCollector) -> None:
    """Add every gold source whose rows are also written from, shown as examples, or tested on."""
    for labeller, source in gold_sources(sections.lists["label"]):
        position = labeller.fields.marks.get("gold", labeller.mark)
        clash = f"{labeller.component}.gold is {source!r}"
        for generator in sections.lists["generate"]:
            if source in (name for _, name in references_in(generator.step, "source")):
                issues.add(
                    position,
                    f"{clash}, and {generator.name} writes from its rows: keep some labelled rows apart in a source of "
                    "their own, as a labeller does better on what texts were made from",
                )
        for other in sections.lists["label"]:
            gold = {field for field, _ in references_in(other.step, "gold")}
            shown = (name for field, name in references_in(other.step, "source") if field not in gold)
            if other is not labeller and source in shown:
                issues.add(
                    position,
                    f"{clash}, and {other.name} shows its rows as examples: gold rows are for calibration alone",
                )
        if sections.evaluate is not None and sections.evaluate.test == source:
            issues.add(
                position, f"{clash}, and evaluate.test too: the threshold is chosen on gold rows, never on test rows"
            )


def _check_export(sections: Sections, issues: IssueCollector) -> None:
    """Add licenses of unknown sources and models, `other` without a name, and task ids of another category."""
    node = sections.tree.entries.get("export")
    if not isinstance(node, YamlMap):
        return
    for key, sentence in _issues_of_export(sections):
        issues.add(node.marks.get(key, node.mark), f"export.{key} {sentence}")


def _issues_of_export(sections: Sections) -> Iterator[tuple[str, str]]:
    export = sections.export
    yield from _unknown_names("source_licenses", export.source_licenses, "sources", sections.sources)
    yield from _unknown_names("model_licenses", export.model_licenses, "models", sections.models)
    if export.license == "other" and export.license_name is None:
        yield "license", "is other, for which the Hub wants a name: add license_name, and license_link to its text"
    if export.license != "other" and export.license_name is not None:
        yield "license_name", f"is given with the license {export.license!r}: write license: other, or take it out"
    categories = export.task_categories or (sections.task.hub_category, "text-classification")
    allowed = matching_task_ids(export.task_ids, categories) if sections.task_is_valid else export.task_ids
    for task_id in export.task_ids:
        if task_id not in allowed:
            yield "task_ids", f"has {task_id!r}, which is no task id of {', '.join(dict.fromkeys(categories))}"


def _unknown_names(
    key: str, names: Iterable[str], section: str, existing: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name in names:
        if name not in existing:
            yield key, f"has {name!r}, but {section} has no {name!r}{did_you_mean(name, existing)}"

"""What must hold between the sections of a recipe, and between a recipe and the rows of its sources."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from textsynth.core.errors import RecipeIssue, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.options import Options
from textsynth.core.protocols import Generator, Labeller, Selector, Source
from textsynth.core.records import Record
from textsynth.export.card.hub_vocabulary import matching_task_ids
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.quota_spec import check_total, check_want
from textsynth.recipe.recipe import Recipe
from textsynth.recipe.references import answer_fields_of, check_files, check_names, check_prompts, references_in
from textsynth.recipe.sections import Sections
from textsynth.recipe.settings import Evaluate
from textsynth.recipe.steps import ParsedStep
from textsynth.recipe.yaml_tree import YamlMap
from textsynth.text.labels import escaped, similar_label

ROUNDING = 1e-6
LABELS_LISTED = 5
LABEL_COLUMNS = ("intent", "category", "class", "topic", "target", "sentiment")
"""Names that columns of labels often have, for a hint."""
NAME_LABEL_COLUMN = "name their column, {rows: {path: FILE, label: COLUMN}}"


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
        attributes = [name for generator in _generators(sections) for name in generator.varied_attributes]
        check_want(
            sections.want,
            sections.mark("want"),
            issues,
            attributes=list(dict.fromkeys(attributes)),
            labels=list(sections.labels),
        )
    multi_label = sections.settings.multi_label
    check_total(sections.want, sections.labels, sections.mark("want"), issues, multi_label=multi_label)
    if "labels" not in sections.tree.entries and sections.task_is_valid:
        _check_without_labels(sections, issues)
    _check_makes_texts(sections, issues)
    _check_gold(sections, issues)
    _check_export(sections, issues)
    if sections.evaluate is not None:
        _check_evaluate(sections, sections.evaluate, issues)


def _generators(sections: Sections) -> list[Generator]:
    return [step.step for step in sections.lists["generate"] if isinstance(step.step, Generator)]


def _check_evaluate(sections: Sections, evaluate: Evaluate, issues: IssueCollector) -> None:
    """Add sources of `evaluate` that do not exist or have two roles, and a task that cannot be scored."""
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


def check_sources(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return the issues of the rows: sources without rows or labels, labels not in the recipe, too many labels a row.

    `rows` are the sources as read, by name. At most five labels a source are listed, the most frequent first.
    """
    issues: list[RecipeIssue] = []
    for name, records in rows.items():
        where = recipe.positions.get(f"sources.{name}", str(recipe.path))
        sentences = _issues_of_source(recipe, name, records) if records else [f"sources.{name} has no rows"]
        issues += [RecipeIssue(where, sentence) for sentence in sentences]
    return issues + _check_rows_for_quota(recipe, rows) + _check_gold_rows(recipe, rows)


def _check_rows_for_quota(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return the issue that no text would be made: the quota is by label, and all texts rewrite rows without labels.

    A generator that rewrites rows keeps their labels, so for a label it has no row to write from.
    """
    if not recipe.want or not all("label" in keys for keys in recipe.want):
        return []
    rewritten: list[str] = []
    for item in recipe.generate:
        names = [name for _, name in references_in(item.step, "source")]
        bundled = type(item.step).__module__.startswith("textsynth.")
        if not bundled or not names or not item.step.needs_model or item.step.shows_labels:
            return []
        rewritten += names
    if not rewritten or any(record.labels for name in rewritten for record in rows[name]):
        return []
    if not all(rows[name] for name in rewritten) or _generator_copying_labels(recipe, rewritten[0], _keeps_labels):
        return []  # a source without rows, or with rows that need labels, has its own issue
    where = recipe.positions.get(f"sources.{rewritten[0]}", str(recipe.path))
    sentence = (
        f"sources.{rewritten[0]} has no labels, want counts texts by label, and {recipe.generate[0].name} writes texts "
        f"with the labels of its rows, so the run would make no text: {NAME_LABEL_COLUMN}, or write "
        "`want: {total: 100}`"
    )
    return [RecipeIssue(where, sentence)]


def _issues_of_source(recipe: Recipe, name: str, records: Sequence[Record]) -> Iterator[str]:
    generator = _generator_showing(recipe, name)
    if generator is not None and not any(record.labels for record in records):
        hint = nearest_column(recipe, name, "label")
        yield f"sources.{name} has no labels, and {generator} shows examples by label: {NAME_LABEL_COLUMN}{hint}"
    unlabelled = sum(not record.labels for record in records)
    if recipe.multi_label and unlabelled < len(records):
        unlabelled = 0  # a text that may have several labels may have none
    if unlabelled:
        count = f"sources.{name}: {pluralize(unlabelled, 'row')} of {len(records):,} without a label"
        hint = nearest_column(recipe, name, "label")
        curator = _generator_copying_labels(recipe, name, lambda generator: generator.curates_source)
        writer = _generator_copying_labels(recipe, name, _keeps_labels)
        if curator is not None:
            yield (
                f"{count}, and {curator} takes rows as they are: {NAME_LABEL_COLUMN}, or let `label: [choice]` choose"
                f"{hint}"
            )
        elif writer is not None:
            yield (
                f"{count}, and {writer} gives each text the label of its row: {NAME_LABEL_COLUMN}, or let "
                f"`label: [choice]` choose{hint}"
            )
        evaluate = recipe.evaluate
        scored = {} if evaluate is None else {evaluate.test: "test", evaluate.train: "train"}
        if name in scored:
            yield f"{count}, and evaluate.{scored[name]} needs one of each: name their column, label: COLUMN"
    yield from _rows_without_required_fields(recipe, name, records)
    if recipe.labels:
        yield from _unlisted_labels(name, records, list(recipe.labels))
    several = [record for record in records if len(record.labels) > 1]
    if several and recipe.labels and not recipe.multi_label:
        example = ", ".join(map(repr, several[0].labels[:LABELS_LISTED]))
        yield (
            f"sources.{name} has {pluralize(len(several), 'row')} with several labels ({example}), and a text has one: "
            "write `multi_label: true`, or give each row one label"
        )


def _generator_showing(recipe: Recipe, source: str) -> str | None:
    """Return the first generator that shows rows of the source by their labels, None where none does."""
    return _first_using(recipe, source, lambda generator: generator.shows_labels)


def _generator_copying_labels(recipe: Recipe, source: str, uses: _Predicate) -> str | None:
    """Return the first generator whose texts have the labels of the rows, where nothing else gives them labels."""
    if not recipe.task.needs_labels or not recipe.labels or recipe.label:
        return None
    return _first_using(recipe, source, uses)


def _keeps_labels(generator: Generator) -> bool:
    """Whether a bundled generator gives its texts the labels of the rows they are made from."""
    return type(generator).__module__.startswith("textsynth.") and not generator.shows_labels


def _rows_without_required_fields(recipe: Recipe, name: str, records: Sequence[Record]) -> Iterator[str]:
    """Yield a sentence for each column of the task that rows which are taken as they are would leave empty."""
    curator = _first_using(recipe, name, lambda generator: generator.curates_source)
    for column, field in recipe.task.columns.items() if curator is not None else ():
        empty = sum(not record.field_text(field).strip() for record in records) if field else 0
        if empty:
            yield (
                f"sources.{name}: {pluralize(empty, 'row')} of {len(records):,} without {field!r}, which fills the "
                f"column {column!r}, and {curator} takes rows as they are: fill it in, or name its column, "
                f"fields: {{{field}: COLUMN}}{nearest_column(recipe, name, field)}"
            )


def nearest_column(recipe: Recipe, source: str, role: str) -> str:
    """Return `; did you mean the column 'Label'?` with the column of a source whose name is most like `role`, else "".

    A column of exactly this name is named as the one that is empty.
    """
    names = recipe.sources[source].column_names(recipe.base) if source in recipe.sources else ()
    if role in names:
        return f"; its column {role!r} is empty there"
    by_plain_name = {name.strip().lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(role, by_plain_name, n=1) or [
        name for name in LABEL_COLUMNS if role == "label" and name in by_plain_name
    ]
    return f"; did you mean the column {by_plain_name[close[0]]!r}?" if close else ""


class _Predicate(Protocol):
    def __call__(self, generator: Generator) -> bool: ...


def _first_using(recipe: Recipe, source: str, uses: _Predicate) -> str | None:
    names = (
        item.name
        for item in recipe.generate
        if uses(item.step) and source in (name for _, name in references_in(item.step, "source"))
    )
    return next(names, None)


def _unlisted_labels(source: str, records: Sequence[Record], listed: list[str]) -> Iterator[str]:
    in_recipe = set(listed)
    counts: dict[str, int] = {}
    for record in records:
        for label in record.labels:
            if label not in in_recipe:
                counts[label] = counts.get(label, 0) + 1
    unlisted = sorted(counts, key=lambda label: -counts[label])
    for label in unlisted[:LABELS_LISTED]:
        similar = similar_label(label, listed)
        hint = did_you_mean(label, listed)
        if similar is not None:
            spelling, difference = similar
            rename = f"{{{escaped(label)}: {escaped(spelling)}}}"
            hint = f"; it differs from {spelling!r} in {difference}: write `rename: {rename}` in sources.{source}"
        yield (
            f"sources.{source} has {pluralize(counts[label], 'row')} with the label {label!r}, which `labels` does not "
            f"list{hint}"
        )
    if len(unlisted) > LABELS_LISTED:
        yield f"sources.{source} has {len(unlisted) - LABELS_LISTED} more labels which `labels` does not list"


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


def _check_gold_rows(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return the gold sources with rows that have no label, or with too few rows for a precision."""
    issues: list[RecipeIssue] = []
    for item, source in gold_sources(recipe.label):
        where = recipe.positions.get(f"sources.{source}", str(recipe.path))
        records = rows[source]
        unlabelled = sum(not record.labels for record in records)
        needed = item.step.min_gold_rows if isinstance(item.step, Labeller) else 0
        if unlabelled:
            count = f"sources.{source}: {pluralize(unlabelled, 'row')} of {len(records)} without a label"
            cure = "give each its label, or name their column, label: COLUMN"
            issues.append(RecipeIssue(where, f"{count}, and {item.name} is calibrated on them: {cure}"))
        elif records and len(records) < needed:
            count = f"sources.{source} has {pluralize(len(records), 'row')}"
            cure = "add rows with labels, or give min_confidence instead"
            issues.append(
                RecipeIssue(where, f"{count}, and {item.name} estimates a precision from {needed} or more: {cure}")
            )
    return issues


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

"""What must hold between the sections of a recipe, and between a recipe and the rows of its sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from textsynth.core.errors import RecipeIssue, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.options import Options
from textsynth.core.protocols import Generator
from textsynth.core.records import REWRITES, Record
from textsynth.export.card.hub_vocabulary import matching_task_ids
from textsynth.export.card.metadata import CATEGORIES
from textsynth.generate.existing import Existing
from textsynth.generate.labelled import Labelled
from textsynth.label.calibration import MIN_ROWS
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.items import ParsedStep
from textsynth.recipe.quota_spec import check_total, check_want
from textsynth.recipe.recipe import Recipe
from textsynth.recipe.references import check_files, check_names, check_prompts, references_in
from textsynth.recipe.sections import Sections
from textsynth.recipe.settings import Evaluate
from textsynth.recipe.yaml_tree import YamlMap
from textsynth.select.balanced import Balanced

ROUNDING = 1e-6
SHOWN_LABELS = 5
# The column that what a text rewrites gets in the data set, and the generator that makes such texts, by task.
REWRITTEN = {"paraphrase": ("text", "paraphrase"), "summarization": ("document", "summary")}


def check_sections(sections: Sections, base: Path, mistakes: IssueCollector) -> None:
    """Note everything that does not fit together; `base` is the recipe's folder. What has a mistake is passed over."""
    known = {name: one for name, one in sections.sources.items() if one is not None}
    check_files(known, base, mistakes)
    items = [one for written in sections.lists.values() for one in written]
    models = sections.tree.entries.get("models")
    names = list(models.entries) if isinstance(models, YamlMap) else list(sections.models)
    check_names(items, "source", "sources", list(sections.sources), mistakes)
    check_names(items, "model", "models", names, mistakes)
    check_prompts(items, sections.models, base, mistakes)
    if sections.whole("generate"):
        _check_shares(sections.lists["generate"], mistakes)
        _check_generators(sections, mistakes)
        _check_task(sections, mistakes)
        _check_over(sections, mistakes)
        attributes = dict.fromkeys(
            name for one in sections.lists["generate"] for name in getattr(one.step, "attributes", {})
        )
        check_want(
            sections.want,
            sections.mark("want"),
            mistakes,
            attributes=list(attributes),
            labels=list(sections.labels),
        )
    if not sections.settings.multi_label:
        check_total(sections.want, sections.labels, sections.mark("want"), mistakes)
    if "labels" not in sections.tree.entries:
        _check_without_labels(sections, mistakes)
    check_gold(sections, mistakes)
    check_export(sections, mistakes)
    if sections.evaluate is not None:
        _check_evaluate(sections, sections.evaluate, mistakes)


def _check_evaluate(sections: Sections, evaluate: Evaluate, mistakes: IssueCollector) -> None:
    """Note sources of `evaluate` that are not there or stand in two places, and a task that has nothing to score."""
    mark = sections.mark("evaluate")
    if sections.settings.task != "classification":
        mistakes.add(mark, f"evaluate scores labelled texts, and the task is {sections.settings.task!r}: take it out")
    node = sections.tree.entries["evaluate"]
    marks = node.marks if isinstance(node, YamlMap) else {}
    role_of: dict[str, str] = {}
    for role, name in references_in(evaluate, "source"):
        at = marks.get(role, mark)
        if name not in sections.sources:
            mistakes.add(
                at, f"evaluate.{role} is {name!r}, but sources has no {name!r}{did_you_mean(name, sections.sources)}"
            )
        elif name in role_of and "test" in (role, role_of[name]):
            mistakes.add(
                at, f"evaluate.{role} and evaluate.{role_of[name]} are both {name!r}: test rows are never fitted on"
            )
        role_of[name] = role


def _check_shares(generate: Sequence[ParsedStep], mistakes: IssueCollector) -> None:
    """Note shares that make more than 1, or that leave nothing or nobody for the rest."""
    shares = [(one, _share(one)) for one in generate]
    shared = [(one, share) for one, share in shares if share is not None]
    if not shared:
        return
    whole = sum(share for _, share in shared)
    last = shared[-1][0]
    mark = last.fields.marks.get("share", last.mark)
    rest = [one.name for one, share in shares if share is None]
    if whole > 1 + ROUNDING:
        mistakes.add(mark, f"the shares of generate make {whole:g} in all, more than 1")
    elif rest and whole > 1 - ROUNDING:
        mistakes.add(mark, f"the shares of generate make 1 in all, which leaves nothing for {rest[0]!r}")
    elif not rest and whole < 1 - ROUNDING:
        mistakes.add(
            mark, f"the shares of generate make {whole:g} in all, and no generator without one writes the rest"
        )


def _share(one: ParsedStep) -> float | None:
    return one.step.share if isinstance(one.step, Generator) else None


def _check_generators(sections: Sections, mistakes: IssueCollector) -> None:
    if not sections.lists["generate"]:
        mistakes.add(sections.mark("generate"), "generate is an empty list, so nothing writes a text: name an item")


def _check_task(sections: Sections, mistakes: IssueCollector) -> None:
    """Note generators whose texts rewrite nothing, where the task is to rewrite: a column would be empty."""
    task = sections.settings.task
    if task not in REWRITTEN:
        return
    field, (column, generator) = REWRITES[task], REWRITTEN[task]
    for one in sections.lists["generate"]:
        made = one.step.output_fields if isinstance(one.step, Generator) else None
        source = sections.sources.get(getattr(one.step, "source", None) or "")
        kept = getattr(source.step, "fields", None) if source is not None else ()
        if made is not None and kept is not None and field not in {*made, *kept}:
            mistakes.add(
                one.mark,
                f"{one.name} gives texts without what they rewrite (the column {column} of a {task}):"
                f" take {generator}, keep it as `fields: {{{field}: COLUMN}}` in the source, or another task",
            )


def _check_over(sections: Sections, mistakes: IssueCollector) -> None:
    """Note what `balanced` is to be even over, and no text can have: nothing would be evened out, in silence."""
    made: set[str] = set()
    if any(not type(one.step).__module__.startswith("textsynth.") for one in sections.lists["label"]):
        return  # a labeller of one's own may give fields
    for one in sections.lists["generate"]:
        if not isinstance(one.step, Generator) or one.step.output_fields is None:
            return
        made.update(one.step.output_fields, getattr(one.step, "attributes", {}))
    for source in sections.sources.values():
        kept = getattr(source.step, "fields", None) if source is not None else None
        if kept is None:
            return
        made.update(kept)
    for one in sections.lists["select"]:
        for name in one.step.over if isinstance(one.step, Balanced) else ():
            if name not in made:
                mark = one.fields.marks.get("over", one.mark)
                told = f"balanced.over has {name!r}, which no generator varies and no source keeps in `fields`"
                mistakes.add(mark, told + (did_you_mean(name, sorted(made)) if made else ""))


def _check_without_labels(sections: Sections, mistakes: IssueCollector) -> None:
    """Note what needs labels in a recipe that lists none."""
    for one in sections.lists["label"]:
        mistakes.add(one.mark, f"{one.name} chooses among labels, but the recipe lists none: add `labels:`")
    writers = [one for one in sections.lists["generate"] if isinstance(one.step, Generator) and not one.step.free]
    if sections.settings.task == "classification" and writers:
        first = writers[0]
        mistakes.add(
            first.mark, f"{first.name} writes for a classification, but the recipe lists no labels: add `labels:`"
        )
    elif any("label" in keys for keys in sections.want):
        mistakes.add(
            sections.mark("want"),
            "want counts texts by label, but the recipe lists no labels: add `labels:`, or write total",
        )


def check_sources(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return a mistake for each source without rows, and for each label of its rows that the recipe does not list.

    Rows with several labels, where a text has one, are a mistake too.

    `rows` are the sources as read, by name. At most five labels a source are told, the most frequent first.
    """
    mistakes: list[RecipeIssue] = []
    for name, records in rows.items():
        where = recipe.places.get(f"sources.{name}", str(recipe.path))
        if not records:
            mistakes.append(RecipeIssue(where, f"sources.{name} has no rows"))
        shown = _shown_by_label(recipe, name)
        if shown is not None and records and not any(record.labels for record in records):
            wrong = f"sources.{name} has no labels, and {shown} shows examples by label"
            mistakes.append(RecipeIssue(where, f"{wrong}: name their column, {{rows: {{path: FILE, label: COLUMN}}}}"))
        bare = sum(not record.labels for record in records)
        bare = 0 if recipe.multi_label and bare < len(records) else bare  # one of many labels may be none of them
        taken = _taken_as_labelled(recipe, name)
        without = f"sources.{name}: {pluralize(bare, 'row')} of {len(records):,} without a label"
        if taken is not None and bare:
            wrong = f"{without}, and {taken} takes rows as"
            more = "they are: name the column, {rows: {path: FILE, label: COLUMN}}, or let `label: [choice]` choose"
            mistakes.append(RecipeIssue(where, f"{wrong} {more}"))
        scored = next((role for role in ("test", "train") if name == getattr(recipe.evaluate, role, None)), None)
        if scored is not None and bare:
            told = f"{without}, and evaluate.{scored} needs one of each: name their column, label: COLUMN"
            mistakes.append(RecipeIssue(where, told))
        if recipe.labels:
            mistakes += [RecipeIssue(where, sentence) for sentence in _unlisted(name, records, list(recipe.labels))]
        several = [record for record in records if len(record.labels) > 1]
        if several and recipe.labels and not recipe.multi_label:
            wrong = f"sources.{name} has {pluralize(len(several), 'row')} with several labels"
            first = ", ".join(map(repr, several[0].labels[:SHOWN_LABELS]))
            told = f"{wrong} ({first}), and a text has one: write `multi_label: true`, or give each row one label"
            mistakes.append(RecipeIssue(where, told))
    return mistakes + check_gold_rows(recipe, rows)


def _shown_by_label(recipe: Recipe, source: str) -> str | None:
    """Return the generator that shows rows of the source by their labels, None where none does."""
    shows = (one.name for one in recipe.generate if isinstance(one.step, Labelled) and one.step.source == source)
    return next(shows, None)


def _taken_as_labelled(recipe: Recipe, source: str) -> str | None:
    """Return the generator that makes texts of the source's rows with their own labels, where nothing gives others."""
    if recipe.task != "classification" or not recipe.labels or recipe.label:
        return None
    takes = (one.name for one in recipe.generate if isinstance(one.step, Existing) and one.step.source == source)
    return next(takes, None)


def _unlisted(source: str, records: Sequence[Record], known: list[str]) -> list[str]:
    listed = set(known)
    counts: dict[str, int] = {}
    for record in records:
        for label in record.labels:
            if label not in listed:
                counts[label] = counts.get(label, 0) + 1
    wrong = sorted(counts, key=lambda label: -counts[label])
    told = [
        f"sources.{source} has {counts[label]} row{'s' if counts[label] > 1 else ''} with the label {label!r}, "
        f"which `labels` does not list{did_you_mean(label, known)}"
        for label in wrong[:SHOWN_LABELS]
    ]
    if len(wrong) > SHOWN_LABELS:
        told.append(f"sources.{source} has {len(wrong) - SHOWN_LABELS} more labels which `labels` does not list")
    return told


GOLD = "gold"


class _Item(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def step(self) -> Options: ...


AnyItem = TypeVar("AnyItem", bound=_Item)


def gold_source(label: Iterable[AnyItem]) -> Iterator[tuple[AnyItem, str]]:
    """Yield the labellers that are tried on gold rows, each with the name of their source."""
    for item in label:
        yield from ((item, name) for field, name in references_in(item.step, "source") if field == GOLD)


def check_gold(sections: Sections, mistakes: IssueCollector) -> None:
    """Note every gold source whose rows are also written from, shown as examples, or tested on."""
    lists = sections.lists
    for one, source in gold_source(lists["label"]):
        mark = one.fields.marks.get(GOLD, one.mark)
        told = f"{one.item}.gold is {source!r}"
        for other in lists["generate"]:
            if source in (name for _, name in references_in(other.step, "source")):
                wrong = (
                    f"{told}, and {other.name} writes from its rows: keep some labelled rows aside in a source of their"
                )
                mistakes.add(mark, f"{wrong} own, as a labeller does better on what texts were made from")
        for other in lists["label"]:
            if other is not one and source in (
                name for field, name in references_in(other.step, "source") if field != GOLD
            ):
                mistakes.add(mark, f"{told}, and {other.name} shows its rows as examples: they are for trying alone")
        if sections.evaluate is not None and sections.evaluate.test == source:
            mistakes.add(mark, f"{told}, and evaluate.test too: the limit is chosen on its rows, test rows never are")


def check_gold_rows(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return a mistake for each gold source with rows that have no label, or with too few rows for a precision."""
    mistakes: list[RecipeIssue] = []
    for item, source in gold_source(recipe.label):
        where = recipe.places.get(f"sources.{source}", str(recipe.path))
        given = rows[source]
        bare = sum(not row.labels for row in given)
        if bare:
            wrong = f"sources.{source}: {pluralize(bare, 'row')} of {len(given)} without a label, and {item.name} is tried on"
            mistakes.append(
                RecipeIssue(where, f"{wrong} them: give each its label, or name their column, label: COLUMN")
            )
        elif given and getattr(item.step, "precision", None) is not None and len(given) < MIN_ROWS:
            wrong = f"sources.{source} has {pluralize(len(given), 'row')}, and {item.name} reads a precision from {MIN_ROWS} or"
            mistakes.append(RecipeIssue(where, f"{wrong} more: add rows with labels, or give min_confidence instead"))
    return mistakes


def check_export(sections: Sections, mistakes: IssueCollector) -> None:
    """Note licences of sources and models that are not there, `other` without its name, and kinds of another task."""
    node = sections.tree.entries.get("export")
    if not isinstance(node, YamlMap):
        return
    for key, sentence in _wrong(sections):
        mistakes.add(node.marks.get(key, node.mark), f"export.{key} {sentence}")


def _wrong(sections: Sections) -> Iterator[tuple[str, str]]:
    export = sections.export
    yield from _unknown("source_licenses", export.source_licenses, "sources", sections.sources)
    yield from _unknown("model_licenses", export.model_licenses, "models", sections.models)
    if export.license == "other" and export.license_name is None:
        yield "license", "is other, which the Hub wants named: add license_name, and license_link where it can be read"
    if export.license != "other" and export.license_name is not None:
        yield (
            "license_name",
            f"stands beside the license {export.license!r}: write license: other, or take it out",
        )
    categories = export.task_categories or (CATEGORIES[sections.settings.task], "text-classification")
    fitting = matching_task_ids(export.task_ids, categories)
    for kind in export.task_ids:
        if kind not in fitting:
            yield "task_ids", f"has {kind!r}, which is no kind of {', '.join(dict.fromkeys(categories))}"


def _unknown(key: str, named: Collection[str], section: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in named:
        if name not in known:
            yield key, f"has {name!r}, but {section} has no {name!r}{did_you_mean(name, known)}"

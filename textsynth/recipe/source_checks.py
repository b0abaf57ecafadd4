"""What must hold between a recipe and the rows of its sources: their labels, columns and numbers."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from textsynth.core.errors import RecipeIssue, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.protocols import Generator, Labeller
from textsynth.core.records import Record
from textsynth.core.source_rows import row_labels
from textsynth.recipe.checks import gold_sources
from textsynth.recipe.recipe import Recipe
from textsynth.recipe.references import references_in
from textsynth.text.labels import escaped, similar_label

LABELS_LISTED = 5
LABEL_COLUMNS = ("intent", "category", "class", "topic", "target", "sentiment")
"""Names that columns of labels often have, for a hint."""
NAME_LABEL_COLUMN = "name their column, {rows: {path: FILE, label: COLUMN}}"


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
    if not rewritten or any(any(row_labels(rows[name])) for name in rewritten):
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
    label_sets = Counter(row_labels(records))
    generator = _generator_showing(recipe, name)
    if generator is not None and not any(label_sets) and not _is_unlabelled(recipe, name):
        hint = nearest_column(recipe, name, "label")
        yield f"sources.{name} has no labels, and {generator} shows examples by label: {NAME_LABEL_COLUMN}{hint}"
    unlabelled = label_sets[()]
    if recipe.multi_label and unlabelled < len(records):
        unlabelled = 0  # a text that may have several labels may have none
    if unlabelled:
        count = f"sources.{name}: {pluralize(unlabelled, 'row')} of {len(records):,} without a label"
        curator = _generator_copying_labels(recipe, name, lambda generator: generator.curates_source)
        writer = _generator_copying_labels(recipe, name, _keeps_labels)
        # Only for an issue is the file read again.
        hint = nearest_column(recipe, name, "label") if curator is not None or writer is not None else ""
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
        yield from _unlisted_labels(name, label_sets, list(recipe.labels))
    several = {labels: count for labels, count in label_sets.items() if len(labels) > 1}
    rows = pluralize(sum(several.values()), "row")
    if several and recipe.labels and not recipe.multi_label:
        example = ", ".join(map(repr, next(iter(several))[:LABELS_LISTED]))
        yield (
            f"sources.{name} has {rows} with several labels ({example}), and a text has one: "
            "write `multi_label: true`, or give each row one label"
        )


def _generator_showing(recipe: Recipe, source: str) -> str | None:
    """Return the first generator that shows rows of the source by their labels, None where none does."""
    return _first_using(recipe, source, lambda generator: generator.shows_labels)


def _is_unlabelled(recipe: Recipe, source: str) -> bool:
    """Whether a source is searched for gaps, so that it need not have labels."""
    return any(name == source for item in recipe.generate for _, name in references_in(item.step, "unlabelled"))


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


def _separator(label: str, listed: Collection[str]) -> str | None:
    """Return the separator between several listed labels in one cell: `a, b`; None where there is none."""
    for separator in (",", ";", "|", "/", "\t", " "):
        parts = [part.strip() for part in label.split(separator)]
        if len(parts) > 1 and all(part in listed for part in parts):
            return separator
    return None


def _unlisted_labels(source: str, label_sets: Mapping[tuple[str, ...], int], listed: list[str]) -> Iterator[str]:
    """Yield a sentence for the labels that are not `listed`; `label_sets` counts the rows by their labels."""
    in_recipe = set(listed)
    counts: dict[str, int] = {}
    for labels, rows in label_sets.items():
        for label in labels:
            if label not in in_recipe:
                counts[label] = counts.get(label, 0) + rows
    unlisted = sorted(counts, key=lambda label: -counts[label])
    for label in unlisted[:LABELS_LISTED]:
        similar = similar_label(label, listed)
        hint = did_you_mean(label, listed)
        if similar is not None:
            spelling, difference = similar
            rename = f"{{{escaped(label)}: {escaped(spelling)}}}"
            hint = f"; it differs from {spelling!r} in {difference}: write `rename: {rename}` in sources.{source}"
        elif (separator := _separator(label, in_recipe)) is not None:
            needed = f"separator: {escaped(separator)}"
            hint = f"; these are several of them: write `{needed}` in sources.{source}, and `multi_label: true`"
        elif label[:1] == "[" and label[-1:] == "]":
            hint = "; a list in a cell of a CSV file is not read: save the rows as JSON lines or parquet"
        yield (
            f"sources.{source} has {pluralize(counts[label], 'row')} with the label {label!r}, which `labels` does not "
            f"list{hint}"
        )
    if len(unlisted) > LABELS_LISTED:
        yield f"sources.{source} has {len(unlisted) - LABELS_LISTED} more labels which `labels` does not list"


def _check_gold_rows(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[RecipeIssue]:
    """Return the gold sources with rows that have no label, or with too few rows for a precision."""
    issues: list[RecipeIssue] = []
    for item, source in gold_sources(recipe.label):
        where = recipe.positions.get(f"sources.{source}", str(recipe.path))
        records = rows[source]
        unlabelled = sum(not labels for labels in row_labels(records))
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

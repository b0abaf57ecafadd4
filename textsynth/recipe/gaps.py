"""`gaps` of a generator: what must hold between its rows and the test rows, and the search itself, once rows are read.

The search takes embeddings, so that it is a step of its own after the recipe was fitted to its sources.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from textsynth.core.errors import RecipeError, RecipeIssue, UsageError
from textsynth.core.protocols import Context, Filter, Generator
from textsynth.core.records import Record
from textsynth.core.scope import ScopedFilterSession, scope_of
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.recipe import NamedStep, Recipe
from textsynth.recipe.references import references_in
from textsynth.recipe.sections import Sections
from textsynth.text.normalize import normal_form


def check_gaps(sections: Sections, issues: IssueCollector) -> None:
    """Add gaps of a test set, whose rows would be shown in prompts."""
    test = sections.evaluate.test if sections.evaluate is not None else None
    checked = {
        name
        for step in sections.lists["filter"]
        if isinstance(step.step, Filter) and step.step.checks_contamination
        for name in step.step.compares_with
    }
    for step in sections.lists["generate"]:
        for field, name in references_in(step.step, "unlabelled"):
            if name == test or name in checked:
                issues.add(
                    step.fields.marks.get(field, step.mark),
                    f"{step.component}.{field} is {name!r}, whose rows are test rows: prompts would show them, so give "
                    "other rows",
                )


def looks_for_gaps(recipe: Recipe) -> bool:
    """Whether a generator of the recipe looks for topics that its seeds lack."""
    return any(item.step.looks_for_gaps for item in recipe.generate)


def with_gaps(recipe: Recipe, context: Context) -> Recipe:
    """Return the recipe with the quota cells of the topics that the seeds of its generators lack. Raises RecipeError.

    Rows that a filter of the recipe drops for personal data, or as copies of test rows, are not looked at.
    """
    if not looks_for_gaps(recipe):
        return recipe
    shown = _ShownRows(recipe, context)
    steps: list[NamedStep[Generator]] = []
    for item in recipe.generate:
        try:
            step = item.step.with_gaps(context, item.name, shown)
        except UsageError as error:
            raise RecipeError([RecipeIssue(item.where, f"{item.name}.{error}")]) from None
        steps.append(dataclasses.replace(item, step=step))
    own = sum(number for item in steps for _, number in item.step.own_cells)
    total = recipe.want.get(())
    if total is not None and own > total:
        position = recipe.positions.get("want", str(recipe.path))
        sentence = (
            f"want: the total is {total:,}, but cases and gaps of generate want {own:,} texts: raise the total, or "
            "want fewer texts of each gap"
        )
        raise RecipeError([RecipeIssue(position, sentence)])
    return dataclasses.replace(recipe, generate=tuple(steps))


def gap_notes(recipe: Recipe) -> list[str]:
    """Return a sentence for each source whose rows prompts show as a gap and of which no filter drops copies."""
    compared = {name for item in recipe.filter for name in item.step.compares_with}
    return [
        f"prompts show rows of {name}, and no filter drops texts that copy them: add "
        f"`copies_source: {{source: {name}}}`"
        for name in unlabelled_sources(recipe)
        if name not in compared
    ]


def unlabelled_sources(recipe: Recipe) -> list[str]:
    """Return the sources that are searched for gaps, and whose rows prompts may show."""
    names = (name for item in recipe.generate for _, name in references_in(item.step, "unlabelled"))
    return list(dict.fromkeys(names))


class _ShownRows:
    """Says which rows prompts may show."""

    def __init__(self, recipe: Recipe, context: Context) -> None:
        self._filters = [
            ScopedFilterSession(
                item.step.start(context.seen_as(scope_of(item.step))), scope_of(item.step), context.task
            )
            for item in recipe.filter
            if item.step.looks_for or item.step.checks_contamination
        ]
        test = context.sources[recipe.evaluate.test] if recipe.evaluate is not None else ()
        self._test = {normal_form(context.task.joined(row).text) for row in test}
        self._task = context.task

    def __call__(self, rows: Sequence[Record]) -> list[bool]:
        shown = [normal_form(self._task.joined(row).text) not in self._test for row in rows]
        for session in self._filters:
            for index, verdict in enumerate(session.evaluate_batch(rows)):
                shown[index] &= verdict is None or verdict.keeps
        return shown

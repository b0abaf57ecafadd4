"""`want: {balance: {like: SOURCE, to: 200}}`: every label of a labelled set gets texts until it has as many as wanted.

The rows of the set are candidates of the run, go through its filters and are all selected; what a label then lacks is
its quota. Labels with more rows keep them.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from textsynth.core.errors import did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.protocols import Filter, Generator
from textsynth.core.records import Record
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.quota_spec import BALANCE, LABEL
from textsynth.recipe.recipe import Recipe
from textsynth.recipe.references import references_in
from textsynth.recipe.sections import Sections
from textsynth.recipe.settings import LARGEST, Balance
from textsynth.text.normalize import normal_form


def check_balance(sections: Sections, issues: IssueCollector) -> None:
    """Add a balance of rows that no generator takes, that a filter drops, or beside another quota of the labels."""
    balance = sections.balance
    if balance is None:
        return
    position = sections.mark("want")
    if balance.like not in sections.sources:
        hint = did_you_mean(balance.like, sections.sources)
        issues.add(position, f"want.{BALANCE}.like is {balance.like!r}, but sources has no {balance.like!r}{hint}")
        return
    if not sections.labels:
        issues.add(position, f"want.{BALANCE} counts texts by label, but the recipe lists no labels: add `labels:`")
    if (LABEL,) in sections.want:
        issues.add(
            position, f"want has {LABEL} and {BALANCE}, which both count texts of each label: take one of them out"
        )
    if sections.evaluate is not None and sections.evaluate.test == balance.like:
        issues.add(position, f"want.{BALANCE}.like and evaluate.test are both {balance.like!r}: test on other rows")
    if sections.is_complete("generate"):
        _check_generators(sections, balance, issues)
    for step in sections.lists["filter"]:
        if isinstance(step.step, Filter) and balance.like in step.step.compares_with:
            issues.add(
                step.mark,
                f"{step.name} drops copies of {balance.like!r}, and want.{BALANCE} takes all of its rows, so that each "
                "would be dropped: leave it out, as exact_duplicate and near_duplicate drop texts that copy a row",
            )


def _check_generators(sections: Sections, balance: Balance, issues: IssueCollector) -> None:
    """Add a balance without a generator that takes the rows, or without one that writes what is missing."""
    position = sections.mark("want")
    generators = [step.step for step in sections.lists["generate"] if isinstance(step.step, Generator)]
    if not any(generator.curates_source and _reads(generator, balance.like) for generator in generators):
        issues.add(
            position,
            f"want.{BALANCE} adds texts to the rows of {balance.like!r}, which no generator takes as they are: add "
            f"`- existing: {{source: {balance.like}}}` to generate",
        )
    if all(not generator.follows_quota for generator in generators):
        issues.add(position, f"want.{BALANCE} needs a generator that writes what is missing, such as labelled")


def _reads(generator: Generator, source: str) -> bool:
    return source in (name for _, name in references_in(generator, "source"))


def balanced_steps(recipe: Recipe) -> frozenset[str]:
    """Return the names of the steps whose texts are the rows that a balance adds to."""
    if recipe.balance is None:
        return frozenset()
    like = recipe.balance.like
    return frozenset(item.name for item in recipe.generate if item.step.curates_source and _reads(item.step, like))


def with_balance(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> Recipe:
    """Return the recipe with the quota of each label that its balance means."""
    if recipe.balance is None:
        return recipe
    return dataclasses.replace(recipe, want={(LABEL,): _texts_per_label(recipe.balance, rows), **recipe.want})


def balance_note(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> str:
    """Return how many texts are missing, as a sentence before the run."""
    if recipe.balance is None:
        return ""
    wanted, counts = _texts_per_label(recipe.balance, rows), _rows_by_label(rows[recipe.balance.like])
    missing = [wanted - counts[label] for label in recipe.labels if counts[label] < wanted]
    labels = f"{pluralize(len(missing), 'label')} of {len(recipe.labels)}"
    has = "has" if len(missing) == 1 else "have"
    return (
        f"{labels} {has} fewer than {wanted:,} different rows in {recipe.balance.like}: {sum(missing):,} texts are "
        "missing, more where filters drop rows"
    )


def balanced_rows(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> Counter[str]:
    """Return how many different rows of the balanced set have each label; none without a balance."""
    return Counter() if recipe.balance is None else _rows_by_label(rows[recipe.balance.like])


def _texts_per_label(balance: Balance, rows: Mapping[str, Sequence[Record]]) -> int:
    if balance.to != LARGEST:
        return int(balance.to)
    return max(_rows_by_label(rows[balance.like]).values(), default=1)


def _rows_by_label(records: Sequence[Record]) -> Counter[str]:
    """Return the number of rows with each label; rows with one normal form count once."""
    texts = {(label, normal_form(record.text)) for record in records for label in record.labels}
    return Counter(label for label, _ in texts)

"""The plan of a pass over shards: the recipe, the files to read, the filters by kind, and the number of parts.

Every task gets the plan and a number, of a file or of a part, and writes its result into the work folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from textsynth.core.errors import RecipeError, RecipeIssue, UsageError
from textsynth.core.protocols import DuplicateFilter, Filter, SourceFile
from textsynth.core.scope import scope_of
from textsynth.core.task import PARENT_TEXT_FIELDS, Task
from textsynth.core.version import __version__
from textsynth.recipe import Recipe, references_in
from textsynth.recipe.recipe import NamedStep
from textsynth.store.storage import Storage

Stage: TypeAlias = "Callable[[Plan, int], dict[str, Any]]"
"""A task of a pass, for the file or part with a number; it writes tables into the work folder and returns a note."""
BYTES_PER_PART = 32_000_000
PARTS_FORMAT = 3
"""Changes where files in the work folder have another content than before."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of a source, and the index of the generator that takes its rows."""

    file: SourceFile
    source: str
    generator: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A pass over `shards`, in the order in which their texts are compared; `parts` is the number of output shards."""

    recipe: Recipe
    shards: tuple[Shard, ...]
    parts: int
    work: Storage
    out: Storage

    @cached_property
    def exact(self) -> int | None:
        """The index of the filter that compares normal forms; None where there is none."""
        return next((index for index, step in self._duplicates() if step.word_similarity is None), None)

    @cached_property
    def near(self) -> int | None:
        """The index of the filter that compares word sets; None where there is none."""
        return next((index for index, step in self._duplicates() if step.word_similarity is not None), None)

    @property
    def similarity(self) -> float:
        """The minimum similarity of near-duplicates, 1 where they are not searched for."""
        step = None if self.near is None else self.recipe.filter[self.near].step
        return (step.word_similarity if isinstance(step, DuplicateFilter) else None) or 1.0

    @property
    def first_duplicate(self) -> int | None:
        """The index of the first filter that compares texts; None where there is none."""
        return min((index for index in (self.exact, self.near) if index is not None), default=None)

    @cached_property
    def texts_are_shared(self) -> bool:
        """Whether texts of one family may differ, as summaries of one document do, and be in several parts."""
        task = self.recipe.task
        sources = {shard.source for shard in self.shards}
        fields = {field for name in sources for field in self.recipe.sources[name].field_names or ()}
        has_parents = not fields.isdisjoint(PARENT_TEXT_FIELDS)
        return has_parents or bool(task.required_fields) or type(task).family_texts is not Task.family_texts

    @property
    def draws_splits(self) -> bool:
        """Whether the splits and families of all texts are decided together."""
        return len(self.recipe.export.splits) > 1 or self.texts_are_shared

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that the files in the work folder depend on."""
        files = [(shard.file.path, shard.source, shard.file.size) for shard in self.shards]
        content = [PARTS_FORMAT, __version__, self.recipe.hash, self.parts, files]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def _duplicates(self) -> Iterator[tuple[int, DuplicateFilter]]:
        for index, item in enumerate(self.recipe.filter):
            if isinstance(item.step, DuplicateFilter):
                yield index, item.step


def make_plan(recipe: Recipe, out: Storage, work: Storage, parts: int | None) -> Plan:
    """Return the plan of a pass. Raises RecipeError for what a pass over shards cannot do, and UsageError."""
    issues = list(_issues(recipe))
    if issues:
        raise RecipeError(issues)
    shards: list[Shard] = []
    for index, item in enumerate(recipe.generate):
        for _, name in references_in(item.step, "source"):
            where = recipe.positions.get(f"sources.{name}", str(recipe.path))
            files = recipe.sources[name].shard_files(recipe.base)
            if files is None:
                sentence = f"sources.{name} cannot be read in shards: it takes files, without limit and per_label"
                raise RecipeError([RecipeIssue(where, sentence)])
            shards += [Shard(file, name, index) for file in files]
    if parts is not None and not 1 <= parts <= 1 << 16:
        raise UsageError(f"the number of shards is between 1 and 65,536, found {parts:,}")
    if parts is None:
        parts = 1 + sum(shard.file.size for shard in shards) // BYTES_PER_PART
    return Plan(recipe, tuple(shards), min(parts, 1 << 16), work, out)


def unless_written(table: str) -> Callable[[Stage], Stage]:
    """Return a decorator of stages: where the table is in the work folder, its note is returned, and nothing is done.

    `table` is the name of the one that the stage writes last, with `{}` for the number of the file or part.
    """

    def decorate(write: Stage) -> Stage:
        @functools.wraps(write)
        def stage(plan: Plan, number: int) -> dict[str, Any]:
            note = plan.work.note(table.format(number))
            return write(plan, number) if note is None else note

        return stage

    return decorate


def _issues(recipe: Recipe) -> Iterator[RecipeIssue]:
    """Yield what of the recipe a pass over shards cannot do."""
    for item in recipe.generate:
        if not item.step.curates_source or item.step.needs_model:
            yield RecipeIssue(item.where, f"{item.name}: shards are filtered as they are; the generator is existing")
    for labeller in recipe.label:
        yield RecipeIssue(labeller.where, f"{labeller.name}: texts in shards are not labelled; write `label: []`")
    if recipe.want or recipe.balance is not None or any(label.want is not None for label in recipe.labels.values()):
        where = recipe.positions.get("want", str(recipe.path))
        yield RecipeIssue(where, "want: all texts in shards that pass the filters are selected; leave it out")
    if recipe.evaluate is not None:
        where = recipe.positions.get("evaluate", str(recipe.path))
        yield RecipeIssue(where, "evaluate: a pass over shards evaluates nothing; run the recipe on a sample of them")
    compared: list[bool] = []
    for step in recipe.filter:
        if isinstance(step.step, DuplicateFilter):
            compared.append(step.step.word_similarity is None)
        yield from _filter_issues(step, compared)


def _filter_issues(item: NamedStep[Filter], compared: list[bool]) -> Iterator[RecipeIssue]:
    step = item.step
    if isinstance(step, DuplicateFilter):
        if compared[:-1].count(compared[-1]):
            yield RecipeIssue(item.where, f"{item.name}: texts are compared once in this way; leave the second one out")
        if scope_of(step) != "joined":
            yield RecipeIssue(
                item.where,
                f"{item.name}: texts in shards are compared as one text each; its scope is {scope_of(step)!r}",
            )
        return
    compares = step.compares_accepted
    if compares is None:
        compares = type(step).start is not Filter.start
    if compares:
        yield RecipeIssue(
            item.where,
            f"{item.name} compares texts with accepted ones, which only exact_duplicate and near_duplicate do in "
            "shards; leave it out, or say `compares_accepted = False` in its class if it does not",
        )

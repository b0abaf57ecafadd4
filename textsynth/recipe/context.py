"""Reads the sources and builds the context: everything that a step may know of its run before the first request.

Nothing heavy is loaded here: the embedder is loaded when a step first embeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from textsynth.core.errors import RecipeError, RecipeIssue, UsageError
from textsynth.core.index_shards import OpenShards
from textsynth.core.protocols import Context, Generator
from textsynth.core.records import Record
from textsynth.prompts import Prompt, find_prompt
from textsynth.recipe.balance import with_balance
from textsynth.recipe.recipe import NamedStep, Recipe
from textsynth.recipe.source_checks import check_sources

if TYPE_CHECKING:
    from textsynth.similarity.embedder import Embedder, Encoder, VectorStore


def read_sources(recipe: Recipe) -> dict[str, Sequence[Record]]:
    """Return the rows of every source by name. Raises SourceError, and RecipeError for labels not in the recipe."""
    rows = {name: source.rows(recipe.base, name=name, seed=recipe.seed) for name, source in recipe.sources.items()}
    issues = check_sources(recipe, rows)
    if issues:
        raise RecipeError(issues)
    return rows


def fit_to_sources(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> Recipe:
    """Return the recipe with generators fitted to the rows and the quota of its balance. Raises RecipeError."""
    issues: list[RecipeIssue] = []
    steps: list[NamedStep[Generator]] = []
    for item in recipe.generate:
        try:
            step = item.step.fitted_to(rows, list(recipe.labels), multi_label=recipe.multi_label)
        except UsageError as error:
            issues.append(RecipeIssue(item.where, f"{item.name}.fit: {error}"))
            continue
        steps.append(item if step is item.step else dataclasses.replace(item, step=step))
    if issues:
        raise RecipeError(issues)
    return with_balance(dataclasses.replace(recipe, generate=tuple(steps)), rows)


def make_context(
    recipe: Recipe,
    sources: Mapping[str, Sequence[Record]],
    store: VectorStore,
    encoder: Encoder | None = None,
    open_shards: OpenShards | None = None,
) -> Context:
    """Return the context of a run; `store` keeps its embeddings, which `encoder` computes instead of this process.

    `open_shards` opens the shards of indexes elsewhere.
    """
    embedder: Embedder | None = None

    @cache
    def find(name: str, model: str) -> Prompt:
        return find_prompt(name, recipe.models[model].prompt_mode, recipe.base)

    def get_embedder() -> Embedder:
        nonlocal embedder
        if embedder is None:
            from textsynth.similarity.embedder import Embedder

            embedder = Embedder(recipe.embedder, store, encoder)
        return embedder

    return Context(
        task=recipe.task,
        language=recipe.language,
        seed=recipe.seed,
        labels=recipe.label_descriptions,
        multi_label=recipe.multi_label,
        sources=sources,
        embed=lambda texts: get_embedder().embed(texts),
        find_prompt=find,
        load_embedder=lambda: get_embedder().load(),
        labellers=tuple(item.name for item in recipe.label),
        confidence_steps=recipe.confidence_steps,
        open_shards=open_shards,
    )


class _EmptyStore:
    """A store of embeddings that keeps none."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return {}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        pass


def no_embeddings() -> VectorStore:
    """Return a store that keeps no embeddings, for callers without a journal."""
    return _EmptyStore()

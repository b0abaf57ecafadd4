"""Reads a recipe: section by section, then what must hold between them, and all mistakes at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from textsynth.models import ModelOptions
from textsynth.options import Options
from textsynth.recipe import defaults
from textsynth.recipe.checking import check_labels_needed, check_shares
from textsynth.recipe.complaints import unknown_key, validate
from textsynth.recipe.document import Document, read_document
from textsynth.recipe.items import LISTS, Reader, Written
from textsynth.recipe.labels import read_labels
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.models import read_models
from textsynth.recipe.nodes import Array, Map, Node, Scalar, found
from textsynth.recipe.recipe import Item, Label, Recipe
from textsynth.recipe.references import check_files, check_names, check_prompts, named
from textsynth.recipe.scalars import Value
from textsynth.recipe.settings import Budget, Export, Settings
from textsynth.recipe.want import check_want, read_want
from textsynth.step import Generator, Source

SECTIONS = (*Settings.model_fields, "labels", "models", "sources", *LISTS, "want", "budget", "export")
NOT_DONE = ("evaluate", "gold", "push", "review")
Section = TypeVar("Section", bound=Options)
Step = TypeVar("Step", bound=Options)


def read_recipe(path: Path, sets: Sequence[str] = ()) -> Recipe:
    """Return the checked recipe in the file `path`, with `--set` options such as `want.label=20` put in.

    Loads no model, reads no row. Raises RecipeError with every mistake, in the order of their lines.
    """
    mistakes = Mistakes()
    document = read_document(path, sets, mistakes)
    reading = _Reading(path, document.tree, Reader(path.parent, os.environ, mistakes))
    recipe = reading.recipe(document)
    mistakes.stop()
    return recipe


@dataclass(slots=True)
class _Reading:
    """One recipe on its way from tree to steps; `file` is where an item stands that the recipe does not write."""

    path: Path
    tree: Map
    reader: Reader

    @property
    def mistakes(self) -> Mistakes:
        return self.reader.mistakes

    @property
    def file(self) -> Mark:
        return Mark(0, str(self.path))

    def recipe(self, document: Document) -> Recipe:
        """Read everything; the result counts only if no mistake was noted."""
        self._refuse_unknown()
        settings = self._settings()
        labels = self._labels()
        models, sources = self._models(), self._sources()
        facts = defaults.Facts(settings.task, tuple(sources), len(labels))
        generate = self._items("generate", defaults.default_generate(facts))
        facts = self._more_facts(facts, generate, sources)
        want = self._want(facts)
        by_label = any("label" in keys for keys in want) or any(label.want is not None for label in labels.values())
        filters = self._items("filter", defaults.default_filters(facts))
        label = self._items("label", [])
        select = self._items("select", defaults.default_select(facts, by_label=by_label))
        self._check_between(settings, labels, models, sources, generate, [*filters, *label, *select])
        self._check_want(want, labels, generate)
        diverse = any(one.item == "diverse" for one in select)
        return Recipe(
            path=self.path,
            base=self.path.parent,
            name=settings.name or _folder_name(self.path.stem),
            version=settings.version,
            task=settings.task,
            language=settings.language,
            seed=settings.seed,
            many=settings.many,
            embedder=settings.embedder,
            labels=labels,
            models=models,
            sources={name: cast("Source", one.step) for name, one in sources.items() if one is not None},
            generate=_done(generate),
            filter=_done(filters),
            label=_done(label),
            select=_done(select),
            want=want,
            budget=self._section("budget", Budget),
            pool=settings.pool or (defaults.POOL_WITH_DIVERSE if diverse else 1.0),
            export=self._section("export", Export),
            text=document.text,
            hash=document.hash,
            places=self._places(),
        )

    def _refuse_unknown(self) -> None:
        for name, mark in self.tree.marks.items():
            if name in NOT_DONE:
                self.mistakes.note(mark, f"{name} is not done by this version of TextSynth: take the section out")
            elif name not in SECTIONS:
                self.mistakes.note(mark, unknown_key(name, "", list(SECTIONS)))

    def _settings(self) -> Settings:
        """Read the top-level settings; one with a mistake takes its default, so that the checks can go on."""
        tree = self.tree
        own = {name: node for name, node in tree.entries.items() if name in Settings.model_fields}
        good: dict[str, object] = {}
        for name, node in own.items():
            one = validate(
                Settings, Map({name: node}, tree.marks, tree.mark), "", self.reader.environment, self.mistakes
            )
            if one is not None:
                good[name] = getattr(one, name)
        return Settings.model_validate(good)

    def _section(self, name: str, cls: type[Section]) -> Section:
        node = self.tree.entries.get(name)
        if name == "export" and isinstance(node, Map) and "hub" in node.entries:
            self.mistakes.note(node.marks["hub"], "export.hub is not done by this version of TextSynth: take it out")
            node = Map({key: one for key, one in node.entries.items() if key != "hub"}, node.marks, node.mark)
        if isinstance(node, Map):
            return validate(cls, node, name, self.reader.environment, self.mistakes) or cls()
        if node is not None and not _noted(node):
            fields = ", ".join(cls.model_fields)
            self.mistakes.note(self.tree.marks[name], f"{name} is a map with {fields}, found {found(node)}")
        return cls()

    def _map_of(self, name: str, what: str) -> Map:
        node = self.tree.entries.get(name)
        if isinstance(node, Map):
            return node
        if node is not None and not _noted(node):
            self.mistakes.note(self.tree.marks[name], f"{name} is a map of {what}, found {found(node)}")
        return Map({}, {}, self.file)

    def _labels(self) -> dict[str, Label]:
        node = self.tree.entries.get("labels")
        if node is None:
            return {}
        return read_labels(node, self.tree.marks["labels"], self.reader.environment, self.mistakes)

    def _models(self) -> dict[str, ModelOptions]:
        if "models" not in self.tree.entries:
            return read_models(cast("Map", _node(defaults.MODELS, self.file)), self.reader)
        return read_models(self._map_of("models", "names to models"), self.reader)

    def _sources(self) -> dict[str, Written | None]:
        """Read the sources by name; one with a mistake is None, so that it is not missed elsewhere."""
        node = self._map_of("sources", "names to sources")
        sources: dict[str, Written | None] = {}
        for name, value in node.entries.items():
            mark = node.marks[name]
            if name == "gold":
                self.mistakes.note(mark, "a source called gold is not done by this version of TextSynth: take it out")
            if isinstance(value, Scalar) and isinstance(value.value, str) and not value.noted:
                path = Map({"path": value}, {"path": mark}, mark)
                value = Map({"rows": path}, {"rows": mark}, mark)
            sources[name] = self.reader.item("sources", value, name=name, mark=mark)
        return sources

    def _items(self, section: str, default: list[defaults.Written]) -> list[Written]:
        return self.reader.list_of(section, self.tree.entries.get(section, _node(default, self.file)))

    def _more_facts(
        self, facts: defaults.Facts, generate: Sequence[Written], sources: Mapping[str, Written | None]
    ) -> defaults.Facts:
        free = [one for one in generate if isinstance(one.step, Generator) and one.step.free]
        writers = [one for one in generate if one not in free]
        seeds = next((name for one in writers for _, name in named(one.step, "source") if name in sources), None)
        source = sources.get(seeds) if seeds is not None else None
        return replace(
            facts,
            seeds=seeds,
            seeds_labelled=source is not None and _has_labels(source.step),
            only_existing=bool(free) and not writers,
        )

    def _want(self, facts: defaults.Facts) -> dict[tuple[str, ...], int]:
        node = self.tree.entries.get("want")
        if node is not None:
            return read_want(node, self.tree.marks["want"], self.mistakes)
        default = defaults.default_want(facts)
        return read_want(_node(default, self.file), self.file, self.mistakes) if default else {}

    def _check_between(
        self,
        settings: Settings,
        labels: Mapping[str, Label],
        models: Mapping[str, ModelOptions],
        sources: Mapping[str, Written | None],
        generate: Sequence[Written],
        others: Sequence[Written],
    ) -> None:
        self._check_generate(settings, labels, generate, [one for one in others if one.section == "label"])
        check_files({name: one for name, one in sources.items() if one is not None}, self.path.parent, self.mistakes)
        known = self.tree.entries.get("models")
        names = list(known.entries) if isinstance(known, Map) else list(models)
        items = [*generate, *others]
        check_names(items, "source", "sources", list(sources), self.mistakes)
        check_names(items, "model", "models", names, self.mistakes)
        check_prompts(items, models, self.path.parent, self.mistakes)

    def _check_generate(
        self, settings: Settings, labels: Mapping[str, Label], generate: Sequence[Written], label: Sequence[Written]
    ) -> None:
        mark = self.tree.marks.get("generate", self.file)
        node = self.tree.entries.get("generate")
        if isinstance(node, Array) and not node.items:
            self.mistakes.note(mark, "generate is an empty list, so nothing would write a text: name an item")
        check_shares(generate, self.mistakes)
        if "labels" not in self.tree.entries:
            check_labels_needed(settings.task, len(labels), generate, label, mark, self.mistakes)

    def _check_want(
        self, want: Mapping[tuple[str, ...], int], labels: Mapping[str, Label], generate: Sequence[Written]
    ) -> None:
        attributes = dict.fromkeys(name for one in generate for name in getattr(one.step, "vary", {}))
        mark = self.tree.marks.get("want", self.file)
        known = len(labels) or int("labels" in self.tree.entries)
        check_want(list(want), mark, self.mistakes, labels=known, attributes=list(attributes))

    def _places(self) -> dict[str, str]:
        places = {name: mark.where for name, mark in self.tree.marks.items()}
        for section in ("labels", "models", "sources"):
            node = self.tree.entries.get(section)
            if isinstance(node, Map):
                places |= {f"{section}.{name}": mark.where for name, mark in node.marks.items()}
        return places


def _noted(node: Node) -> bool:
    return isinstance(node, Scalar) and node.noted


def _has_labels(step: Options) -> bool:
    """Whether a source's rows may have labels: yes, unless it says `label: null`."""
    return "label" not in step.model_fields_set or getattr(step, "label", None) is not None


def _node(value: object, mark: Mark) -> Node:
    """Return the node for a default, as if it stood at `mark`."""
    if isinstance(value, dict):
        return Map({name: _node(one, mark) for name, one in value.items()}, dict.fromkeys(value, mark), mark)
    if isinstance(value, list):
        return Array(tuple(_node(one, mark) for one in value), mark)
    return Scalar(cast("Value", value), str(value), mark)


def _done(items: Sequence[Written]) -> tuple[Item[Step], ...]:
    return tuple(Item(one.name, cast("Step", one.step), one.mark.where) for one in items)


def _folder_name(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "recipe"

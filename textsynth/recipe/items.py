"""Items: from a name and a map of fields to a checked step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from textsynth.errors import UsageError
from textsynth.models import ModelOptions
from textsynth.options import Options
from textsynth.recipe.complaints import validate
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Array, Map, Node, Scalar, found
from textsynth.step import Filter, Generator, Labeller, Selector, Source, find, item_class

BASES: Mapping[str, type[Options]] = {
    "models": ModelOptions,
    "sources": Source,
    "generate": Generator,
    "filter": Filter,
    "label": Labeller,
    "select": Selector,
}
LISTS = ("generate", "filter", "label", "select")


@dataclass(frozen=True, slots=True)
class Written:
    """An item as the recipe writes it; `fields` know their lines."""

    section: str
    item: str
    name: str
    step: Options
    fields: Map
    mark: Mark


class Reader:
    """Reads the items of one recipe; `made` are those that Python gave as objects of their own, by their marks."""

    def __init__(
        self, base: Path, environment: Mapping[str, str], mistakes: Mistakes, made: Mapping[Mark, Options] | None = None
    ) -> None:
        self.base = base
        self.environment = environment
        self.mistakes = mistakes
        self.made = made or {}

    def item(self, section: str, node: Node, *, name: str | None = None, mark: Mark | None = None) -> Written | None:
        """Return the item that `node` writes, or None after noting what is wrong with it.

        `name` is what the recipe calls it where that is not the item's own name, as under `models` and `sources`.
        """
        mark = mark or node.mark
        called = self._called(section if name is None else f"{section}.{name}", node, mark)
        if called is None:
            return None
        item, fields = called
        step = self.made.get(mark)
        if step is None:
            cls = self._class(section, item, mark)
            step = None if cls is None else validate(cls, fields, item, self.environment, self.mistakes)
        return None if step is None else Written(section, item, name or item, step, fields, mark)

    def list_of(self, section: str, node: Node) -> list[Written]:
        """Return the items of a list section in order; a name that comes again gets `-2`, `-3`."""
        if not isinstance(node, Array):
            if not (isinstance(node, Scalar) and node.noted):
                self.mistakes.note(
                    node.mark, f"{section} is a list of items, found {found(node)}: begin each item with '- '"
                )
            return []
        seen: dict[str, int] = {}
        written = []
        for child in node.items:
            one = self.item(section, child)
            if one is not None:
                seen[one.item] = seen.get(one.item, 0) + 1
                name = one.item if seen[one.item] == 1 else f"{one.item}-{seen[one.item]}"
                written.append(Written(section, one.item, name, one.step, one.fields, one.mark))
        return written

    def _called(self, owner: str, node: Node, mark: Mark) -> tuple[str, Map] | None:
        """Take an item apart: a bare name, or a map of one name to its fields."""
        if isinstance(node, Scalar) and isinstance(node.value, str) and not node.noted:
            return node.value, Map({}, {}, mark)
        if isinstance(node, Map) and len(node.entries) == 1:
            (item, fields), *_ = node.entries.items()
            if isinstance(fields, Map):
                return item, fields
            if not (isinstance(fields, Scalar) and fields.noted):
                self.mistakes.note(
                    node.marks[item], f"{owner}: {item!r} takes a map of its fields, found {found(fields)}"
                )
            return None
        if isinstance(node, Scalar) and node.noted:
            return None
        if isinstance(node, Map) and any(isinstance(one, Scalar) and one.noted for one in node.entries.values()):
            return None
        hint = ": indent the fields deeper than the name" if isinstance(node, Map) and len(node.entries) > 1 else ""
        self.mistakes.note(mark, f"{owner}: an item is a name, or one name with its fields, found {found(node)}{hint}")
        return None

    def _class(self, section: str, item: str, mark: Mark) -> type[Options] | None:
        if item.startswith("./") and ".." in PurePosixPath(item).parts:
            self.mistakes.note(mark, f"{section}: an item of your own stands beside the recipe, found {item!r}")
            return None
        try:
            cls = find(section, item, self.base)
        except UsageError as fault:
            self.mistakes.note(mark, f"{fault}{_elsewhere(section, item)}")
            return None
        base = BASES[section]
        if issubclass(cls, base):
            return cls
        self.mistakes.note(mark, f"{section} takes a {base.__name__}, but the class of {item!r} is none: {_bases(cls)}")
        return None


def _elsewhere(section: str, item: str) -> str:
    """Return where an item of this name would be right, if anywhere."""
    if item.endswith(".py") and not item.startswith("./"):
        return f"; a file of your own is written ./{item}"
    others = (other for other in BASES if other != section and item.isidentifier())
    return next((f"; {other} has one of that name" for other in others if item_class(other, item) is not None), "")


def _bases(cls: type[Options]) -> str:
    return f"class {cls.__name__}({', '.join(base.__name__ for base in cls.__bases__)})"

"""Reads a recipe: the document, its sections, what must hold between them; all mistakes at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar, cast

from textsynth.core.errors import RecipeError, RecipeIssue, did_you_mean
from textsynth.core.options import Options
from textsynth.core.paths import recipe_names, recipe_path
from textsynth.core.protocols import Selector, Source
from textsynth.recipe.checks import check_sections
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.items import ParsedStep, StepReader
from textsynth.recipe.overrides import apply_overrides
from textsynth.recipe.recipe import NamedStep, Recipe
from textsynth.recipe.sections import Sections, read_sections
from textsynth.recipe.yaml_tree import YamlMap, YamlScalar, describe_node, parse_yaml

Step = TypeVar("Step", bound=Options)


def read_recipe(path: str | Path, sets: Sequence[str] = ()) -> Recipe:
    """Return the checked recipe in the file `path`, with `--set` options such as `want.label=20` put in.

    A bare name that is no file is a bundled recipe (`quickstart`). Loads no model, reads no row. Raises
    RecipeError with every mistake, in the order of their lines.
    """
    path = recipe_path(Path(path))
    mistakes = IssueCollector()
    document = read_document(path, sets, mistakes)
    return checked(path, document, StepReader(path.parent, os.environ, mistakes), Position(0, str(path)), tuple(sets))


def checked(
    path: Path, document: RecipeDocument, reader: StepReader, file: Position, sets: tuple[str, ...] = ()
) -> Recipe:
    """Return the recipe that a document holds; `file` is the place of what it leaves out. Raises RecipeError."""
    sections = read_sections(document.tree, reader, file)
    check_sections(sections, reader.base, reader.mistakes)
    reader.mistakes.stop()
    return _recipe(path, document, sections, sets)


def _recipe(path: Path, document: RecipeDocument, sections: Sections, sets: tuple[str, ...]) -> Recipe:
    settings, lists = sections.settings, sections.lists
    oversample = settings.oversample
    if oversample is None:
        selectors = [one.step for one in lists["select"] if isinstance(one.step, Selector)]
        oversample = max((selector.oversample for selector in selectors), default=1.0)
    return Recipe(
        path=path,
        base=path.parent,
        name=settings.name or _folder_name(path.stem),
        version=settings.version,
        task=sections.task,
        task_name=sections.task_name,
        language=settings.language,
        seed=settings.seed,
        multi_label=settings.multi_label,
        embedder=settings.embedder,
        labels=sections.labels,
        models=sections.models,
        sources={name: cast("Source", one.step) for name, one in sections.sources.items() if one is not None},
        generate=_items(lists["generate"]),
        filter=_items(lists["filter"]),
        label=_items(lists["label"]),
        select=_items(lists["select"]),
        want=sections.want,
        budget=sections.budget,
        oversample=oversample,
        export=sections.export,
        evaluate=sections.evaluate,
        overrides=sets,
        text=document.text,
        hash=document.hash,
        places=_places(document.tree),
    )


def _items(written: Sequence[ParsedStep]) -> tuple[NamedStep[Step], ...]:
    return tuple(NamedStep(one.name, cast("Step", one.step), one.mark.where) for one in written)


def _places(tree: YamlMap) -> dict[str, str]:
    places = {name: mark.where for name, mark in tree.marks.items()}
    for section in ("labels", "models", "sources"):
        node = tree.entries.get(section)
        if isinstance(node, YamlMap):
            places |= {f"{section}.{name}": mark.where for name, mark in node.marks.items()}
    return places


def _folder_name(stem: str) -> str:
    """Return the file's name as a folder's name: letters, digits, `.`, `_` and `-` only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "recipe"


MAX_BYTES = 8_000_000
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class RecipeDocument(NamedTuple):
    """The text as written, and its tree with every `--set`."""

    text: str
    tree: YamlMap

    @property
    def hash(self) -> str:
        """The sha256 of the tree; the order of sections, comments and layout do not count, variables stay names."""
        told = to_python(self.tree)
        by_name = dict(sorted(told.items())) if isinstance(told, dict) else told
        return hashlib.sha256(json.dumps(by_name, separators=(",", ":")).encode()).hexdigest()


def read_document(path: Path, sets: Sequence[str], mistakes: IssueCollector) -> RecipeDocument:
    """Return the recipe's text and tree. Raises RecipeError for what cannot be read at all."""
    text = _text(path)
    node = parse_yaml(text, lambda line: Position(line, f"{path}:{line}"), mistakes)
    if node is None or (isinstance(node, YamlScalar) and node.value is None):
        mistakes.fail(Position(1, f"{path}:1"), "the recipe is empty: `textsynth init` writes a first one")
    if not isinstance(node, YamlMap):
        mistakes.fail(node.mark, f"a recipe is a map of sections, found {describe_node(node)}")
    return RecipeDocument(text, apply_overrides(node, sets, mistakes))


def _text(path: Path) -> str:
    raw = _bytes(path)
    if len(raw) > MAX_BYTES:
        _refuse(path, None, f"a recipe has at most {MAX_BYTES:,} bytes, found {len(raw):,}")
    if raw.startswith(BYTE_ORDER_MARKS):
        _refuse(path, 1, "the file begins with a byte order mark: save it as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        _refuse(path, line, f"the file is not UTF-8, found the byte {raw[fault.start]:#04x}: save it as UTF-8")
    odd = UNPRINTABLE.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        _refuse(path, line, f"the character {odd.group()!r} cannot stand in a recipe: take it out")
    return text.replace("\r\n", "\n")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        _refuse(path, None, "there is no such file" + _beside(path))
    except IsADirectoryError:
        _refuse(path, None, "this is a folder, a recipe is a file" + _beside(path / "x"))
    except OSError as fault:
        _refuse(path, None, f"the file cannot be read: {fault.strerror}")


def _beside(path: Path) -> str:
    try:
        recipes = sorted(one.name for one in path.parent.iterdir() if one.suffix in {".yaml", ".yml"})
    except OSError:
        return f", and no folder {str(path.parent)!r}"
    if len(path.parts) == 1 and not path.suffix:
        return did_you_mean(path.name, [*recipes, *recipe_names()])
    return f"; there are: {', '.join(recipes[:8])}" if recipes else ""


def _refuse(path: Path, line: int | None, sentence: str) -> NoReturn:
    raise RecipeError([RecipeIssue(str(path) if line is None else f"{path}:{line}", sentence)])

"""Reads a recipe file: its text, its tree, its sections, and the checks between them; reports all issues at once."""

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
from textsynth.core.secrets import register
from textsynth.recipe.checks import check_sections
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.overrides import apply_overrides
from textsynth.recipe.recipe import NamedStep, Recipe
from textsynth.recipe.secrets import clean_text, find_secrets
from textsynth.recipe.sections import Sections, read_sections
from textsynth.recipe.steps import ParsedStep, StepReader
from textsynth.recipe.yaml_tree import YamlMap, YamlScalar, describe_node, parse_yaml

MAX_BYTES = 8_000_000
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
RECIPE_SUFFIXES = frozenset({".yaml", ".yml"})

Step = TypeVar("Step", bound=Options)


class RecipeDocument(NamedTuple):
    """The text of a recipe as written, and its tree with every `--set` option applied."""

    text: str
    tree: YamlMap

    @property
    def hash(self) -> str:
        """The sha256 of the tree. The order of sections, comments and layout do not change it; `${NAME}` stays."""
        content = to_python(self.tree)
        by_name = dict(sorted(content.items())) if isinstance(content, dict) else content
        return hashlib.sha256(json.dumps(by_name, separators=(",", ":")).encode()).hexdigest()


def read_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the checked recipe in the file `path`, with `--set` options such as `want.label=20` applied.

    A bare name that is no file is a bundled recipe (`quickstart`). Loads no model and reads no rows. Raises RecipeError
    with every issue, in the order of their lines.
    """
    path = recipe_path(Path(path))
    issues = IssueCollector()
    document = read_document(path, overrides, issues)
    step_reader = StepReader(path.parent, os.environ, issues)
    return check_document(path, document, step_reader, Position(0, str(path)), tuple(overrides))


def read_document(path: Path, overrides: Sequence[str], issues: IssueCollector) -> RecipeDocument:
    """Return the recipe's text and tree. Raises RecipeError where there is no tree to check."""
    text = _read_text(path)
    node = parse_yaml(text, lambda line: Position(line, f"{path}:{line}"), issues)
    if node is None or (isinstance(node, YamlScalar) and node.value is None):
        issues.fail(Position(1, f"{path}:1"), "the recipe is empty: `textsynth init` writes a first one")
    if not isinstance(node, YamlMap):
        issues.fail(node.mark, f"a recipe is a map of sections, found {describe_node(node)}")
    register(find_secrets(text, node, overrides, os.environ))  # before a message can quote one
    return RecipeDocument(text, apply_overrides(node, overrides, issues))


def check_document(
    path: Path, document: RecipeDocument, step_reader: StepReader, file: Position, overrides: tuple[str, ...] = ()
) -> Recipe:
    """Return the checked recipe of a document; `file` is the position of what it leaves out. Raises RecipeError."""
    sections = read_sections(document.tree, step_reader, file)
    check_sections(sections, step_reader.base, step_reader.issues)
    step_reader.issues.raise_if_any()
    return _make_recipe(path, document, sections, overrides)


def _make_recipe(path: Path, document: RecipeDocument, sections: Sections, overrides: tuple[str, ...]) -> Recipe:
    settings, lists = sections.settings, sections.lists
    secrets = find_secrets(document.text, document.tree, overrides, os.environ)
    register(secrets)
    oversample = settings.oversample
    if oversample is None:
        selectors = [step.step for step in lists["select"] if isinstance(step.step, Selector)]
        oversample = max((selector.oversample for selector in selectors), default=1.0)
    return Recipe(
        path=path,
        base=path.parent,
        name=settings.name or _run_name(path.stem),
        version=settings.version,
        task=sections.task,
        task_name=sections.task_name,
        language=settings.language,
        seed=settings.seed,
        multi_label=settings.multi_label,
        embedder=settings.embedder,
        labels=sections.labels,
        models=sections.models,
        sources={name: cast("Source", step.step) for name, step in sections.sources.items() if step is not None},
        generate=_named_steps(lists["generate"]),
        filter=_named_steps(lists["filter"]),
        label=_named_steps(lists["label"]),
        select=_named_steps(lists["select"]),
        want=sections.want,
        balance=sections.balance,
        budget=sections.budget,
        oversample=oversample,
        export=sections.export,
        evaluate=sections.evaluate,
        overrides=tuple(map(secrets.redact, overrides)),
        text=clean_text(document.text, secrets),
        hash=document.hash,
        positions=_positions(document.tree),
        secrets=secrets,
    )


def _named_steps(steps: Sequence[ParsedStep]) -> tuple[NamedStep[Step], ...]:
    return tuple(NamedStep(step.name, cast("Step", step.step), step.mark.where) for step in steps)


def _positions(tree: YamlMap) -> dict[str, str]:
    positions = {name: mark.where for name, mark in tree.marks.items()}
    for section in ("labels", "models", "sources"):
        node = tree.entries.get(section)
        if isinstance(node, YamlMap):
            positions |= {f"{section}.{name}": mark.where for name, mark in node.marks.items()}
    return positions


def _run_name(stem: str) -> str:
    """Return the file's name as the name of a run's folder: letters, digits, `.`, `_` and `-` only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "recipe"


def _read_text(path: Path) -> str:
    raw = _read_bytes(path)
    if len(raw) > MAX_BYTES:
        _fail(path, None, f"a recipe has at most {MAX_BYTES:,} bytes, found {len(raw):,}")
    if raw.startswith(BYTE_ORDER_MARKS):
        _fail(path, 1, "the file begins with a byte order mark: save it as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _fail(path, line, f"the file is not UTF-8, found the byte {raw[error.start]:#04x}: save it as UTF-8")
    unprintable = UNPRINTABLE.search(text)
    if unprintable is not None:
        line = text.count("\n", 0, unprintable.start()) + 1
        _fail(path, line, f"the character {unprintable.group()!r} is not allowed in a recipe: remove it")
    return text.replace("\r\n", "\n")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        _fail(path, None, "there is no such file" + _hint_for_missing(path))
    except IsADirectoryError:
        _fail(path, None, "this is a folder, and a recipe is a file" + _hint_for_missing(path / "recipe.yaml"))
    except OSError as error:
        _fail(path, None, f"the file cannot be read: {error.strerror}")


def _hint_for_missing(path: Path) -> str:
    """Return the end of a sentence about a missing file: the recipes beside it, or the nearest bundled recipe."""
    try:
        recipes = sorted(file.name for file in path.parent.iterdir() if file.suffix in RECIPE_SUFFIXES)
    except OSError:
        return f", and no folder {str(path.parent)!r}"
    if len(path.parts) == 1 and not path.suffix:
        return did_you_mean(path.name, [*recipes, *recipe_names()])
    return did_you_mean(path.name, recipes)


def _fail(path: Path, line: int | None, sentence: str) -> NoReturn:
    raise RecipeError([RecipeIssue(str(path) if line is None else f"{path}:{line}", sentence)])

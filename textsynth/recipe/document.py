"""The file of a recipe: read as UTF-8, parsed, with every `--set` put in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from textsynth.core.errors import Mistake, RecipeError, nearest
from textsynth.core.paths import recipe_names
from textsynth.recipe.environment import plain
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Map, Scalar, found, read_nodes
from textsynth.recipe.overrides import override

MAX_BYTES = 8_000_000
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class Document(NamedTuple):
    """The text as written, and its tree with every `--set`."""

    text: str
    tree: Map

    @property
    def hash(self) -> str:
        """The sha256 of the tree; the order of sections, comments and layout do not count, variables stay names."""
        told = plain(self.tree)
        by_name = dict(sorted(told.items())) if isinstance(told, dict) else told
        return hashlib.sha256(json.dumps(by_name, separators=(",", ":")).encode()).hexdigest()


def read_document(path: Path, sets: Sequence[str], mistakes: Mistakes) -> Document:
    """Return the recipe's text and tree. Raises RecipeError for what cannot be read at all."""
    text = _text(path)
    node = read_nodes(text, lambda line: Mark(line, f"{path}:{line}"), mistakes)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        mistakes.fail(Mark(1, f"{path}:1"), "the recipe is empty: `textsynth init` writes a first one")
    if not isinstance(node, Map):
        mistakes.fail(node.mark, f"a recipe is a map of sections, found {found(node)}")
    return Document(text, override(node, sets, mistakes))


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
        return nearest(path.name, [*recipes, *recipe_names()])
    return f"; there are: {', '.join(recipes[:8])}" if recipes else ""


def _refuse(path: Path, line: int | None, sentence: str) -> NoReturn:
    raise RecipeError([Mistake(str(path) if line is None else f"{path}:{line}", sentence)])

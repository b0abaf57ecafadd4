"""Markdown that no text can forge: whatever comes from a model, a recipe or a data file is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NAMES_SHOWN = 5

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": " "})


def escape(text: str) -> str:
    """Return a text of any origin as one line of plain markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(text.translate(_ENTITIES).split()))


def bullets(lines: Iterable[str]) -> str:
    """Return a list of lines that are markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; its cells are markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def fenced(text: str, language: str = "") -> str:
    """Return a text of any origin as a block of code that it cannot end; characters that break lines are spaced."""
    content = text.replace("\0", " ").strip("\n")
    ticks = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def details(summary: str, inside: str) -> str:
    """Return a folded block; `summary` is plain text, `inside` markdown."""
    summary = " ".join(summary.translate(_ENTITIES).split())
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"


def some(names: Sequence[str]) -> str:
    """Return the first five of the names, which are markdown already, and how many more there are."""
    rest = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + rest

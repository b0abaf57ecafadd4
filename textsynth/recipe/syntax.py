"""What a YAML syntax error means for the person who wrote the recipe."""

from __future__ import annotations

import re

import yaml

# Beginnings of what PyYAML or libyaml says, and what helps.
HINTS = (
    (
        "mapping values are not allowed",
        "a ':' stands where none can: check the indentation, or put quotes around the text",
    ),
    ("found unexpected end of stream", "a quote is opened and never closed"),
    (
        "found unknown escape character",
        "a \\ in double quotes begins an escape that YAML does not have: use single quotes",
    ),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("found undefined tag handle", "tags (!…) are not read in a recipe: put quotes around the text"),
    ("did not find expected key", "this line does not line up with the lines above: check the indentation"),
    ("expected <block end>", "this line does not line up with the lines above: check the indentation"),
    ("did not find expected '-' indicator", "this line does not line up with the list above: check the indentation"),
    ("block sequence entries are not allowed", "a '- ' stands where no list can begin: put the list on its own lines"),
    ("exceeded maximum nesting depth", "lists and maps stand too deep inside each other"),
    ("did not find expected ',' or", "a , or the closing bracket is missing"),
    ("expected ',' or", "a , or the closing bracket is missing"),
)


def syntax_mistake(fault: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line (from 1) and one sentence for a YAML error."""
    lines = text.split("\n")
    if not isinstance(fault, yaml.MarkedYAMLError) or fault.problem_mark is None:
        return 1, f"this is no YAML: {' '.join(str(fault).split())}"
    at = min(fault.problem_mark.line, _last(lines))
    began = fault.context_mark.line if fault.context_mark is not None else at
    problem = fault.problem or ""
    return _line(problem, at, began) + 1, _sentence(problem, lines[at], began + 1 if began < at else None)


def _last(lines: list[str]) -> int:
    return max((place for place, line in enumerate(lines) if line.strip()), default=0)


def _line(problem: str, at: int, began: int) -> int:
    return began if "unexpected end of stream" in problem else at


def _sentence(problem: str, line: str, began: int | None) -> str:
    shown = line.strip()[:60]
    if re.match(r"[ ]*\t", line):
        return "a tab indents this line, YAML takes spaces only: write two spaces for each step"
    if re.search(r"[{,:\[]\s*\$\{", line) and "{" in line.replace("${", ""):
        return f'${{…}} inside {{ }} needs quotes: write "${{NAME}}", found {shown!r}'
    if "cannot start any token" in problem:
        return f"a text may not begin with @, `, % or a tab: put quotes around it, found {shown!r}"
    since = f" (what is open began in line {began})" if began is not None else ""
    hint = next((hint for start, hint in HINTS if problem.startswith(start)), f"this is no YAML ({problem})")
    return f"{hint}, found {shown!r}{since}"

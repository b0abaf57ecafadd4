"""The front matter of a prompt file: the YAML between the two lines `---` at its start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal, NamedTuple

import yaml
from pydantic import Field, ValidationError

from textsynth.core.errors import RecipeIssue, UsageError
from textsynth.core.options import Options, SamplingOptions
from textsynth.core.validation_errors import PythonValue, field_errors
from textsynth.parse import Reader, make_reader

FENCE = "---"
MAX_LINES = 500
"""Maximum number of lines of a front matter."""
Path = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""


class FrontMatter(Options):
    """The settings of a prompt file."""

    description: str = Field(description="the purpose of the prompt, in one line")
    variables: dict[str, str] = Field(default={}, description="a description of each variable of the template")
    answer: object = Field(default="text", description="how the answer is read: the name of an answer reader")
    sampling: SamplingOptions = Field(
        default=SamplingOptions(), description="default sampling, which the recipe overrides"
    )
    mode: Literal["chat", "completion"] = Field(default="chat", description="chat blocks, or one raw text")


class PromptFile(NamedTuple):
    """The parts of a prompt file.

    `lines` maps the path of each key of the front matter to its line, counted from 1. `body` is the template, which
    begins at line `first_line`.
    """

    front: FrontMatter
    reader: Reader
    lines: dict[Path, int]
    body: str
    first_line: int


class FrontMatterError(Exception):
    """All errors of one front matter. `load_prompt` raises them as a PromptError."""

    def __init__(self, issues: list[RecipeIssue]) -> None:
        self.issues = issues
        super().__init__("; ".join(map(str, issues)))


def split_front_matter(text: str, where: str) -> PromptFile:
    """Read the front matter of the file `where`. Raises FrontMatterError with every error, each with its line."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        start = f"this file begins with {lines[0][:40]!r}" if text.strip() else "this file is empty"
        raise _error(where, 1, f"a prompt begins with a front matter between two lines {FENCE!r}, but {start}")
    end = next((i for i, line in enumerate(lines[1:MAX_LINES], start=1) if line.rstrip() == FENCE), None)
    if end is None:
        raise _error(where, 1, f"the front matter has no end: no second line {FENCE!r} within {MAX_LINES} lines")
    # An empty line in place of the first fence, so that YAML's line numbers are those of the file.
    data, key_lines = _parse_yaml("\n" + "\n".join(lines[1:end]) + "\n", where)
    front, reader = _validate(data, key_lines, where)
    return PromptFile(front, reader, key_lines, "\n".join(lines[end + 1 :]), end + 2)


def _validate(data: object, lines: dict[Path, int], where: str) -> tuple[FrontMatter, Reader]:
    try:
        front = FrontMatter.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = field_errors(error, FrontMatter, PythonValue(data), owner="the front matter", prefix="")
        raise FrontMatterError(
            [RecipeIssue(f"{where}:{_line_of(lines, path)}", sentence) for path, sentence in errors]
        ) from error
    if not front.description.strip():
        line = _line_of(lines, ("description",))
        raise _error(where, line, "'description' is empty; write the purpose of the prompt in one line")
    try:
        return front, make_reader(front.answer, f"{where}:{_line_of(lines, ('answer',))}")
    except UsageError as error:
        raise FrontMatterError([RecipeIssue("", str(error))]) from error


def _line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a value, or of the nearest key around it that has one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _error(where: str, line: int, message: str) -> FrontMatterError:
    return FrontMatterError([RecipeIssue(f"{where}:{line}", message)])


def _parse_yaml(text: str, where: str) -> tuple[object, dict[Path, int]]:
    """Return the YAML as plain values, and the line of each path.

    YAML's own conversions (dates, `no` as a key, anchors, tags) are errors: they are hardly ever intended.
    """
    lines: dict[Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = {} if node is None else _convert(node, (), lines, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise _error(where, line, f"the front matter is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise _error(where, 1, f"the front matter is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise _error(where, 1, "the front matter is nested too deeply") from error
    except _AmbiguousYamlError as error:
        raise _error(where, error.line, str(error)) from error
    if not isinstance(data, dict):
        raise _error(where, 2, f"the front matter must be a map (description: …), but is {data!r}")
    return data, lines


class _AmbiguousYamlError(Exception):
    def __init__(self, node: yaml.Node, message: str) -> None:
        self.line = node.start_mark.line + 1
        super().__init__(message)


def _convert(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int]) -> object:
    """Return the plain value of a node, and add its lines. `seen` has the ids of the nodes converted so far."""
    lines[path] = node.start_mark.line + 1
    if id(node) in seen:
        raise _AmbiguousYamlError(node, "the front matter uses an anchor twice (&name, *name); write the value out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return dict(_convert_pairs(node, path, lines, seen))
    if isinstance(node, yaml.SequenceNode):
        return [_convert(child, (*path, index), lines, seen) for index, child in enumerate(node.value)]
    return _convert_scalar(node)


def _convert_pairs(
    node: yaml.MappingNode, path: Path, lines: dict[Path, int], seen: set[int]
) -> Iterator[tuple[str, object]]:  # fmt: skip
    keys: set[str] = set()
    for key, child in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            raise _AmbiguousYamlError(key, f"the key {key.value!r} is not a text in YAML; put it in quotes")
        if key.value in keys:
            raise _AmbiguousYamlError(key, f"the key {key.value!r} is repeated")
        keys.add(key.value)
        value = _convert(child, (*path, key.value), lines, seen)
        lines[(*path, key.value)] = key.start_mark.line + 1
        yield key.value, value


def _convert_scalar(node: yaml.Node) -> object:
    kind = node.tag.rpartition(":")[2]
    if kind in {"str", "null", "bool", "int", "float"}:
        return yaml.SafeLoader("").construct_object(node)
    raise _AmbiguousYamlError(node, f"{node.value!r} is a {kind} in YAML; put it in quotes to make it a text")

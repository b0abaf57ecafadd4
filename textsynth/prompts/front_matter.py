"""The front matter of a prompt file: the YAML between the `---` lines at its head."""

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
LONGEST = 500
"""Lines that a front matter may have."""
Path = tuple[str | int, ...]


class FrontMatter(Options):
    """What a prompt file says of itself."""

    description: str = Field(description="what the prompt is for, in one line")
    variables: dict[str, str] = Field(default={}, description="what each variable of the template is")
    answer: object = Field(default="text", description="how the answer is read: the name of a reader")
    sampling: SamplingOptions = Field(default=SamplingOptions(), description="sampling that suits the prompt")
    mode: Literal["chat", "completion"] = Field(default="chat", description="chat blocks, or one raw text")


class PromptFile(NamedTuple):
    """A front matter that was read: what it says, its reader, the line of each key, and where the template begins."""

    front: FrontMatter
    reader: Reader
    lines: dict[Path, int]
    body: str
    first_line: int


class FrontError(Exception):
    """The mistakes of one front matter, on their way to the PromptError that the prompt's reader raises."""

    def __init__(self, mistakes: list[RecipeIssue]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(map(str, mistakes)))


def split_front_matter(text: str, where: str) -> PromptFile:
    """Read the front matter of the file `where`. Raises FrontError with every mistake, each with its line."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        begins = f"this one with {lines[0][:40]!r}" if text.strip() else "this file is empty"
        raise _wrong(where, 1, f"a prompt begins with a front matter between two lines {FENCE!r}, {begins}")
    ends = (line for line, told in enumerate(lines[1:LONGEST], start=1) if told.rstrip() == FENCE)
    end = next(ends, None)
    if end is None:
        raise _wrong(where, 1, f"the front matter has no end: no second line {FENCE!r} within {LONGEST} lines")
    # The empty first line stands for the fence, so that the marks of YAML are lines of the file.
    data, marks = _values("\n" + "\n".join(lines[1:end]) + "\n", where)
    front, found = _checked(data, marks, where)
    return PromptFile(front, found, marks, "\n".join(lines[end + 1 :]), end + 2)


def _checked(data: object, marks: dict[Path, int], where: str) -> tuple[FrontMatter, Reader]:
    try:
        front = FrontMatter.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = field_errors(error, FrontMatter, PythonValue(data), owner="the front matter", prefix="")
        raise FrontError(
            [RecipeIssue(f"{where}:{_line(marks, path)}", sentence) for path, sentence in errors]
        ) from error
    if not front.description.strip():
        raise _wrong(
            where, _line(marks, ("description",)), "'description' is empty; it says in one line what the prompt is for"
        )
    at = f"{where}:{_line(marks, ('answer',))}"
    try:
        return front, make_reader(front.answer, at)
    except UsageError as fault:
        raise FrontError([RecipeIssue("", str(fault))]) from fault


def _line(marks: dict[Path, int], path: Path) -> int:
    while path and path not in marks:
        path = path[:-1]
    return marks.get(path, 1)


def _wrong(where: str, line: int, told: str) -> FrontError:
    return FrontError([RecipeIssue(f"{where}:{line}", told)])


def _values(text: str, where: str) -> tuple[object, dict[Path, int]]:
    """Return the YAML as plain values and the line of each, without what YAML would do by itself."""
    marks: dict[Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = {} if node is None else _value(node, (), marks, set())
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = 1 if mark is None else mark.line + 1
        raise _wrong(where, line, f"the front matter is not YAML: {fault.problem or fault.context}") from fault
    except yaml.YAMLError as fault:
        raise _wrong(where, 1, f"the front matter is not YAML: {str(fault).splitlines()[0]}") from fault
    except RecursionError as fault:
        raise _wrong(where, 1, "the front matter is nested too deep") from fault
    except _Unclear as fault:
        raise _wrong(where, fault.line, str(fault)) from fault
    if not isinstance(data, dict):
        raise _wrong(where, 2, f"the front matter must be a map (description: …), but is {data!r}")
    return data, marks


class _Unclear(Exception):
    def __init__(self, node: yaml.Node, told: str) -> None:
        self.line = node.start_mark.line + 1
        super().__init__(told)


def _value(node: yaml.Node, path: Path, marks: dict[Path, int], seen: set[int]) -> object:
    marks[path] = node.start_mark.line + 1
    if id(node) in seen:
        raise _Unclear(node, "the front matter uses an anchor twice (&name, *name); write the value out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, marks, seen))
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, at), marks, seen) for at, child in enumerate(node.value)]
    return _scalar(node)


def _pairs(
    node: yaml.MappingNode, path: Path, marks: dict[Path, int], seen: set[int]
) -> Iterator[tuple[str, object]]:  # fmt: skip
    known: set[str] = set()
    for key, child in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            raise _Unclear(key, f"the key {key.value!r} is no text in YAML; put it in quotes")
        if key.value in known:
            raise _Unclear(key, f"the key {key.value!r} stands twice")
        known.add(key.value)
        value = _value(child, (*path, key.value), marks, seen)
        marks[(*path, key.value)] = key.start_mark.line + 1
        yield key.value, value


def _scalar(node: yaml.Node) -> object:
    kind = node.tag.rpartition(":")[2]
    if kind in {"str", "null", "bool", "int", "float"}:
        return yaml.SafeLoader("").construct_object(node)
    raise _Unclear(node, f"{node.value!r} is a {kind} in YAML; put it in quotes to make it a text")

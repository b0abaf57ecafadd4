"""The front matter of a prompt file: the YAML between the two lines `---` at its start, where it has one."""

from __future__ import annotations

import json
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

    description: str = Field(default="", description="the purpose of the prompt, in one line")
    variables: dict[str, str] = Field(
        default={}, description="a description of each variable; default: those that the template uses"
    )
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
    """All errors of one front matter. `load_prompt` raises them as a PromptError, with those of the template.

    `body` is the template, which begins at line `first_line`; None where the front matter has no end. `front` has the
    settings without errors, and defaults for the others.
    """

    def __init__(
        self,
        issues: list[RecipeIssue],
        body: str | None = None,
        first_line: int = 1,
        front: FrontMatter | None = None,
        lines: dict[Path, int] | None = None,
    ) -> None:
        self.issues = issues
        self.body = body
        self.first_line = first_line
        self.front = front
        self.lines = lines or {}
        super().__init__("; ".join(map(str, issues)))


def split_front_matter(text: str, where: str) -> PromptFile:
    """Read the front matter of the file `where`; a file that does not begin with a line `---` has none.

    Raises FrontMatterError with every error, each with its line.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        if text.lstrip().split("\n")[0].rstrip() == FENCE:
            raise FrontMatterError(
                [_issue(where, 1, f"the front matter begins with {FENCE!r} in line 1, not below it")]
            )
        return PromptFile(FrontMatter(), make_reader("text", where), {}, text, 1)
    end = next((i for i, line in enumerate(lines[1:MAX_LINES], start=1) if line.rstrip() == FENCE), None)
    if end is None:
        message = f"the front matter has no end: no second line {FENCE!r} within {MAX_LINES} lines"
        raise FrontMatterError([_issue(where, 1, message)])
    body, first_line = "\n".join(lines[end + 1 :]), end + 2
    # An empty line in place of the first fence, so that YAML's line numbers are those of the file.
    data, key_lines, issues = _parse_yaml("\n" + "\n".join(lines[1:end]) + "\n", where)
    if data is None:
        raise FrontMatterError(issues, body, first_line)
    front, reader, invalid = _validate(data, key_lines, where, ambiguous=bool(issues))
    issues += invalid
    if issues or reader is None:
        raise FrontMatterError(issues, body, first_line, front, key_lines)
    return PromptFile(front, reader, key_lines, body, first_line)


def _validate(
    data: dict[str, object], lines: dict[Path, int], where: str, *, ambiguous: bool
) -> tuple[FrontMatter, Reader | None, list[RecipeIssue]]:
    """Return the settings, the answer reader and every error; a field with an error has its default.

    Where YAML was `ambiguous`, a field that is not valid has that error already, so that it is not reported again.
    """
    issues: list[RecipeIssue] = []
    try:
        front = FrontMatter.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = field_errors(error, FrontMatter, PythonValue(data), owner="the front matter", prefix="")
        issues += [] if ambiguous else [_issue(where, _line_of(lines, path), sentence) for path, sentence in errors]
        bad_fields = {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]}
        valid = {name: value for name, value in data.items() if name not in bad_fields}
        front = FrontMatter.model_validate_json(json.dumps(valid))
    if isinstance(data.get("description"), str) and not front.description.strip():
        message = "'description' is empty; write the purpose of the prompt in one line, or leave it out"
        issues.append(_issue(where, _line_of(lines, ("description",)), message))
    reader = None
    try:
        reader = make_reader(front.answer, f"{where}:{_line_of(lines, ('answer',))}")
    except UsageError as error:
        issues.append(RecipeIssue("", str(error)))
    return front, reader, issues


def _line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a value, or of the nearest key around it that has one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _issue(where: str, line: int, message: str) -> RecipeIssue:
    return RecipeIssue(f"{where}:{line}", message)


def _parse_yaml(text: str, where: str) -> tuple[dict[str, object] | None, dict[Path, int], list[RecipeIssue]]:
    """Return the YAML as plain values (None where it cannot be read), the line of each path, and every error.

    YAML's own conversions (dates, `no` as a key, anchors, tags) are errors: they are hardly ever intended. Of a syntax
    error only the first is found.
    """
    reader = _YamlReader()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = {} if node is None else reader.convert(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        return None, {}, [_issue(where, line, f"the front matter is not YAML: {error.problem or error.context}")]
    except yaml.YAMLError as error:
        return None, {}, [_issue(where, 1, f"the front matter is not YAML: {str(error).splitlines()[0]}")]
    except RecursionError:
        return None, {}, [_issue(where, 1, "the front matter is nested too deeply")]
    issues = [_issue(where, line, message) for line, message in reader.errors]
    if not isinstance(data, dict):
        message = f"the front matter must be a map (description: …), but is {data!r}"
        return None, {}, issues or [_issue(where, 2, message)]
    return data, reader.lines, issues


class _YamlReader:
    """Converts nodes to plain values: `lines` has the line of each path, `errors` the line and message of each error.

    A value with an error is kept as text, so that the rest can be read.
    """

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.errors: list[tuple[int, str]] = []
        self._seen: set[int] = set()

    def convert(self, node: yaml.Node, path: Path) -> object:
        """Return the plain value of a node."""
        self.lines[path] = node.start_mark.line + 1
        if id(node) in self._seen:
            self._add(node, "the front matter uses an anchor twice (&name, *name); write the value out")
            return ""
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._convert_map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(child, (*path, index)) for index, child in enumerate(node.value)]
        kind = node.tag.rpartition(":")[2]
        if self._has_half_character(node, node.value):
            return ""
        if kind in {"str", "null", "bool", "int", "float"}:
            try:
                value: object = yaml.SafeLoader("").construct_object(node)
                str(value)  # Python converts no whole number of more than 4,300 digits to text
            except ValueError:
                self._add(node, f"{node.value[:20]}… has too many digits for a number")
                return 0
            return value
        self._add(node, f"{node.value!r} is a {kind} in YAML; put it in quotes to make it a text")
        return str(node.value)

    def _convert_map(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                self._add(key, f"the key {key.value!r} is not a text in YAML; put it in quotes")
                if not isinstance(key, yaml.ScalarNode):
                    continue
            name = str(key.value)
            if self._has_half_character(key, name):
                continue
            if name in values:
                self._add(key, f"the key {name!r} is repeated")
                continue
            values[name] = self.convert(child, (*path, name))
            self.lines[(*path, name)] = key.start_mark.line + 1
        return values

    def _has_half_character(self, node: yaml.Node, text: str) -> bool:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._add(node, "this text contains half of a character (a lone surrogate, \\ud800 to \\udfff)")
            return True
        return False

    def _add(self, node: yaml.Node, message: str) -> None:
        self.errors.append((node.start_mark.line + 1, message))

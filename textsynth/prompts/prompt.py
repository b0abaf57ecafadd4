"""A prompt file, loaded, checked and ready to render."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from jinja2.exceptions import TemplateError, UndefinedError

from textsynth.core.errors import PromptError, RecipeIssue, did_you_mean
from textsynth.core.options import SamplingOptions
from textsynth.core.records import Message, RenderedPrompt
from textsynth.parse import Reader
from textsynth.prompts.front_matter import FrontMatter, FrontMatterError, PromptFile, split_front_matter
from textsynth.prompts.front_matter import Path as LinePath
from textsynth.prompts.injection_guard import TurnBoundary, neutralize
from textsynth.prompts.render_budget import MAX_TEXT
from textsynth.prompts.template import RENDER_ERRORS, CompiledTemplate, TemplateErrors, compile_template

SUFFIX = ".jinja"
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template with the settings of its front matter.

    `name` is the file's name without `.jinja`, `text` its content. `fingerprint` is the first 16 hex digits of the
    sha256 of the content with normalized line ends and without byte order mark. `variables` are the names that the
    template uses.
    """

    name: str
    path: Path
    fingerprint: str
    mode: Literal["chat", "completion"]
    description: str
    variables: frozenset[str]
    reader: Reader
    sampling: SamplingOptions
    template: CompiledTemplate = field(repr=False)
    text: str = field(repr=False)

    def render(self, values: Mapping[str, object]) -> RenderedPrompt:
        """Return the prompt with `values` inserted. Values that the template does not use are ignored.

        Special tokens of chat templates are split inside inserted values. White space around a turn, or around the text
        of a completion prompt, is removed. An empty system turn is left out.

        Raises PromptError where a variable is missing, the template fails with these values or exceeds its limits, a
        turn is empty, or the last turn is not the user's.
        """
        try:
            pieces = self.template.pieces(values)
        except RENDER_ERRORS as error:
            raise PromptError(self._error_message(error, values)) from error
        if self.mode == "chat":
            messages = self._messages(pieces)
            self._check_length(sum([len(message.content) for message in messages]))
            return RenderedPrompt(self.name, self.fingerprint, messages=messages)
        text = neutralize(pieces).strip()
        self._check_length(len(text))
        if not text:
            raise PromptError(f"{self.path}: the rendered prompt is empty")
        return RenderedPrompt(self.name, self.fingerprint, text=text)

    def _check_length(self, characters: int) -> None:
        if characters > MAX_TEXT:
            raise PromptError(f"{self.path}: the rendered prompt has {characters:,} characters; at most {MAX_TEXT:,}")

    def _messages(self, pieces: Sequence[str]) -> tuple[Message, ...]:
        messages: list[Message] = []
        boundaries = [index for index, piece in enumerate(pieces) if type(piece) is TurnBoundary]
        for begin, end in zip(boundaries[::2], boundaries[1::2], strict=True):
            role = str.__str__(pieces[begin])
            content = neutralize(pieces[begin + 1 : end]).strip()
            if content:
                messages.append(Message(role, content))
            elif role != "system":
                raise PromptError(f"{self.path}: turn {len(messages) + 1} ({role}) is empty with these values")
        self._check_roles([message.role for message in messages])
        return tuple(messages)

    def _check_roles(self, roles: Sequence[str]) -> None:
        if not roles or roles[-1] != "user":
            last = f"is {roles[-1]!r}" if roles else "is missing"
            raise PromptError(f"{self.path}: the last turn must be 'user', which the model answers, but {last}")
        if "system" in roles[1:]:
            number = roles.index("system", 1) + 1
            raise PromptError(f"{self.path}: a system turn must be the first turn, but is turn {number}")

    def _error_message(self, error: Exception, values: Mapping[str, object]) -> str:
        where = f"{self.path}:{self.template.line_of(error)}"
        if isinstance(error, UndefinedError):
            missing = sorted(self.variables - values.keys())
            name = next((name for name in missing if repr(name) in str(error)), None)
            if name is not None:
                return f"{where}: the variable {name!r} has no value{did_you_mean(name, values)}"
        if isinstance(error, RecursionError):
            return f"{where}: the template calls itself too many times"
        if isinstance(error, TemplateError):
            return f"{where}: {error}"
        return f"{where}: the template fails with these values: {error}"


def load_prompt(path: Path) -> Prompt:
    """Return the prompt of a file. Raises PromptError with one line for each error, which begins with `file:line`."""
    return _load(path, _read_file(path))


@lru_cache(maxsize=64)  # a recipe's check and its run compile a prompt once; a changed file is compiled again
def _load(path: Path, text: str) -> Prompt:
    name = path.name.removesuffix(SUFFIX)
    where = str(path)
    file, template = _read_parts(name, text, where)
    return Prompt(
        name=name,
        path=path,
        fingerprint=hashlib.sha256((text.rstrip() + "\n").encode()).hexdigest()[:16],
        mode=_mode(name, file.front),
        description=file.front.description,
        variables=template.variables,
        reader=file.reader,
        sampling=file.front.sampling,
        template=template,
        text=text,
    )


def _read_file(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise PromptError(f"{path}: the prompt file has {size:,} bytes; at most {MAX_FILE_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(f"{path}: not UTF-8 (byte {error.start}: {error.reason}); save the file as UTF-8") from error
    except OSError as error:
        raise PromptError(f"{path}: the prompt cannot be read: {error.strerror or error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_parts(name: str, text: str, where: str) -> tuple[PromptFile, CompiledTemplate]:
    """Return the front matter and the template. Raises PromptError with the errors of both."""
    issues: list[RecipeIssue] = []
    file: PromptFile | None = None
    front: FrontMatter | None
    try:
        file = split_front_matter(text, where)
        body, first_line, front, lines = file.body, file.first_line, file.front, file.lines
    except FrontMatterError as error:
        if error.body is None:
            raise _prompt_error(error.issues) from error
        issues += error.issues
        body, first_line, front, lines = error.body, error.first_line, error.front, error.lines
    if front is None or (("mode",) in lines and "mode" not in front.model_fields_set):
        # the mode cannot be read: only the errors that hold for the mode that the template seems to have
        is_chat = "{% chat" in body
    else:
        is_chat = _mode(name, front) == "chat"
    template: CompiledTemplate | None = None
    try:
        template = compile_template(body, where=where, first_line=first_line, chat=is_chat)
        variables: frozenset[str] | None = template.variables
    except TemplateErrors as error:
        issues += error.issues
        variables = error.variables
    if front is not None:
        issues += _check_mode(name, front, lines, where)
        issues += [] if variables is None else _check_variables(front, lines, variables, where)
    if issues or file is None or template is None:
        raise _prompt_error(issues, variables)
    return file, template


def _prompt_error(issues: Sequence[RecipeIssue], variables: frozenset[str] | None = None) -> PromptError:
    return PromptError("\n".join(str(issue).removeprefix(": ") for issue in issues), variables)


def _mode(name: str, front: FrontMatter | None) -> Literal["chat", "completion"]:
    """Return the mode that the front matter sets, else that in the file's name, else chat."""
    if front is not None and "mode" in front.model_fields_set:
        return front.mode
    return "completion" if name.endswith(".completion") else "chat"


def _check_mode(name: str, front: FrontMatter, lines: Mapping[LinePath, int], where: str) -> list[RecipeIssue]:
    mode = name.rpartition(".")[2]
    if mode not in {"chat", "completion"} or mode == _mode(name, front):
        return []
    message = f"the file's name has the mode {mode!r}, but the front matter has the mode {front.mode!r}"
    return [RecipeIssue(f"{where}:{lines.get(('mode',), 1)}", message)]


def _check_variables(
    front: FrontMatter, lines: Mapping[LinePath, int], used: frozenset[str], where: str
) -> list[RecipeIssue]:
    """Return the differences between `variables`, where the front matter has it, and what the template uses."""
    if "variables" not in front.model_fields_set:
        return []
    listed = front.variables
    line = lines.get(("variables",), 1)
    unlisted = [
        RecipeIssue(
            f"{where}:{line}",
            f"the template uses {name!r}, which 'variables' does not list{did_you_mean(name, listed)}",
        )
        for name in sorted(used - listed.keys())
    ]
    unused = [
        RecipeIssue(
            f"{where}:{lines.get(('variables', name), line)}",
            f"'variables' lists {name!r}, which the template does not use{did_you_mean(name, sorted(used))}",
        )
        for name in listed
        if name not in used
    ]
    return unlisted + unused

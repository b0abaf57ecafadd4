"""A prompt file, read, checked and ready to render."""

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
from textsynth.prompts.front_matter import FrontError, PromptFile, split_front_matter
from textsynth.prompts.injection_guard import TurnBoundary, neutralize
from textsynth.prompts.render_budget import MAX_TEXT
from textsynth.prompts.template import FAULTS, CompiledTemplate, TemplateErrors, compile_template

SUFFIX = ".jinja"
LARGEST = 1_000_000
"""Bytes that a prompt file may have."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template with what its front matter says.

    `text` is what the file says and `name` its name without `.jinja`; `fingerprint` is 16 hex digits of the sha256 of
    the file, with line ends and a byte order mark evened out; `variables` are the names that the template uses.
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
        """Put values into the template; those it does not use are ignored.

        Special tokens of chat templates are split inside what is put in. Blank space around a turn (or the text of a
        completion prompt) is cut off, a system turn that is empty is left out.

        Raises PromptError: a variable is missing, the template fails with these values or exceeds its bounds, a turn
        is empty, or the last turn is not the user's.
        """
        try:
            pieces = self.template.pieces(values)
        except FAULTS as fault:
            raise PromptError(self._failure(fault, values)) from fault
        if self.mode == "chat":
            messages = self._messages(pieces)
            self._bounded(sum([len(message.content) for message in messages]))
            return RenderedPrompt(self.name, self.fingerprint, messages=messages)
        text = neutralize(pieces).strip()
        self._bounded(len(text))
        if not text:
            raise PromptError(f"{self.path}: the rendered prompt is empty")
        return RenderedPrompt(self.name, self.fingerprint, text=text)

    def _bounded(self, characters: int) -> None:
        if characters > MAX_TEXT:
            raise PromptError(f"{self.path}: the rendered prompt has {characters:,} characters; at most {MAX_TEXT:,}")

    def _messages(self, pieces: Sequence[str]) -> tuple[Message, ...]:
        messages: list[Message] = []
        turns = [at for at, piece in enumerate(pieces) if type(piece) is TurnBoundary]
        for begin, end in zip(turns[::2], turns[1::2], strict=True):
            role = str.__str__(pieces[begin])
            content = neutralize(pieces[begin + 1 : end]).strip()
            if content:
                messages.append(Message(role, content))
            elif role != "system":
                raise PromptError(f"{self.path}: turn {len(messages) + 1} ({role}) is empty with these values")
        roles = [message.role for message in messages]
        if not roles or roles[-1] != "user":
            found = f"is {roles[-1]!r}" if roles else "is missing"
            raise PromptError(f"{self.path}: the last turn must be 'user', which the model answers, but {found}")
        if "system" in roles[1:]:
            raise PromptError(
                f"{self.path}: a system turn must be the first one, but is turn {roles.index('system', 1) + 1}"
            )
        return tuple(messages)

    def _failure(self, fault: Exception, values: Mapping[str, object]) -> str:
        at = f"{self.path}:{self.template.line_of(fault)}"
        if isinstance(fault, UndefinedError):
            missing = sorted(self.variables - values.keys())
            named = next((name for name in missing if repr(name) in str(fault)), None)
            if named is not None:
                return f"{at}: the variable {named!r} is not given{did_you_mean(named, values)}"
        if isinstance(fault, RecursionError):
            return f"{at}: the template calls itself too deep"
        told = str(fault) if isinstance(fault, TemplateError) else f"the template fails with these values: {fault}"
        return f"{at}: {told}"


def load_prompt(path: Path) -> Prompt:
    """Read and check one prompt file. Raises PromptError with a line for each mistake, each with `file:line`."""
    return _checked(path, _text(path))


@lru_cache(maxsize=64)  # the recipe's check and the run compile a prompt once, and a changed file anew
def _checked(path: Path, text: str) -> Prompt:
    name = path.name.removesuffix(SUFFIX)
    where = str(path)
    try:
        found = split_front_matter(text, where)
        template = compile_template(
            found.body, where=where, first_line=found.first_line, chat=found.front.mode == "chat"
        )  # fmt: skip
    except (FrontError, TemplateErrors) as fault:
        raise PromptError("\n".join(str(mistake).removeprefix(": ") for mistake in fault.mistakes)) from fault
    mistakes = [*_misnamed(name, found, where), *_variables(found, template.variables, where)]
    if mistakes:
        raise PromptError("\n".join(map(str, mistakes)))
    return Prompt(
        name=name,
        path=path,
        fingerprint=hashlib.sha256((text.rstrip() + "\n").encode()).hexdigest()[:16],
        mode=found.front.mode,
        description=found.front.description,
        variables=template.variables,
        reader=found.reader,
        sampling=found.front.sampling,
        template=template,
        text=text,
    )


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise PromptError(f"{path}: a prompt file of {size:,} bytes; at most {LARGEST:,}")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise PromptError(f"{path}: not UTF-8 (byte {fault.start}: {fault.reason}); save the file as UTF-8") from fault
    except OSError as fault:
        raise PromptError(f"{path}: the prompt cannot be read: {fault.strerror or fault}") from fault
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _misnamed(name: str, found: PromptFile, where: str) -> list[RecipeIssue]:
    form = name.rpartition(".")[2]
    if form not in {"chat", "completion"} or form == found.front.mode:
        return []
    told = f"the file's name says {form!r}, but its mode is {found.front.mode!r}"
    return [RecipeIssue(f"{where}:{found.lines.get(('mode',), 1)}", told)]


def _variables(found: PromptFile, used: frozenset[str], where: str) -> list[RecipeIssue]:
    listed = found.front.variables
    line = found.lines.get(("variables",), 1)
    unlisted = [
        RecipeIssue(
            f"{where}:{line}",
            f"the template uses {name!r}, which 'variables' does not list{did_you_mean(name, listed)}",
        )
        for name in sorted(used - listed.keys())
    ]
    unused = [
        RecipeIssue(
            f"{where}:{found.lines.get(('variables', name), line)}",
            f"'variables' lists {name!r}, which the template does not use{did_you_mean(name, sorted(used))}",
        )
        for name in listed
        if name not in used
    ]
    return unlisted + unused

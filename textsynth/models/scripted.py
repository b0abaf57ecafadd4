"""Scripted answers instead of a model, for trying and testing a recipe. Deterministic at any concurrency.

An answer depends on the request alone (its key), never on its time. Set one of `answers`, `pattern`, `function` and
`file`; without any, a pattern of random words is used. `faults` makes some answers fail on purpose.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from textsynth.core.options import Options, Texts
from textsynth.models import Model, ModelOptions, ModelRuntime, PromptMode
from textsynth.models.scripted_answers import Script, ScriptedModel, load_function, load_rules

DEFAULT_PATTERN = "A {word} text about {word} and {word}, number {n}."


class FaultInjection(Options):
    """Which answers fail, and how. The same requests fail in every run."""

    every: int = Field(default=7, ge=1, description="one in this many requests fails, selected by its key")
    kind: Literal["error", "empty", "cut", "garbage", "slow", "stop"] = Field(
        default="error",
        description="error: the request fails; empty: no text; cut: the first half of the text; garbage: random signs;"
        " slow: 10 times the latency; stop: the run stops, as with a wrong API key",
    )


class Scripted(ModelOptions):
    """A model whose answers are written in the recipe."""

    answers: Texts = Field(default=(), description="texts, of which the request's key selects one")
    pattern: str | None = Field(
        default=None,
        description="a text in which {word} is a random word, {n} a random number and {prompt} the last message",
    )
    function: str | None = Field(
        default=None,
        pattern=r".+\.py:\w+$",
        description="./FILE.py:NAME in the recipe's folder; NAME(request) returns the text",
    )
    file: str | None = Field(
        default=None,
        description='JSON lines {"contains": …, "answer": …}: the first line whose text the prompt contains answers;'
        " a line without contains always matches; answer may be a list, of which the request's key selects one",
    )
    faults: FaultInjection | None = Field(default=None, description="make some answers fail on purpose")
    latency_seconds: float = Field(default=0.0, ge=0, description="how long an answer takes")
    concurrency: int = Field(default=64, ge=1, description="requests in flight at once")
    mode: Literal["chat", "completion"] = Field(default="chat", description="the mode of prompt to use")

    @model_validator(mode="after")
    def _check_one_script(self) -> Scripted:
        scripts = {
            "answers": self.answers,
            "pattern": self.pattern,
            "function": self.function,
            "file": self.file,
        }
        names = [name for name, value in scripts.items() if value]
        if len(names) > 1:
            raise ValueError(f"set only one of answers, pattern, function and file, found {' and '.join(names)}")
        return self

    @property
    def identity(self) -> str:
        """A hash of the script in the recipe; `identity_at` includes the contents of its file."""
        return self._identity_with(b"")

    def identity_at(self, recipe_folder: Path) -> str:
        """Return the identity with the contents of the file that `function` or `file` names."""
        name = self.file or (self.function or "").rpartition(":")[0]
        path = recipe_folder / name
        return self._identity_with(path.read_bytes() if name and path.is_file() else b"")

    @property
    def prompt_mode(self) -> PromptMode:
        """The mode that the recipe sets; the default is chat."""
        return self.mode

    def open(self, runtime: ModelRuntime) -> Model:
        """Return the model. Raises UsageError when a file or function of the script is missing or invalid."""
        return ScriptedModel(
            self._load_script(runtime.recipe_folder),
            fault_every=self.faults.every if self.faults is not None else 0,
            fault_kind=self.faults.kind if self.faults is not None else "",
            latency_seconds=self.latency_seconds,
            concurrency=self.concurrency,
        )

    def open_worker(self, runtime: ModelRuntime, number: int, count: int) -> Model:
        """Return the model with its share of the concurrency. Raises what `open` raises."""
        return self.model_copy(update={"concurrency": -(-self.concurrency // count)}).open(runtime)

    def _identity_with(self, file_content: bytes) -> str:
        script = self.model_dump_json(include={"answers", "pattern", "function", "file", "faults"})
        return f"scripted:{hashlib.sha256(script.encode() + file_content).hexdigest()[:12]}"

    def _load_script(self, recipe_folder: Path) -> Script:
        if self.function is not None:
            return load_function(self.function, recipe_folder)
        if self.file is not None:
            return load_rules(recipe_folder / self.file)
        if self.answers:
            return Script(answers=tuple(self.answers))
        return Script(pattern=self.pattern if self.pattern is not None else DEFAULT_PATTERN)

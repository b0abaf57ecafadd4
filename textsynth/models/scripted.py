"""Answers without a model: for trying a recipe, and for testing it. Deterministic at any concurrency.

An answer depends on the request alone (its key), never on when it came. Give one of `answers`, `pattern`, `function`
and `file`; left out, a pattern of drawn words answers. `faults` breaks some answers on purpose.
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
    """Which answers go wrong, and how. The same requests go wrong in every run."""

    every: int = Field(default=7, ge=1, description="one request of so many goes wrong, chosen by its key")
    kind: Literal["error", "empty", "cut", "garbage", "slow", "stop"] = Field(
        default="error",
        description="error: the request fails; empty: no text; cut: ends at half; garbage: noise; slow: 10 times the"
        " latency; stop: the run stops as with a wrong key",
    )


class Scripted(ModelOptions):
    """A model whose answers the recipe's author wrote."""

    answers: Texts = Field(default=(), description="texts, of which the request's key picks one")
    pattern: str | None = Field(
        default=None,
        description="a text in which {word} is a drawn word, {n} a drawn number and {prompt} the last message",
    )
    function: str | None = Field(
        default=None,
        pattern=r".+\.py:\w+$",
        description="./FILE.py:NAME beside the recipe; NAME(request) returns the text",
    )
    file: str | None = Field(
        default=None,
        description='JSON lines {"contains": …, "answer": …}: the first whose text stands in the prompt answers;'
        " a line without contains always fits; answer may be a list to pick from",
    )
    faults: FaultInjection | None = Field(default=None, description="break some answers on purpose")
    latency_seconds: float = Field(default=0.0, ge=0, description="how long an answer takes")
    concurrency: int = Field(default=64, ge=1, description="requests under way at once")
    mode: Literal["chat", "completion"] = Field(default="chat", description="which form of a prompt it takes")

    @model_validator(mode="after")
    def _one_script(self) -> Scripted:
        given = [name for name in ("answers", "pattern", "function", "file") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give one of answers, pattern, function and file, got {' and '.join(given)}")
        return self

    @property
    def identity(self) -> str:
        """A hash of the script as the recipe has it; `identity_at` also looks into the files."""
        return self._hashed(b"")

    def identity_at(self, recipe: Path) -> str:
        """Return the identity with the contents of `function`'s or `file`'s file in it."""
        named = self.file or (self.function or "").rpartition(":")[0]
        path = recipe / named
        return self._hashed(path.read_bytes() if named and path.is_file() else b"")

    def _hashed(self, content: bytes) -> str:
        told = self.model_dump_json(include={"answers", "pattern", "function", "file", "faults"})
        return f"scripted:{hashlib.sha256(told.encode() + content).hexdigest()[:12]}"

    @property
    def prompt_mode(self) -> PromptMode:
        """Chat unless the recipe says otherwise."""
        return self.mode

    def open(self, place: ModelRuntime) -> Model:
        """Return the actor. Raises UsageError when a named file or function is missing or wrong."""
        return ScriptedModel(
            self._script(place.recipe_folder),
            every=self.faults.every if self.faults is not None else 0,
            kind=self.faults.kind if self.faults is not None else "",
            latency_seconds=self.latency_seconds,
            concurrency=self.concurrency,
        )

    def _script(self, recipe: Path) -> Script:
        if self.function is not None:
            return load_function(self.function, recipe)
        if self.file is not None:
            return load_rules(recipe / self.file)
        if self.answers:
            return Script(answers=tuple(self.answers))
        return Script(pattern=self.pattern if self.pattern is not None else DEFAULT_PATTERN)

"""The player behind `scripted`: finds the answer for a request and breaks it where the script says so."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textsynth.core.errors import ModelError, UsageError, did_you_mean
from textsynth.core.records import Completion, ModelRequest, OptionScores
from textsynth.core.registry import load_plugin, locate_plugin_error
from textsynth.models import OnCompletion
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup

SPOKEN = (
    "amber basin cedar delta ember fjord grove harbour island juniper kettle lantern meadow nectar orchard pebble"
    " quarry ribbon saddle timber umbra velvet willow yonder zephyr anchor bramble copper drift engine"
)
WORDS = SPOKEN.split()
PLACEHOLDER = re.compile(r"\{(word|n|prompt)\}")


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """One line of an answers file: `answers` for prompts in which `contains` stands ("" stands in all)."""

    contains: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Where answers come from: exactly one of these is set."""

    answers: tuple[str, ...] = ()
    pattern: str | None = None
    function: Callable[[ModelRequest], object] | None = None
    rules: tuple[AnswerRule, ...] = ()

    def answer(self, request: ModelRequest) -> Completion:
        """Return the answer to a request; a failure where the script has none.

        Raises UsageError when a function of the user's fails.
        """
        if self.function is not None:
            try:
                said = self.function(request)
            except Exception as fault:  # a user's own code may raise anything
                told = locate_plugin_error(fault) or f"{type(fault).__name__}: {fault}"
                raise UsageError(f"the scripted function failed: {told}") from fault
            if isinstance(said, Completion):
                return said
            if not isinstance(said, str):
                return Completion("", failure=f"the scripted function returned {said!r}; a text is wanted")
            return Completion(said)
        if self.pattern is not None:
            return Completion(_filled(self.pattern, request))
        if self.answers:
            return Completion(_picked(self.answers, request))
        prompt = _prompt_text(request)
        for line in self.rules:
            if line.contains in prompt:
                return Completion(_picked(line.answers, request))
        return Completion("", failure="no line of the scripted answers fits the prompt")


class ScriptedModel:
    """Plays a script. `every` 0 breaks nothing; else one request of `every` ends as `kind` says."""

    def __init__(self, script: Script, *, every: int, kind: str, latency_seconds: float, concurrency: int) -> None:
        self.retried = 0
        self._script = script
        self._every = every
        self._kind = kind
        self._latency = latency_seconds
        self._flight = ConcurrencyLimiter(lambda: concurrency, self._answer)

    @property
    def in_flight(self) -> int:
        """Requests under way now."""
        return self._flight.in_flight

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests; see `Model.complete`."""
        await self._flight.run(requests, on_completion)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    async def _answer(self, group: RequestGroup) -> list[Completion]:
        return [await self._say(request) for request in group.requests]

    async def _say(self, request: ModelRequest) -> Completion:
        kind = self._kind if self._every and _number(request, "fault") % self._every == 0 else ""
        if self._latency:
            await asyncio.sleep(self._latency * (10 if kind == "slow" else 1))
        if kind == "stop":
            raise ModelError("the scripted model stops the run here, as its faults say")
        if kind == "error":
            return Completion("", failure="a scripted fault")
        return _counted(request, _scored(request, _broken(self._script.answer(request), kind)))


def load_function(name: str, recipe: Path) -> Script:
    """Load `./FILE.py:NAME` from beside the recipe. Raises UsageError when it cannot be had."""
    file, _, function = name.rpartition(":")
    try:
        module = load_plugin(file, recipe)
    except UsageError as fault:
        raise UsageError(f"models: scripted: {fault}") from fault
    found = getattr(module, function, None)
    if not callable(found):
        known = [one for one in vars(module) if not one.startswith("_")]
        raise UsageError(f"models: scripted: {file!r} has no function {function!r}{did_you_mean(function, known)}")
    return Script(function=found)


def load_rules(path: Path) -> Script:
    """Read a file of JSON lines. Raises UsageError with the line that is wrong."""
    try:
        raw = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"models: scripted: {path} cannot be read: {fault}") from fault
    lines = tuple(_line(f"{path}:{at}", text) for at, text in enumerate(raw.splitlines(), 1) if text.strip())
    if not lines:
        raise UsageError(f"models: scripted: {path} has no lines; one is {{'answer': 'a text'}}")
    return Script(rules=lines)


def _line(where: str, text: str) -> AnswerRule:
    try:
        row = json.loads(text)
    except ValueError as fault:
        raise UsageError(f"{where}: no JSON: {text[:60]!r}") from fault
    answer = row.get("answer") if isinstance(row, dict) else None
    answers = [answer] if isinstance(answer, str) else answer
    contains = row.get("contains", "") if isinstance(row, dict) else None
    if not isinstance(answers, list) or not answers or not all(isinstance(one, str) for one in answers):
        raise UsageError(f"{where}: answer must be a text or a list of texts, got {answer!r}")
    if not isinstance(contains, str):
        raise UsageError(f"{where}: contains must be a text, got {contains!r}")
    return AnswerRule(contains, tuple(answers))


def _number(request: ModelRequest, salt: str) -> int:
    return random.Random(f"{request.key}:{salt}").getrandbits(32)


def _picked(answers: Sequence[str], request: ModelRequest) -> str:
    return answers[_number(request, "answer") % len(answers)]


def _filled(pattern: str, request: ModelRequest) -> str:
    draw = random.Random(f"{request.key}:pattern")

    def put(found: re.Match[str]) -> str:
        if found[1] == "word":
            return draw.choice(WORDS)
        if found[1] == "n":
            return str(draw.randrange(1_000_000))
        return request.prompt.messages[-1].content if request.prompt.messages else request.prompt.text

    return PLACEHOLDER.sub(put, pattern)


def _prompt_text(request: ModelRequest) -> str:
    prompt = request.prompt
    return "\n".join(message.content for message in prompt.messages) if prompt.messages else prompt.text


def _broken(completion: Completion, kind: str) -> Completion:
    text = completion.text
    if kind == "empty":
        return Completion("")
    if kind == "cut":
        return Completion(text[: len(text) // 2], finish="length")
    if kind == "garbage":
        return Completion("".join(chr(0x2500 + ord(letter) % 128) for letter in text))
    return completion


def _scored(request: ModelRequest, completion: Completion) -> Completion:
    """Add what the script holds of each option: most of the one it answers, else what the request's key draws."""
    if not request.options or completion.scores is not None or completion.failure is not None:
        return completion
    draw = random.Random(f"{request.key}:scores")
    weights = {option: draw.random() + 0.01 for option in request.options}
    said = completion.text.strip()
    if said in weights:
        weights[said] += 9 * len(weights)
    whole = sum(weights.values())
    known = {option: round(math.log(weight / whole), 6) for option, weight in weights.items()}
    return replace(completion, text="", scores=OptionScores(known, exact=True))


def _counted(request: ModelRequest, completion: Completion) -> Completion:
    if completion.failure is not None or completion.prompt_tokens or completion.completion_tokens:
        return completion
    asked, said = len(_prompt_text(request).split()), len(completion.text.split())
    return replace(completion, prompt_tokens=asked, completion_tokens=said)

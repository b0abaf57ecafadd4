"""The running model of `scripted`: finds the answer to a request, and injects faults."""

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
from textsynth.models import Model, OnCompletion
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup

_RANDOM_WORDS = (
    "amber basin cedar delta ember fjord grove harbour island juniper kettle lantern meadow nectar orchard pebble"
    " quarry ribbon saddle timber umbra velvet willow yonder zephyr anchor bramble copper drift engine"
)
RANDOM_WORDS = tuple(_RANDOM_WORDS.split())
PLACEHOLDER = re.compile(r"\{(word|n|prompt)\}")
SLOW_FACTOR = 10


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """One line of an answers file: `answers` for prompts that contain `contains` (every prompt contains "")."""

    contains: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """The source of the answers: exactly one field is set."""

    answers: tuple[str, ...] = ()
    pattern: str | None = None
    function: Callable[[ModelRequest], object] | None = None
    rules: tuple[AnswerRule, ...] = ()

    def answer(self, request: ModelRequest) -> Completion:
        """Return the answer to a request, or a failed completion where the script has none.

        Raises UsageError when a function of the user raises an error.
        """
        if self.function is not None:
            return _call_function(self.function, request)
        if self.pattern is not None:
            return Completion(_fill_pattern(self.pattern, request))
        if self.answers:
            return Completion(_select(self.answers, request))
        prompt = _prompt_text(request)
        for rule in self.rules:
            if rule.contains in prompt:
                return Completion(_select(rule.answers, request))
        return Completion("", failure="no line of the answers file matches the prompt")


class ScriptedModel(Model):
    """Answers from a script; one in `fault_every` requests fails as `fault_kind` says, none if it is 0."""

    def __init__(
        self, script: Script, *, fault_every: int, fault_kind: str, latency_seconds: float, concurrency: int
    ) -> None:
        self._script = script
        self._fault_every = fault_every
        self._fault_kind = fault_kind
        self._latency_seconds = latency_seconds
        self._limiter = ConcurrencyLimiter(lambda: concurrency, self._answer_group)

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return self._limiter.in_flight

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests; see `Model.complete`."""
        await self._limiter.run(requests, on_completion)

    async def _answer_group(self, group: RequestGroup) -> list[Completion]:
        return [await self._answer(request) for request in group.requests]

    async def _answer(self, request: ModelRequest) -> Completion:
        has_fault = self._fault_every and _random_number(request, "fault") % self._fault_every == 0
        fault = self._fault_kind if has_fault else ""
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds * (SLOW_FACTOR if fault == "slow" else 1))
        if fault == "stop":
            raise ModelError("the scripted model stops the run here, as its option faults says")
        if fault == "error":
            return Completion("", failure="an injected fault of the scripted model")
        return _add_token_counts(request, _add_scores(request, _inject_fault(self._script.answer(request), fault)))


def load_function(name: str, recipe_folder: Path) -> Script:
    """Load `./FILE.py:NAME` from the recipe's folder. Raises UsageError when it cannot be loaded."""
    file, _, function_name = name.rpartition(":")
    try:
        module = load_plugin(file, recipe_folder)
    except UsageError as error:
        raise UsageError(f"models: scripted: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [public for public in vars(module) if not public.startswith("_")]
        suggestion = did_you_mean(function_name, names)
        raise UsageError(f"models: scripted: {file!r} has no function {function_name!r}{suggestion}")
    return Script(function=function)


def load_rules(path: Path) -> Script:
    """Read a file of JSON lines. Raises UsageError with the line that is invalid."""
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"models: scripted: {path} cannot be read: {error}") from error
    lines = enumerate(content.splitlines(), 1)
    rules = tuple(_parse_rule(f"{path}:{number}", line) for number, line in lines if line.strip())
    if not rules:
        raise UsageError(f'models: scripted: {path} has no lines; expected lines such as {{"answer": "a text"}}')
    return Script(rules=rules)


def _parse_rule(where: str, line: str) -> AnswerRule:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: not valid JSON: {line[:60]!r}") from error
    answer = row.get("answer") if isinstance(row, dict) else None
    answers = [answer] if isinstance(answer, str) else answer
    contains = row.get("contains", "") if isinstance(row, dict) else None
    if not isinstance(answers, list) or not answers or not all(isinstance(text, str) for text in answers):
        raise UsageError(f"{where}: answer must be a text or a list of texts, found {answer!r}")
    if not isinstance(contains, str):
        raise UsageError(f"{where}: contains must be a text, found {contains!r}")
    return AnswerRule(contains, tuple(answers))


def _call_function(function: Callable[[ModelRequest], object], request: ModelRequest) -> Completion:
    try:
        answer = function(request)
    except Exception as error:  # the user's code may raise anything
        reason = locate_plugin_error(error) or f"{type(error).__name__}: {error}"
        raise UsageError(f"the scripted function failed: {reason}") from error
    if isinstance(answer, Completion):
        return answer
    if not isinstance(answer, str):
        return Completion("", failure=f"the scripted function returned {answer!r}, expected a text")
    return Completion(answer)


def _random_number(request: ModelRequest, purpose: str) -> int:
    return random.Random(f"{request.key}:{purpose}").getrandbits(32)


def _select(answers: Sequence[str], request: ModelRequest) -> str:
    return answers[_random_number(request, "answer") % len(answers)]


def _fill_pattern(pattern: str, request: ModelRequest) -> str:
    generator = random.Random(f"{request.key}:pattern")

    def value(match: re.Match[str]) -> str:
        if match[1] == "word":
            return generator.choice(RANDOM_WORDS)
        if match[1] == "n":
            return str(generator.randrange(1_000_000))
        return request.prompt.messages[-1].content if request.prompt.messages else request.prompt.text

    return PLACEHOLDER.sub(value, pattern)


def _prompt_text(request: ModelRequest) -> str:
    prompt = request.prompt
    return "\n".join(message.content for message in prompt.messages) if prompt.messages else prompt.text


def _inject_fault(completion: Completion, kind: str) -> Completion:
    text = completion.text
    if kind == "empty":
        return Completion("")
    if kind == "cut":
        return Completion(text[: len(text) // 2], finish="length")
    if kind == "garbage":
        return Completion("".join(chr(0x2500 + ord(char) % 128) for char in text))
    return completion


def _add_scores(request: ModelRequest, completion: Completion) -> Completion:
    """Return the completion with log-probabilities of the request's options, if it has any.

    The option that the script answers is the most likely one; the others are random, seeded with the request's key.
    """
    if not request.options or completion.scores is not None or completion.failure is not None:
        return completion
    generator = random.Random(f"{request.key}:scores")
    weights = {option: generator.random() + 0.01 for option in request.options}
    answer = completion.text.strip()
    if answer in weights:
        weights[answer] += 9 * len(weights)
    total = sum(weights.values())
    logprobs = {option: round(math.log(weight / total), 6) for option, weight in weights.items()}
    return replace(completion, text="", scores=OptionScores(logprobs, exact=True))


def _add_token_counts(request: ModelRequest, completion: Completion) -> Completion:
    """Return the completion with word counts as its token counts, unless it has counts."""
    if completion.failure is not None or completion.prompt_tokens or completion.completion_tokens:
        return completion
    prompt_tokens, completion_tokens = len(_prompt_text(request).split()), len(completion.text.split())
    return replace(completion, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)

"""What travels between the run and the workers of a model, as bytes: requests in units, and answers.

A unit is what one call of `Model.complete` in a worker gets. Values go as plain tuples, which are pickled in a tenth of
the time that frozen dataclasses take; a prompt that several requests share goes once. Run and workers have the same
version of TextSynth and of Python, which is checked before the first unit.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from textsynth.core.records import (
    Completion,
    Constraint,
    Message,
    ModelRequest,
    OptionScores,
    RenderedPrompt,
    Sampling,
)

Unit = tuple[int, Sequence[ModelRequest]]
"""The number of a unit and its requests."""


@dataclass(slots=True)
class WorkerReply:
    """What a worker has to say: answers, by the number of their unit and their index in it, and how units ended.

    `ended` are the units that the model has finished without answering all requests. `errors` has, by unit, the name of
    one of our errors and its message. `lines` are to be logged; `in_flight` is that of the model.
    """

    answers: list[tuple[int, int, Completion]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    in_flight: int | None = None


def encode_units(units: Iterable[Unit]) -> bytes:
    """Return the bytes of the units."""
    seen: dict[int, tuple[Any, ...]] = {}
    texts: dict[str, str] = {}

    def once(value: object, encode: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
        encoded = seen.get(id(value))
        if encoded is None:
            encoded = seen[id(value)] = encode(value)
        return encoded

    def prompt(value: RenderedPrompt) -> tuple[Any, ...]:
        # Equal texts become one, as the system message of all prompts: a pickle holds an object once.
        messages = tuple((role, texts.setdefault(content, content)) for role, content in value.messages)
        return value.name, value.fingerprint, messages, value.text

    def request(value: ModelRequest) -> tuple[Any, ...]:
        constraint = None if value.constraint is None else once(value.constraint, _CONSTRAINT)
        return value.key, once(value.prompt, prompt), once(value.sampling, _SAMPLING), constraint, value.options

    return pickle.dumps([(number, [request(value) for value in requests]) for number, requests in units], 5)


def decode_units(content: bytes) -> list[Unit]:
    """Return the units; requests that shared a prompt, sampling or constraint share one again."""
    seen: dict[int, Any] = {}

    def once(value: tuple[Any, ...], decode: Callable[[tuple[Any, ...]], Any]) -> Any:  # noqa: ANN401
        decoded = seen.get(id(value))
        if decoded is None:
            decoded = seen[id(value)] = decode(value)
        return decoded

    def request(value: tuple[Any, ...]) -> ModelRequest:
        key, prompt, sampling, constraint, options = value
        return ModelRequest(
            key,
            once(prompt, _as_prompt),
            once(sampling, lambda values: Sampling(*values)),
            None if constraint is None else once(constraint, lambda values: Constraint(*values)),
            options,
        )

    units = pickle.loads(content)
    return [(number, [request(value) for value in requests]) for number, requests in units]


def encode_reply(reply: WorkerReply) -> bytes:
    """Return the bytes of a reply."""
    answers = [(number, index, _completion(completion)) for number, index, completion in reply.answers]
    return pickle.dumps((answers, reply.ended, reply.errors, reply.lines, reply.in_flight), 5)


def decode_reply(content: bytes) -> WorkerReply:
    """Return the reply."""
    answers, *rest = pickle.loads(content)
    return WorkerReply([(number, index, _as_completion(values)) for number, index, values in answers], *rest)


def _fields(cls: type) -> attrgetter[tuple[Any, ...]]:
    return attrgetter(*(item.name for item in dataclasses.fields(cls)))


_COMPLETION = _fields(Completion)
_CONSTRAINT = _fields(Constraint)
_SAMPLING = _fields(Sampling)
_SCORES_INDEX = [item.name for item in dataclasses.fields(Completion)].index("scores")


def _as_prompt(values: tuple[Any, ...]) -> RenderedPrompt:
    name, fingerprint, messages, text = values
    return RenderedPrompt(name, fingerprint, tuple(map(Message._make, messages)), text)


def _completion(completion: Completion) -> tuple[Any, ...]:
    values = _COMPLETION(completion)
    scores = completion.scores
    if scores is None:
        return values
    encoded = (dict(scores.logprobs), scores.upper_bound, scores.exact)
    return (*values[:_SCORES_INDEX], encoded, *values[_SCORES_INDEX + 1 :])


def _as_completion(values: tuple[Any, ...]) -> Completion:
    completion = Completion(*values)
    scores: Any = completion.scores
    return completion if scores is None else dataclasses.replace(completion, scores=OptionScores(*scores))

"""The state of the mock server in tests/server.py: what it answers, what it does wrong on demand, what it counted."""

from __future__ import annotations

import json
import random
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

MODEL = "mock-small"
COMPLETE_BODY = json.dumps(
    {"choices": [{"finish_reason": "stop", "message": {"content": "text"}, "text": "text"}]}
).encode()
MALFORMED_BODIES = {
    "cut": COMPLETE_BODY[:30],
    "garbage": b"<html><body>It works!</body></html>",
    "list": b'[1, 2, {"choices": "none"}]',
    "empty": b'{"choices": []}',
    "notext": b'{"choices": [{"index": 0, "finish_reason": "stop"}]}',
    "null": b'{"choices": [{"index": 0, "finish_reason": "length", "message": {"content": null}}]}',
}


def _answer_with(finish_reason: str, **message: object) -> bytes:
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 40, "completion_tokens": 20}}).encode()


def _error_with(**error: object) -> bytes:
    return json.dumps({"error": {"message": "an error on demand", **error}}).encode()


PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Your name</form></body></html>"
STREAM = b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'
ODD_BODIES = {
    "page": PAGE,
    "stream": STREAM,
    "parts": _answer_with("stop", content=[{"type": "text", "text": "1. where is "}, {"type": "text", "text": "it"}]),
    "tool": _answer_with("tool_calls", content=None, tool_calls=[{"id": "1", "function": {"name": "search"}}]),
    "filtered": _answer_with("content_filter", content=""),
    "thoughts": _answer_with("stop", content="", reasoning_content="Let me think about it."),
    "thinking": _answer_with("length", content=None, reasoning_content="Let me think about it."),
    "silent": _answer_with("stop", content=""),
    "error 429": _error_with(code=429),
    "error 503": _error_with(code="503"),
    "error 400": _error_with(code=400),
    "error 401": _error_with(code=401),
    "error text": b'{"error": "an error on demand"}',
    "error rate": _error_with(type="rate_limit_error"),
}
"""Bodies of HTTP 200 that are no usual completion."""
INVALID_USAGES: Sequence[object] = (
    {"prompt_tokens": -5, "completion_tokens": "many"},
    {"prompt_tokens": 10**40, "completion_tokens": 1e308},
    {"prompt_tokens": None, "completion_tokens": [20]},
    {},
    "none",
    None,
)
TOO_LONG = (
    "This model's maximum context length is 2048 tokens. However, your request has 9001 input tokens."
    " Please reduce the length of the input messages."
)
NO_CHAT_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the"
    " tokenizer does not define one."
)
GATED = "Access to model mock-small is restricted and you are not in the authorized list."
VOCABULARY = (
    "card order refund branch payment transfer limit balance statement address arrived waiting twice wrong still"
    " yesterday morning please nobody answer charged account app password holiday abroad cash machine swallowed fee"
)
WORDS = VOCABULARY.split()
SYLLABLES = re.findall("..", "bacodifeguhajokilemunaporasotivuwexazy")

Answer = Callable[[dict[str, Any], int], str]
"""Returns the text that answers a body which was answered so many times before."""
CLOSE, RESET = object(), object()
"""In a list of pieces: close the connection properly, or reset it."""
Reshape = Callable[[dict[str, Any], bytes], Sequence[object]]
"""Returns what to send for a request's body and a complete answer: bytes, seconds to pause, CLOSE and RESET."""


def numbered_lines(body: dict[str, Any], use: int, lines: int = 5) -> str:
    """Return numbered lines of random words, the same ones for the same prompt and use."""
    prompt = json.dumps(body.get("messages", body.get("prompt")))
    generator = random.Random(f"{prompt}:{use}")
    return "\n".join(f"{line}. {_random_line(generator)}" for line in range(1, lines + 1))


def _random_line(generator: random.Random) -> str:
    """Return 6 to 12 words, half of them from an open vocabulary of 7,000, so that texts differ as real ones do."""
    open_words = ["".join(generator.choices(SYLLABLES, k=3)) for _ in range(generator.randint(3, 6))]
    return " ".join([*open_words, *generator.choices(WORDS, k=generator.randint(3, 6))])


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with each `every`th request, the first `first` ones, or prompts with `contains`.

    Kinds: reset, close, hang, slow, drip and flood (responses without end), garbage, cut, list, empty, notext, null,
    usage, surrogate, long (finish length), the names in ODD_BODIES, redirect, toolong, template, gated, or an HTTP
    status such as 429 (`after`: the Retry-After header) and 503. Of several choices, hole and blank spoil the middle
    one, fewer omits the last half.
    """

    kind: str
    every: int = 1
    first: int | None = None
    contains: str = ""
    after: str | None = None
    message: str = ""
    code: str = ""

    def hits(self, count: int, body: str) -> bool:
        """Whether it concerns the request number `count` (from 1)."""
        return count % self.every == 0 and (self.first is None or count <= self.first) and self.contains in body

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `429:every=3,after=1`."""
        kind, _, options = text.partition(":")
        values: dict[str, Any] = dict(pair.split("=", 1) for pair in options.split(",") if pair)
        return cls(
            kind, **{name: int(value) if name in ("every", "first") else value for name, value in values.items()}
        )


@dataclass
class Mock:
    """The settings and the counts of one server, shared by its connections."""

    latency: float = 0.0
    faults: Sequence[Fault] = ()
    key: str | None = None
    models: Sequence[str] = (MODEL,)
    answer: Answer = numbered_lines
    reshape: Reshape | None = None  # makes the bytes to send of every complete response
    varies: bool = False  # answers the same body differently each time
    min_concurrency: int = 0  # responses wait until this many requests have been in flight at once
    capacity: int = 0  # processes so many requests at once, the others wait in a queue; 0: all
    metrics: bool = False  # has /metrics as vLLM does
    root: str = "org/mock-small"
    n_support: Literal["ignored", "rejected", "rejected bluntly", "crash", "supported"] = "ignored"
    has_tokenize: bool = False  # has /tokenize, and no usage in its responses
    max_kept_bodies: int = 1000
    requests: int = 0
    answered: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    processing: int = 0
    longest_queue: int = 0
    model_list_requests: int = 0
    metrics_requests: int = 0
    request_counts: dict[bytes, int] = field(default_factory=dict)  # by the digest of the body
    answered_counts: dict[bytes, int] = field(default_factory=dict)  # requests with a body once it was answered
    completion_counts: dict[bytes, int] = field(default_factory=dict)  # by the digest of the body without n
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tokenize_bodies: list[dict[str, Any]] = field(default_factory=list)
    transports: set[Any] = field(default_factory=set)
    held_back: list[Callable[[], object]] = field(default_factory=list)
    queue: deque[Callable[[], object]] = field(default_factory=deque)

    def stats(self) -> dict[str, Any]:
        """Return the counts; `reasked` is how many bodies were sent again after a complete response to them."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "distinct": len(self.request_counts),
            "repeated": sum(count > 1 for count in self.request_counts.values()),
            "sent_again": self.requests - len(self.request_counts),
            "reasked": sum(count - 1 for count in self.answered_counts.values()),
            "peak": self.max_in_flight,
            "longest_queue": self.longest_queue,
            "in_flight": self.in_flight,
            "first": self.times[0] if self.times else None,
            "last": self.times[-1] if self.times else None,
        }

    def metrics_page(self) -> str:
        """Return the metrics of two engines that share the requests."""
        running = [(self.processing + 1) // 2, self.processing // 2]
        lines = [f'vllm:num_requests_running{{engine="{index}"}} {count}' for index, count in enumerate(running)]
        return "\n".join([*lines, f'vllm:num_requests_waiting{{engine="0"}} {len(self.queue)}', ""])

    def reset(self, latency: float | None = None, faults: Sequence[Fault] | None = None) -> None:
        """Clear the counts; set what is not None."""
        self.requests = self.answered = self.max_in_flight = self.longest_queue = 0
        self.request_counts, self.answered_counts, self.bodies, self.paths, self.times = {}, {}, [], [], []
        self.latency = self.latency if latency is None else latency
        self.faults = self.faults if faults is None else faults

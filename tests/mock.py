"""The state of the mock server of tests/server.py: what it answers, what it does wrong on demand, what it counted."""

from __future__ import annotations

import json
import random
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

TOO_LONG = (
    "This model's maximum context length is 2048 tokens. However, your request has 9001 input tokens."
    " Please reduce the length of the input messages."
)
WHOLE = json.dumps({"choices": [{"finish_reason": "stop", "message": {"content": "text"}, "text": "text"}]}).encode()
BROKEN = {
    "cut": WHOLE[:30],
    "garbage": b"<html><body>It works!</body></html>",
    "list": b'[1, 2, {"choices": "none"}]',
    "empty": b'{"choices": []}',
    "notext": b'{"choices": [{"index": 0, "finish_reason": "stop"}]}',
    "null": b'{"choices": [{"index": 0, "finish_reason": "length", "message": {"content": null}}]}',
}
TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the"
    " tokenizer does not define one."
)
GATED = "Access to model mock-small is restricted and you are not in the authorized list."
USAGES: Sequence[object] = (
    {"prompt_tokens": -5, "completion_tokens": "many"},
    {"prompt_tokens": 10**40, "completion_tokens": 1e308},
    {"prompt_tokens": None, "completion_tokens": [20]},
    {},
    "none",
    None,
)
MODEL = "mock-small"
SPOKEN = (
    "card order refund branch payment transfer limit balance statement address arrived waiting twice wrong still"
    " yesterday morning please nobody answer charged account app password holiday abroad cash machine swallowed fee"
)
WORDS = SPOKEN.split()
SYLLABLES = re.findall("..", "bacodifeguhajokilemunaporasotivuwexazy")
Answer = Callable[[dict[str, Any], int], str]


def numbered_lines(body: dict[str, Any], use: int, lines: int = 5) -> str:
    """Return numbered lines of drawn words, the same for the same prompt and use."""
    asked = json.dumps(body.get("messages", body.get("prompt")))
    draw = random.Random(f"{asked}:{use}")
    return "\n".join(f"{line}. {_line(draw)}" for line in range(1, lines + 1))


def _line(draw: random.Random) -> str:
    """Draw 6 to 12 words, half of them from an open vocabulary of 7,000, so that texts differ as people's do."""
    drawn = ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(draw.randint(3, 6))]
    return " ".join([*drawn, *draw.choices(WORDS, k=draw.randint(3, 6))])


@dataclass(slots=True)
class Fault:
    """Something that goes wrong: for every `every`th request, the first `first` ones, or prompts with `contains`.

    Of several choices, hole and blank spoil the middle one, fewer leaves the last half out.

    Kinds: reset, close, hang, slow, drip and flood (answers without end), garbage, cut, list, empty, notext, null,
    usage, surrogate, long (finish length), redirect, toolong, template, gated, or an HTTP status such as 429 (`after`:
    the Retry-After header) and 503.
    """

    kind: str
    every: int = 1
    first: int | None = None
    contains: str = ""
    after: str | None = None
    message: str = ""
    code: str = ""

    def hits(self, count: int, body: str) -> bool:
        """Whether it strikes the request number `count` (from 1)."""
        return count % self.every == 0 and (self.first is None or count <= self.first) and self.contains in body

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `429:every=3,after=1`."""
        kind, _, rest = text.partition(":")
        given: dict[str, Any] = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
        return cls(kind, **{name: int(value) if name in ("every", "first") else value for name, value in given.items()})


@dataclass
class Mock:
    """The state of one server, shared by its connections."""

    latency: float = 0.0
    faults: Sequence[Fault] = ()
    key: str | None = None
    models: Sequence[str] = (MODEL,)
    answer: Answer = numbered_lines
    uses: bool = False
    gate: int = 0  # answers wait until this many requests have been in flight at once
    capacity: int = 0  # works on so many at once, the rest wait in a queue; 0: on all
    metrics: bool = False  # tells of itself as vLLM does
    root: str = "org/mock-small"
    draws: str = "ignored"  # what `n` gets: ignored, refused, bluntly (without saying why), crash (500) or given
    tokenizes: bool = False  # counts tokens, and tells none with its answers
    counted: list[dict[str, Any]] = field(default_factory=list)
    given: dict[bytes, int] = field(default_factory=dict)  # answers to each prompt so far
    requests: int = 0
    answered: int = 0
    flying: int = 0
    peak: int = 0
    seen: dict[bytes, int] = field(default_factory=dict)
    answered_bodies: dict[bytes, int] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    keep: int = 1000
    open: set[Any] = field(default_factory=set)
    held: list[Callable[[], object]] = field(default_factory=list)
    working: int = 0
    queue: deque[Callable[[], object]] = field(default_factory=deque)
    longest_queue: int = 0
    looks: int = 0
    polls: int = 0

    def stats(self) -> dict[str, Any]:
        """Return the counts; `reasked` is how many bodies were sent again after a whole answer to them had gone out."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "distinct": len(self.seen),
            "repeated": sum(times > 1 for times in self.seen.values()),
            "sent_again": self.requests - len(self.seen),
            "reasked": sum(times - 1 for times in self.answered_bodies.values()),
            "peak": self.peak,
            "longest_queue": self.longest_queue,
            "in_flight": self.flying,
            "first": self.times[0] if self.times else None,
            "last": self.times[-1] if self.times else None,
        }

    def load(self) -> str:
        """Return the page of metrics, of two engines that share the work."""
        halves = [(self.working + 1) // 2, self.working // 2]
        lines = [f'vllm:num_requests_running{{engine="{at}"}} {half}' for at, half in enumerate(halves)]
        return "\n".join([*lines, f'vllm:num_requests_waiting{{engine="0"}} {len(self.queue)}', ""])

    def reset(self, latency: float | None = None, faults: Sequence[Fault] | None = None) -> None:
        """Clear the counts; set what is given."""
        self.requests = self.answered = self.peak = self.longest_queue = 0
        self.seen, self.answered_bodies, self.bodies, self.paths, self.times = {}, {}, [], [], []
        self.latency = self.latency if latency is None else latency
        self.faults = self.faults if faults is None else faults

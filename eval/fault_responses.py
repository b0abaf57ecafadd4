"""The faults of `server_faults.py`: what a server sends in place of an answer, and how runs must end with it."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.mock import CLOSE, GATED, MODEL, ODD_BODIES, RESET
from tests.models.raw_server import response

Pieces = Callable[[Mapping[str, Any], bytes], Sequence[object]]
"""Returns what the server sends for the body of a request, in place of a complete answer."""
Expected = Literal["same", "texts", "sentence", "any"]
"""The bytes of the data set without the fault; a met quota of proper texts; a sentence; or one of these."""
WAITING = r"given no answer for \d+ s; last error: "
RATE_LIMITED = WAITING + "HTTP 429: .*wait until its limit allows requests again"
FAILING = WAITING + "(?=.*look into its log)HTTP "
TOO_SLOW = WAITING + "no answer within timeout_seconds 1; start it again, or raise timeout_seconds"
MALFORMED = "gives no completions: each of the first 4 responses was malformed"


@dataclass(frozen=True)
class ServerFault:
    """A fault: the response it makes of a complete answer, how runs end with it, and what their sentence must say.

    `always` and `third` are how a run ends with the fault in every and in each third response, `burst` where only the
    first ones have it; None leaves that out. `own_seconds` is the time that the server itself takes to end a run;
    `note` is what a note of the run says.
    """

    pieces: Pieces
    says: str = ""
    always: Expected | None = "sentence"
    third: Expected | None = "same"
    burst: Expected | None = None
    own_seconds: float = 0.0
    note: str = ""
    recipe: Mapping[str, object] = field(default_factory=dict)
    model: Mapping[str, object] = field(default_factory=dict)


def status(code: int, message: str = "an error on demand", *headers: str, **error: object) -> Pieces:
    """Return a fault: an error response in OpenAI's form."""
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return lambda _, __: [response(body, code, *headers)]


def body(content: bytes) -> Pieces:
    """Return a fault: these bytes as the body of HTTP 200."""
    return lambda _, __: [response(content)]


def reshaped(change: Callable[[dict[str, Any]], object]) -> Pieces:
    """Return a fault: the complete answer, with a change of its JSON."""

    def pieces(_: Mapping[str, Any], answer: bytes) -> Sequence[object]:
        content = json.loads(answer)
        change(content)
        return [response(json.dumps(content).encode())]

    return pieces


def unchanged(_: Mapping[str, Any], answer: bytes) -> Sequence[object]:
    """Send the complete answer."""
    return [response(answer)]


def without_system_role(request: Mapping[str, Any], answer: bytes) -> Sequence[object]:
    """Refuse a system message, as the chat template of Gemma does."""
    if request["messages"][0]["role"] == "system":
        return status(400, "System role not supported")(request, answer)
    return [response(answer)]


def small_context(request: Mapping[str, Any], answer: bytes) -> Sequence[object]:
    """Refuse a `max_tokens` beyond a context of 1,024 tokens, as vLLM does; the prompt has 600 of them."""
    wanted = request["max_tokens"]
    if wanted <= 424:
        return [response(answer)]
    return status(
        400,
        f"This model's maximum context length is 1024 tokens. However, you requested {600 + wanted} tokens (600 in the"
        f" messages, {wanted} in the completion). Please reduce the length of the messages or completion.",
    )(request, answer)


def two_halves(answer: bytes, pause: float) -> Sequence[object]:
    """Return the answer in two parts, with a pause between them."""
    sent = response(answer)
    return [sent[:-50], pause, sent[-50:]]


def first_choice(content: dict[str, Any]) -> dict[str, Any]:
    """Return the message of the first choice."""
    message: dict[str, Any] = content["choices"][0]["message"]
    return message


def in_parts(content: dict[str, Any]) -> None:
    """Make the content a list of parts."""
    message = first_choice(content)
    half = len(message["content"]) // 2
    parts = (message["content"][:half], message["content"][half:])
    message["content"] = [{"type": "text", "text": part} for part in parts]


def cut_at_max_tokens(content: dict[str, Any]) -> None:
    """End the answer in the middle of its last text."""
    content["choices"][0]["finish_reason"] = "length"
    first_choice(content)["content"] = first_choice(content)["content"][:-9]


def plain_head(answer: bytes, length: int | None = None, *headers: str) -> bytes:
    """Return the head of HTTP 200 for an answer, with another Content-Length."""
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer) if length is None else length}\r\n{lines}\r\n".encode()


STRANGER = json.dumps(
    {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "1. this text belongs to nobody\n2. x"}}]}
).encode()
LABELS = {"card": "asks about a card", "transfer": "asks about a transfer", "app": "asks about the app"}
LONG_LABELS = {"labels": {**LABELS, "app": "asks about the app" + ", on an old telephone or a new one" * 70}}

FAULTS: dict[str, ServerFault] = {
    "no system role": ServerFault(without_system_role, always="same"),
    "max_tokens over the context": ServerFault(small_context, always="same"),
    "prompt too long": ServerFault(
        status(400, "This model's maximum context length is 2048 tokens. However, your request has 9001 input tokens."),
        "the prompt is too long for 'mock-small'", third="texts",
    ),
    "parameter refused": ServerFault(status(400, "no such thing"), "rejected each of the first 5", third="texts"),
    "429": ServerFault(status(429), RATE_LIMITED, burst="same"),
    "429, Retry-After 0.1": ServerFault(status(429, "slower", "Retry-After: 0.1"), RATE_LIMITED, burst="same"),
    "429, Retry-After 3600": ServerFault(
        status(429, "slower", "Retry-After: 3600"), RATE_LIMITED, third=None, own_seconds=3
    ),
    "500": ServerFault(status(500), FAILING + "500", burst="same"),
    "502": ServerFault(status(502), FAILING + "502", burst="same"),
    "503": ServerFault(status(503), FAILING + "503", burst="same"),
    "503, a page": ServerFault(
        lambda _, __: [response(ODD_BODIES["page"], 503)], FAILING + "503", burst="same"
    ),
    "401": ServerFault(status(401, "no such key"), "refuses requests without a key", third="sentence"),
    "403": ServerFault(status(403, GATED), "gated model 'mock-small'", third="sentence"),
    "404": ServerFault(status(404, "no such path"), "lists the model 'mock-small' but", third="sentence"),
    "another model": ServerFault(
        unchanged, f"has no model 'mock-smal'; did you mean '{MODEL}'", third=None,
        model={"model": "mock-smal"},
    ),
    "402": ServerFault(status(402, "pay first"), "has no credit left", third="sentence"),
    "HTML at 200": ServerFault(body(ODD_BODIES["page"]), MALFORMED + ".*a web page"),
    "event stream at 200": ServerFault(body(ODD_BODIES["stream"]), MALFORMED + ".*an event stream"),
    "error 400 at 200": ServerFault(body(ODD_BODIES["error 400"]), "rejected each of the first 5", third="texts"),
    "error 429 at 200": ServerFault(body(ODD_BODIES["error 429"]), RATE_LIMITED, burst="same"),
    "error 503 at 200": ServerFault(body(ODD_BODIES["error 503"]), FAILING + "503", burst="same"),
    "error text at 200": ServerFault(body(ODD_BODIES["error text"]), "rejected each of the first 5", third="texts"),
    "empty body at 200": ServerFault(body(b""), MALFORMED),
    "204": ServerFault(lambda _, __: [b"HTTP/1.1 204 No Content\r\n\r\n"], MALFORMED),
    "201": ServerFault(lambda _, answer: [response(answer, 201)], always="same"),
    "content in parts": ServerFault(reshaped(in_parts), always="same"),
    "a tool call": ServerFault(body(ODD_BODIES["tool"]), "the model calls a tool", third="texts"),
    "content null": ServerFault(
        reshaped(lambda content: first_choice(content).update(content=None)), "the answer is empty", third="texts"
    ),
    "only reasoning_content": ServerFault(
        body(ODD_BODIES["thoughts"]), "the answer is in the model's thoughts", third="texts"
    ),
    "content_filter": ServerFault(body(ODD_BODIES["filtered"]), "content filter withheld", third="texts"),
    "finish length": ServerFault(reshaped(cut_at_max_tokens), always="texts", third="texts"),
    "still thinking": ServerFault(body(ODD_BODIES["thinking"]), "still thinking when the answer ended", third="texts"),
    "cut JSON": ServerFault(lambda _, answer: [response(answer[:-40])], MALFORMED),
    "Content-Length too long, closed": ServerFault(
        lambda _, answer: [plain_head(answer, len(answer) + 9) + answer, CLOSE], WAITING + "the connection broke off"
    ),
    "Content-Length too long, open": ServerFault(
        lambda _, answer: [plain_head(answer, len(answer) + 9) + answer],
        TOO_SLOW, third="any", own_seconds=4,
    ),
    "Content-Length too short": ServerFault(
        lambda _, answer: [plain_head(answer, len(answer) - 9) + answer], MALFORMED
    ),
    "Content-Length of 5,000 digits": ServerFault(
        lambda _, answer: [b"HTTP/1.1 200 OK\r\ncontent-length: " + b"0" * 5000 + b"\r\n\r\n"], MALFORMED
    ),
    "garbage in chunks": ServerFault(
        lambda _, answer: [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n" + answer], MALFORMED
    ),
    "chunks without an end": ServerFault(
        lambda _, __: [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"choice\"", CLOSE],
        WAITING + "the connection broke off",
    ),
    "a slow body": ServerFault(lambda _, answer: two_halves(answer, 0.3), always="same"),
    "a body slower than the timeout": ServerFault(
        lambda _, answer: two_halves(answer, 3.0),
        TOO_SLOW, third="any", own_seconds=4,
    ),
    "reset before the response": ServerFault(lambda _, __: [RESET], WAITING + "the connection broke off", burst="same"),
    "reset in the middle": ServerFault(
        lambda _, answer: [response(answer)[:-50], 0.01, RESET], WAITING + "the connection broke off", burst="same"
    ),
    "closed before the response": ServerFault(lambda _, __: [CLOSE], WAITING + "the connection broke off"),
    "a second response, at once": ServerFault(
        lambda _, answer: [response(answer) + response(STRANGER)], always="same"
    ),
    "a second response, 30 ms later": ServerFault(
        lambda _, answer: [response(answer), 0.03, response(STRANGER)], always="same"
    ),
    "headers of 100 KB": ServerFault(
        lambda _, answer: [plain_head(answer, None, f"x: {'y' * 100_000}") + answer], MALFORMED + ".*head exceeds"
    ),
    "headers of 30 KB": ServerFault(
        lambda _, answer: [plain_head(answer, None, f"x: {'y' * 30_000}") + answer], always="same"
    ),
    "prompt_tokens far below": ServerFault(
        reshaped(lambda content: content["usage"].update(prompt_tokens=64)), always="same",
        note="seems to have cut", recipe=LONG_LABELS,
    ),
    "impossible usage": ServerFault(
        reshaped(lambda content: content.update(usage={"prompt_tokens": -5, "completion_tokens": 1e308})), always="same"
    ),
    "redirect": ServerFault(
        status(307, "elsewhere", "Location: http://127.0.0.1:9/v1"), "redirects to 'http://127.0.0.1:9/v1'",
        third="sentence",
    ),
    "gzip unasked": ServerFault(
        lambda _, answer: [response(gzip.compress(answer), 200, "Content-Encoding: gzip")], always="same"
    ),
    "gzip that is none": ServerFault(
        lambda _, answer: [response(answer, 200, "Content-Encoding: gzip")], MALFORMED + ".*cannot be decompressed"
    ),
    "brotli unasked": ServerFault(
        lambda _, answer: [response(answer, 200, "Content-Encoding: br")], MALFORMED + ".*Content-Encoding"
    ),
    "100 and 103 first": ServerFault(
        lambda _, answer: [
            b"HTTP/1.1 100 Continue\r\n\r\n", 0.01, b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", response(answer)
        ],
        always="same",
    ),
    "HTTP 101": ServerFault(lambda _, __: [b"HTTP/1.1 101 Switching\r\n\r\n"], MALFORMED + ".*another protocol"),
    "HTTP/1.0 without a length": ServerFault(
        lambda _, answer: [b"HTTP/1.0 200 OK\r\n\r\n" + answer, CLOSE], always="same"
    ),
    "not HTTP": ServerFault(lambda _, __: [b"SSH-2.0-OpenSSH_9.6\r\n"], MALFORMED + ".*not HTTP"),
    "blank lines behind a response": ServerFault(lambda _, answer: [response(answer) + b"\r\n\r\n"], always="same"),
}  # fmt: skip

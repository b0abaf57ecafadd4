"""What goes over the wire to an OpenAI-compatible server: the body of a request, and how an answer is read.

Reads with suspicion: an answer of the wrong shape is a `Broken`, wrong token counts are 0, half a surrogate pair is
replaced, so that nothing a server sends can break a later step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from textsynth.records import Completion, Request, Sampling

TOO_LONG = re.compile(
    r"context.?(length|size|window)|max_model_len|maximum model length"
    r"|(prompt|input|message)\w* (is|are) too (long|large)|too many (input |prompt )?tokens|reduce the length",
    re.IGNORECASE,
)


# made once: json.dumps with separators would make an encoder for each request
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Broken(Exception):
    """An answer that is no answer: truncated JSON, no choices, no text. Worth another try."""


def path_of(request: Request) -> str:
    """Return the endpoint below the base URL that this request's prompt needs."""
    return "/chat/completions" if request.prompt.messages else "/completions"


def body_of(request: Request, model: str, extra: Mapping[str, object], *, schema: bool) -> bytes:
    """Return the JSON body. `extra` goes over everything; a None in it leaves the parameter out.

    Sends no `seed` (it kills some vLLM engines) and `top_k` and `repetition_penalty` only where they do something,
    since OpenAI refuses parameters it does not know.
    """
    prompt = request.prompt
    body: dict[str, object] = {"model": model}
    if prompt.messages:
        body["messages"] = [{"role": message.role, "content": message.content} for message in prompt.messages]
    else:
        body["prompt"] = prompt.text
    _add_sampling(body, request.sampling)
    if schema and request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    if extra:
        body = {name: value for name, value in {**body, **extra}.items() if value is not None}
    return _encode(body).encode("ascii")


def _add_sampling(body: dict[str, object], sampling: Sampling) -> None:
    body["temperature"] = sampling.temperature
    body["top_p"] = sampling.top_p
    body["max_tokens"] = sampling.max_tokens
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.repetition_penalty != 1.0:
        body["repetition_penalty"] = sampling.repetition_penalty


@lru_cache(maxsize=256)
def _response_format(schema: str) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(schema)}}


def read_answer(raw: bytes) -> Completion:
    """Return what the first choice of an answer says. Raises Broken, with what was found, when there is none."""
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise Broken(f"no JSON but {_head(raw)!r}") from fault
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Broken(f"no choices but {_head(raw)!r}")
    choice = choices[0]
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if not isinstance(text, str):
        text = _nothing_said(choice, message, raw)
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Completion(
        text=clean(text),
        finish="length" if choice.get("finish_reason") == "length" else "stop",
        prompt_tokens=_tokens(counts.get("prompt_tokens")),
        completion_tokens=_tokens(counts.get("completion_tokens")),
    )


def _nothing_said(choice: Mapping[str, object], message: object, raw: bytes) -> str:
    # a refusal, or thoughts that ate all of max_tokens, come with content null: an answer, but an empty one
    if isinstance(message, dict) and "content" in message and message["content"] is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    raise Broken(f"no text but {_head(raw)!r}; finish_reason {choice.get('finish_reason')!r}")


def clean(text: str) -> str:
    """Return the text with lone surrogates, which no file can hold, replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _tokens(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return 0
    return int(number) if 0 <= number < 2**31 else 0


def server_message(raw: bytes) -> str:
    """Return what an error answer says, at most 200 characters on one line."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return _head(raw)
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and name in said:
            said = said[name]
    return " ".join(clean(said if isinstance(said, str) else json.dumps(said)).split())[:200]


def error_code(raw: bytes) -> str:
    """Return the `error.code` of an error answer, or ""."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds (0 to 3600) that a Retry-After header asks for, given as seconds or an HTTP date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else None  # NaN is no number of seconds


def _head(raw: bytes) -> str:
    return " ".join(raw[:400].decode("utf-8", "replace").split())[:120]

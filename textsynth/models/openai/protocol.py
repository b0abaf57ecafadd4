"""The OpenAI-compatible API: the JSON body of a request, and the completions in a response.

Responses are not trusted. One of the wrong shape raises MalformedResponse, an impossible token count is read as 0, and
a lone surrogate is replaced, so that nothing a server sends can break a later step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal

from textsynth.core.records import Completion, Constraint, Message, ModelRequest
from textsynth.http.response import Response
from textsynth.models.openai.logprobs import parse_option_scores

ConstraintForm = Literal["structured_outputs", "guided", "response_format", "none"]
"""The parameter that holds a constraint: vLLM since 0.12, older vLLM, OpenAI and most others, or none at all."""
CONSTRAINT_PARAMETERS = frozenset(
    {"structured_outputs", "guided_json", "guided_choice", "guided_regex", "guided_grammar", "response_format"}
)
LOGPROB_TOKEN_IDS = "logprob_token_ids"
"""The vLLM parameter that names the tokens whose log-probabilities to return."""
WRAPPER_KEY = "answer"
"""The key of the object around a choice or a regex, where a server takes JSON schemas only."""
MAX_N = 16
"""The most completions of one prompt in one request."""
MAX_TOKEN_COUNT = 2**31
MAX_RETRY_AFTER_SECONDS = 3600.0

STILL_THINKING = "the model was still thinking when the answer ended: raise thinking.max_tokens, or switch thinking off"
REJECTED = "rejected by the server"
NO_LOGPROBS = "the server gives no log-probabilities"
ONLY_THOUGHTS = (
    "the answer is in the model's thoughts (reasoning_content) and its content is empty: switch thinking off with"
    " extra_body, or serve the model without a reasoning parser"
)
CONTENT_FILTERED = (
    "the server's content filter withheld the answer (finish_reason content_filter): change the prompt, or ask another"
    " server"
)
TOOL_CALL = (
    "the model calls a tool in place of an answer: serve it without tools, or set tool_choice: none in extra_body"
)
REFUSED = (
    "the server returned a refusal in place of an answer: change the prompt, or ask another model; the model wrote"
)
MAX_REFUSAL = 120
CUT_OFF = frozenset(("length", "max_tokens", "max_length", "max_output_tokens", "model_length", "token_limit"))
"""Finish reasons, in lower case, of a completion that ended at max_tokens or at the end of the context."""
WITHHELD = frozenset(
    (
        "content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii",
        "guardrail_intervened", "sensitive", "refusal",
    )
)  # fmt: skip
"""Finish reasons of a completion that a content filter ended or replaced."""
BROKEN_OFF = frozenset(
    (
        "error", "abort", "aborted", "cancelled", "canceled", "timeout", "network_error", "unload",
        "insufficient_system_resource", "engine_overloaded",
    )
)  # fmt: skip
"""Finish reasons of a completion that the server did not end: another attempt may."""
THOUGHTS = ("reasoning", "reasoning_content", "reasoning_details", "thinking")
"""Where a message holds thoughts."""
_THOUGHT_PART = re.compile(r"(?:redacted_)?(?:reasoning|thinking|thoughts?)(?:_\w+)?", re.IGNORECASE)
NO_SYSTEM_ROLE = re.compile(
    r"system.{0,3} (role|message|prompt)s?( is| are)? ?(not|n't|un)"
    r"|(not|n't) support\w* (the )?.?system|only user and assistant roles|roles must alternate"
    r"|\brole\b.{0,40}should be (?:'user' (?:or|and) '(?:assistant|model)'|one of \W{0,3}user\W)"
    r"|(?:unknown|invalid|unsupported|unexpected) (?:message )?role:? ?\W?system",
    re.IGNORECASE,
)
"""What chat templates without a system role answer to a system message."""
_TRANSIENT_MESSAGE = re.compile(
    r"\bloading\b|overloaded|try again|too many requests|rate.?limit|at capacity|\bbusy\b", re.IGNORECASE
)
TRANSIENT_CODES = {"rate_limit_exceeded": 429, "rate_limit_error": 429, "overloaded_error": 503, "server_error": 500}

# made once: json.dumps with separators makes an encoder for each call
_encode = json.JSONEncoder(separators=(",", ":")).encode


class MalformedResponse(Exception):
    """A response without a completion: truncated JSON, no choices, no text. Worth another attempt."""

    cure = "base_url must be the address of an OpenAI-compatible API, and usually ends with /v1"
    """What to do where every response is like this one."""


class WebPage(MalformedResponse):
    """A web page, such as that of a login."""

    cure = "it may be the page of a login or of another service: correct base_url, or log in to the network first"


class EventStream(MalformedResponse):
    """A completion in pieces."""

    cure = "remove stream from extra_body, or switch streaming off in the proxy before the server"


class BrokenOff(MalformedResponse):
    """A completion that the server broke off."""

    cure = "look into the server's log, and correct the cause"


def endpoint_path(request: ModelRequest) -> str:
    """Return the endpoint, below the base URL, that fits the request's prompt."""
    return "/chat/completions" if request.prompt.messages else "/completions"


def chat_messages(request: ModelRequest, *, system_role: bool = True) -> list[dict[str, str]]:
    """Return the messages of a chat; without `system_role` the system's are put in front of the first user message."""
    messages = request.prompt.messages
    if not system_role:
        system = "\n\n".join(message.content for message in messages if message.role == "system")
        messages = tuple(message for message in messages if message.role != "system")
        index = next((index for index, message in enumerate(messages) if message.role == "user"), None)
        if system and index is None:
            messages = (Message("user", system), *messages)
        elif system and index is not None:
            merged = Message("user", f"{system}\n\n{messages[index].content}")
            messages = (*messages[:index], merged, *messages[index + 1 :])
    return [{"role": message.role, "content": message.content} for message in messages]


def base_parameters(request: ModelRequest, model: str, *, system_role: bool = True) -> dict[str, object]:
    """Return the parameters that every server needs: model, prompt, and the sampling that is not at its default.

    Sends no `seed`: with one, prompts that are read in parts crash some vLLM engines.
    """
    prompt, sampling = request.prompt, request.sampling
    body: dict[str, object] = {"model": model}
    if prompt.messages:
        body["messages"] = chat_messages(request, system_role=system_role)
    else:
        body["prompt"] = prompt.text
    body |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": sampling.max_tokens}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.repetition_penalty != 1.0:
        body["repetition_penalty"] = sampling.repetition_penalty
    return body


@lru_cache(maxsize=256)
def constraint_parameters(constraint: Constraint, form: ConstraintForm) -> dict[str, object]:
    """Return the parameter that holds the constraint in this form; {} where the form has none. Do not modify it."""
    value = json.loads(constraint.value) if constraint.kind in ("json", "choice") else constraint.value
    if form == "structured_outputs":
        return {form: {constraint.kind: value}}
    if form == "guided":
        return {f"guided_{constraint.kind}": value}
    if form == "none" or constraint.kind == "grammar":
        return {}
    if constraint.kind == "json":
        schema = value
    else:
        keyword = "enum" if constraint.kind == "choice" else "pattern"
        schema = {
            "type": "object",
            "properties": {WRAPPER_KEY: {"type": "string", keyword: value}},
            "required": [WRAPPER_KEY],
            "additionalProperties": False,
        }
    return {form: {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}}


def encode_json(body: Mapping[str, object]) -> bytes:
    """Return a body as JSON in ASCII, in which any text can be sent."""
    return _encode(body).encode("ascii")


def parse_completion(body: bytes, request: ModelRequest | None = None) -> Completion:
    """Return the first completion of a response. Raises MalformedResponse, with what was found, where there is none.

    Thoughts (`reasoning`, in older servers `reasoning_content`) are dropped; if no tokens are left for an answer, the
    completion has a failure. Where `request` has options, their log-probabilities are read instead of a text.
    """
    response = _parse_json(body)
    return _parse_choice(response, _choices_of(response, body)[0], body, request)


def parse_completions(body: bytes, request: ModelRequest, n: int) -> list[Completion | None]:
    """Return at most `n` completions of a response, in the order of their index; None is a malformed one.

    The token counts of the response are split among them. Raises MalformedResponse where all are malformed.
    """
    response = _parse_json(body)
    completions: list[Completion | None] = []
    for choice in _sorted_by_index(_choices_of(response, body))[:n]:
        try:
            completions.append(_parse_choice(response, choice, body, request))
        except MalformedResponse:
            completions.append(None)
    parsed = [completion for completion in completions if completion is not None]
    if not parsed:
        raise MalformedResponse(f"{len(completions)} choices without a text")
    completion_tokens = iter(split_tokens(parsed[0].completion_tokens, [len(each.text) for each in parsed]))
    prompt_tokens = iter([parsed[0].prompt_tokens] + [0] * (len(parsed) - 1))
    return [
        None
        if completion is None
        else replace(completion, prompt_tokens=next(prompt_tokens), completion_tokens=next(completion_tokens))
        for completion in completions
    ]


def split_tokens(total: int, lengths: Sequence[int]) -> list[int]:
    """Split `total` (at least 0) in proportion to `lengths` (not empty), rounded down; the first gets the remainder."""
    length_sum = sum(lengths)
    parts = [total * length // length_sum if length_sum else 0 for length in lengths]
    parts[0] += total - sum(parts)
    return parts


def unwrap(text: str, constraint: Constraint | None) -> str:
    """Return the text inside `{"answer": …}`, which holds a choice or a regex in some forms; else the text itself."""
    if constraint is None or constraint.kind not in ("choice", "regex") or not text.lstrip().startswith("{"):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    inner = value.get(WRAPPER_KEY) if isinstance(value, dict) and len(value) == 1 else None
    return inner if isinstance(inner, str) else text


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates, which no file can hold, replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def server_message(body: bytes) -> str:
    """Return the message of an error response, at most 200 characters on one line."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return _excerpt(body)
    for name in ("error", "message", "detail"):
        if isinstance(message, dict) and name in message:
            message = message[name]
    text = message if isinstance(message, str) else json.dumps(message)
    return " ".join(replace_surrogates(text).split())[:200]


def error_code(body: bytes) -> str:
    """Return the `error.code` of an error response, or ""."""
    try:
        response = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = response.get("error") if isinstance(response, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def too_long_failure(model: str, message: str) -> Completion:
    """Return the failure of a request whose prompt the server calls too long."""
    return Completion("", failure=f"the prompt is too long for {model!r}: {message}")


def rejected_failure(status: int, message: str) -> Completion:
    """Return the failure of a request that the server rejects."""
    return Completion("", failure=f"{REJECTED} (HTTP {status}): {message}")


def error_in_success(response: Response) -> Response | None:
    """Return the error response that a server sent with HTTP 200, as `{"error": …}` or `{"object": "error", …}`.

    None where it is none. The status is that of its code; 503 for words such as "the model is loading", else 400.
    """
    try:
        body = json.loads(response.body)
        error = body if body.get("object") == "error" else body.get("error")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not error:
        return None
    values = error if isinstance(error, dict) else {}
    codes = [values.get(name) for name in ("code", "status", "type")]
    status = next((int(str(code)) for code in codes if re.fullmatch(r"[45]\d\d", str(code))), None)
    if status is None:
        status = next(
            (TRANSIENT_CODES[code] for code in codes if isinstance(code, str) and code in TRANSIENT_CODES), None
        )
    if status is None:
        status = 503 if _TRANSIENT_MESSAGE.search(server_message(response.body)) else 400
    return response._replace(status=status)


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds (0 to 3600) of a Retry-After header, which holds a number or an HTTP date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            return None
    is_nan = seconds != seconds
    return None if is_nan else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        if not body.strip():
            raise MalformedResponse("an empty body") from error
        if isinstance(error, UnicodeDecodeError):
            raise MalformedResponse(f"a body that is not UTF-8: {_excerpt(body)!r}") from error
        start = body[:400].lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
            raise WebPage(f"no JSON but a web page: {_excerpt(body)!r}") from error
        if start.startswith((b"data:", b"event:", b": ")):
            raise EventStream(f"no JSON but an event stream: {_excerpt(body)!r}") from error
        raise MalformedResponse(f"no JSON but {_excerpt(body)!r}") from error


def _choices_of(response: object, body: bytes) -> list[object]:
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or not choices:
        raise MalformedResponse(f"no choices but {_excerpt(body)!r}")
    return choices


def _sorted_by_index(choices: Sequence[object]) -> list[object]:
    """Return the choices by their `index` where each has a different one, else in their own order."""
    values = [choice.get("index") if isinstance(choice, Mapping) else None for choice in choices]
    indices = [value for value in values if isinstance(value, int)]
    if len(set(indices)) < len(choices):
        return list(choices)
    return [choices[position] for position in sorted(range(len(choices)), key=lambda position: indices[position])]


def _parse_choice(response: object, choice: object, body: bytes, request: ModelRequest | None) -> Completion:
    """Return the completion of one choice, with the token counts of the whole response."""
    if not isinstance(response, dict) or not isinstance(choice, dict):
        raise MalformedResponse(f"no choices but {_excerpt(body)!r}")
    prompt_tokens, completion_tokens = _usage(response)
    engine = _engine(response)
    if request is not None and request.options:
        scores = parse_option_scores(choice, request.options)
        failure = None if scores is not None else NO_LOGPROBS
        return Completion("", "stop", prompt_tokens, completion_tokens, failure=failure, scores=scores, engine=engine)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if isinstance(text, list):
        text = _text_of_parts(text)
    finish, withheld = _finish_of(choice.get("finish_reason"))
    failure = _failure_of(message, finish) if not text or not isinstance(text, str) else None
    if withheld is not None:
        failure = withheld
    if failure is not None:
        return Completion("", finish, prompt_tokens, completion_tokens, failure=failure, engine=engine)
    if not isinstance(text, str):
        text = _text_of_null(choice, message, body)
    text = unwrap(replace_surrogates(text), None if request is None else request.constraint)
    return Completion(text, finish, prompt_tokens, completion_tokens, engine=engine)


def _finish_of(reason: object) -> tuple[Literal["stop", "length"], str | None]:
    """Return how a completion ended, and the failure of one that was withheld. Raises BrokenOff."""
    if reason == "stop" or not isinstance(reason, str):
        return "stop", None
    name = reason.lower()
    if name in BROKEN_OFF:
        raise BrokenOff(f"an answer that the server broke off (finish_reason {reason!r})")
    if name in WITHHELD:
        return "stop", CONTENT_FILTERED.replace("content_filter)", f"{reason})")
    return ("length" if name in CUT_OFF else "stop"), None


def _failure_of(message: object, finish: str) -> str | None:
    """Return what the model did in place of a text; None where the answer is just empty."""
    if not isinstance(message, dict):
        return None
    if any(message.get(name) for name in ("tool_calls", "function_call")):
        return TOOL_CALL
    parts = message.get("content")
    if any(message.get(name) for name in THOUGHTS) or (isinstance(parts, list) and any(map(_is_thought, parts))):
        return STILL_THINKING if finish == "length" else ONLY_THOUGHTS
    refusals = [message, *parts] if isinstance(parts, list) else [message]
    refusal = next((part["refusal"] for part in refusals if isinstance(part, dict) and part.get("refusal")), None)
    return f"{REFUSED}: {replace_surrogates(refusal)[:MAX_REFUSAL]!r}" if isinstance(refusal, str) else None


def _text_of_parts(parts: Sequence[object]) -> str | None:
    """Return the text of content that is a list of parts, without thoughts; None where no part has one."""
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts if not _is_thought(part)]
    strings = [text for text in texts if isinstance(text, str)]
    if any(isinstance(part, dict) and part.get("refusal") for part in parts):
        return ""
    return "".join(strings) if strings or not parts else None


def _is_thought(part: object) -> bool:
    """Whether a part of the content is a thought: by its type, or by Gemini's mark."""
    if not isinstance(part, dict):
        return False
    kind = part.get("type")
    return part.get("thought") is True or (isinstance(kind, str) and _THOUGHT_PART.fullmatch(kind) is not None)


def _text_of_null(choice: Mapping[str, object], message: object, body: bytes) -> str:
    # the content of thoughts that used up max_tokens is null: a completion, but without a text
    if isinstance(message, dict) and "content" in message and message["content"] is None:
        return ""
    raise MalformedResponse(f"no text but {_excerpt(body)!r}; finish_reason {choice.get('finish_reason')!r}")


def _usage(response: Mapping[str, object]) -> tuple[int, int]:
    usage = response.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = _token_count(counts.get("prompt_tokens")), _token_count(counts.get("completion_tokens"))
    # Some servers count thoughts in the total only, which is what is paid for.
    uncounted = max(0, _token_count(counts.get("total_tokens")) - prompt - completion)
    return (prompt, completion + uncounted) if prompt else (uncounted, completion)


def _token_count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 <= value < MAX_TOKEN_COUNT else 0


def stated_model(body: bytes) -> str:
    """Return the model that a response states as its author; "" where it states none."""
    response = _parse_json(body)
    name = response.get("model") if isinstance(response, dict) else None
    return replace_surrogates(name)[:200] if isinstance(name, str) and name.isprintable() else ""


def may_be_same_model(stated: str, requested: str) -> bool:
    """Return whether two names may mean one model: `openai/gpt-4o` and `gpt-4o-2024-08-06`, `phi` and `phi:latest`.

    Case, folders and the ending .gguf make no difference, and one name may continue the other.
    """
    first, second = (
        name.rstrip("/").rpartition("/")[2].casefold().removesuffix(".gguf") for name in (stated, requested)
    )
    return first.startswith(second) or second.startswith(first)


def _engine(response: Mapping[str, object]) -> str:
    """Return the engine and its version, which vLLM, llama.cpp and OpenAI call the system fingerprint; else ""."""
    name = response.get("system_fingerprint")
    return replace_surrogates(name)[:100] if isinstance(name, str) and name.isprintable() else ""


def _excerpt(body: bytes) -> str:
    return " ".join(body[:400].decode("utf-8", "replace").split())[:120]

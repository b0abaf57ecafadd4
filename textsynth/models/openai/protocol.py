"""What goes over the wire to an OpenAI-compatible server: the body of a request, and how an answer is read.

Reads with suspicion: an answer of the wrong shape is a `Broken`, wrong token counts are 0, half a surrogate pair is
replaced, so that nothing a server sends can break a later step.
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

from textsynth.core.records import Completion, Constraint, ModelRequest
from textsynth.models.openai import protocol as wire

ConstraintForm = Literal["structured_outputs", "guided", "response_format", "none"]
"""How a server takes a constraint: vLLM since 0.12, older vLLM, OpenAI and most others, or not at all."""
CONSTRAINTS = frozenset(
    {"structured_outputs", "guided_json", "guided_choice", "guided_regex", "guided_grammar", "response_format"}
)
WRAPPED = "answer"
IDS = "logprob_token_ids"
STILL_THINKING = (
    "the model was still thinking when the answer ended: give it room with thinking.max_tokens, or switch thinking off"
)
NO_SCORES = "the server gives no log-probabilities"

TOO_LONG = re.compile(
    r"context.?(length|size|window)|max_model_len|maximum model length"
    r"|(prompt|input|message)\w* (is|are) too (long|large)|too many (input |prompt )?tokens|reduce the length",
    re.IGNORECASE,
)


# made once: json.dumps with separators would make an encoder for each request
_encode = json.JSONEncoder(separators=(",", ":")).encode


class MalformedResponse(Exception):
    """An answer that is no answer: truncated JSON, no choices, no text. Worth another try."""


def path_of(request: ModelRequest) -> str:
    """Return the endpoint below the base URL that this request's prompt needs."""
    return "/chat/completions" if request.prompt.messages else "/completions"


def parameters(request: ModelRequest, model: str) -> dict[str, object]:
    """Return what every server must be told: model, prompt, and the sampling where it does something.

    Sends no `seed`: one whose prompt is read in pieces kills some vLLM engines.
    """
    prompt, sampling = request.prompt, request.sampling
    body: dict[str, object] = {"model": model}
    if prompt.messages:
        body["messages"] = [{"role": message.role, "content": message.content} for message in prompt.messages]
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


def encode(body: Mapping[str, object]) -> bytes:
    """Return a body as JSON; any text can be sent."""
    return _encode(body).encode("ascii")


@lru_cache(maxsize=256)
def constraint_parameters(constraint: Constraint, form: ConstraintForm) -> dict[str, object]:
    """Return the parameter that holds an answer to the constraint; {} where this form has none. Not to be changed."""
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
        held = {"enum": value} if constraint.kind == "choice" else {"pattern": value}
        schema = {
            "type": "object",
            "properties": {WRAPPED: {"type": "string", **held}},
            "required": [WRAPPED],
            "additionalProperties": False,
        }
    return {form: {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}}


def unwrap(text: str, constraint: Constraint | None) -> str:
    """Return the text that `{"answer": …}` holds, the form in which some servers give a choice; else it as it is."""
    if constraint is None or constraint.kind not in ("choice", "regex") or not text.lstrip().startswith("{"):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    inner = found.get(WRAPPED) if isinstance(found, dict) and len(found) == 1 else None
    return inner if isinstance(inner, str) else text


def parse_completion(raw: bytes, request: ModelRequest | None = None) -> Completion:
    """Return what the first choice of an answer says. Raises Broken, with what was found, when there is none.

    What the model thought (`reasoning`, in older servers `reasoning_content`) is left behind; thoughts that left no
    room for an answer are a failure. Where `request` has options, their log-probabilities are read instead of a text.
    """
    answer = parse_json(raw)
    return parse_choice(answer, choices_in(answer, raw)[0], raw, request)


def parse_json(raw: bytes) -> object:
    """Return the JSON of an answer. Raises Broken where it is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise MalformedResponse(f"no JSON but {_head(raw)!r}") from fault


def choices_in(answer: object, raw: bytes) -> list[object]:
    """Return the choices of an answer, at least one. Raises Broken where there is none."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices:
        raise MalformedResponse(f"no choices but {_head(raw)!r}")
    return choices


def parse_choice(answer: object, choice: object, raw: bytes, request: ModelRequest | None = None) -> Completion:
    """Return what one choice says, with the token counts of the whole answer; see `read_answer`."""
    if not isinstance(answer, dict) or not isinstance(choice, dict):
        raise MalformedResponse(f"no choices but {_head(raw)!r}")
    message = choice.get("message")
    if request is not None and request.options:
        return _scored(answer, choice, request)
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if not isinstance(text, str):
        text = _nothing_said(choice, message, raw)
    finish = "length" if choice.get("finish_reason") == "length" else "stop"
    prompt_tokens, completion_tokens = _usage(answer)
    engine = _engine(answer)
    if not text and finish == "length" and _thought(message):
        return Completion("", finish, prompt_tokens, completion_tokens, failure=STILL_THINKING, engine=engine)
    text = unwrap(readable(text), None if request is None else request.constraint)
    return Completion(text, finish, prompt_tokens, completion_tokens, engine=engine)


def _scored(answer: Mapping[str, object], choice: Mapping[str, object], request: ModelRequest) -> Completion:
    from textsynth.models.openai.logprobs import parse_option_scores

    prompt_tokens, completion_tokens = _usage(answer)
    scores = parse_option_scores(choice, request.options)
    failure = None if scores is not None else NO_SCORES
    return Completion(
        "", "stop", prompt_tokens, completion_tokens, failure=failure, scores=scores, engine=_engine(answer)
    )


def _engine(answer: Mapping[str, object]) -> str:
    """Return the engine and version behind an answer, which vLLM, llama.cpp and OpenAI call its fingerprint."""
    told = answer.get("system_fingerprint")
    return readable(told)[:100] if isinstance(told, str) and told.isprintable() else ""


def _thought(message: object) -> bool:
    return isinstance(message, dict) and any(message.get(name) for name in ("reasoning", "reasoning_content"))


def _usage(answer: Mapping[str, object]) -> tuple[int, int]:
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return _tokens(counts.get("prompt_tokens")), _tokens(counts.get("completion_tokens"))


def _nothing_said(choice: Mapping[str, object], message: object, raw: bytes) -> str:
    # a refusal, or thoughts that ate all of max_tokens, come with content null: an answer, but an empty one
    if isinstance(message, dict) and "content" in message and message["content"] is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    raise MalformedResponse(f"no text but {_head(raw)!r}; finish_reason {choice.get('finish_reason')!r}")


def readable(text: str) -> str:
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
    return " ".join(readable(said if isinstance(said, str) else json.dumps(said)).split())[:200]


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


MAX_N = 16


def parse_choices(raw: bytes, request: ModelRequest, count: int) -> list[Completion | None]:
    """Return what each choice of an answer says, at most `count`, in the order of their index; None is no choice.

    Raises wire.Broken where none says anything.
    """
    answer = wire.parse_json(raw)
    found: list[Completion | None] = []
    for choice in _in_order(wire.choices_in(answer, raw))[:count]:
        try:
            found.append(wire.parse_choice(answer, choice, raw, request))
        except wire.MalformedResponse:
            found.append(None)
    read = [one for one in found if one is not None]
    if not read:
        raise wire.MalformedResponse(f"{len(found)} choices without a text")
    parts = iter(split_tokens(read[0].completion_tokens, [len(one.text) for one in read]))
    prompts = iter([read[0].prompt_tokens] + [0] * (len(read) - 1))
    return [
        None if one is None else replace(one, prompt_tokens=next(prompts), completion_tokens=next(parts))
        for one in found
    ]


def split_tokens(total: int, lengths: Sequence[int]) -> list[int]:
    """Split a total (≥ 0) in proportion to `lengths` (at least one), each part rounded down, the rest to the first."""
    whole = sum(lengths)
    parts = [total * length // whole if whole else 0 for length in lengths]
    parts[0] += total - sum(parts)
    return parts


def _in_order(choices: Sequence[object]) -> list[object]:
    """Return the choices by their index where each has one of its own, else as they came."""
    numbers = [choice.get("index") if isinstance(choice, Mapping) else None for choice in choices]
    given = [number for number in numbers if isinstance(number, int)]
    if len(set(given)) < len(choices):
        return list(choices)
    return [choices[at] for at in sorted(range(len(choices)), key=lambda at: given[at])]

"""The batch format of OpenAI and `vllm run-batch`: a request as a line of JSON, and a completion from a line.

A request is `{"custom_id", "method", "url", "body"}`, with the journal key as its id; a reply is
`{"custom_id", "response": {"status_code", "body"}, "error"}`, in any order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from textsynth.core.records import Completion, ModelRequest
from textsynth.models.openai import context_length, protocol
from textsynth.models.openai.capabilities import ServerCapabilities, ServerKind

REJECTION_STATUSES = (400, 413, 422)
STRICT_HOSTS = ("openai.com", "azure.com", "mistral.ai", "groq.com")
"""Services that reject parameters they do not know; a batch leaves no occasion to find that out."""


def request_line(capabilities: ServerCapabilities, request: ModelRequest) -> dict[str, object]:
    """Return the request as a line: custom_id (the journal key), method, url and body."""
    body = json.loads(capabilities.encode(request).encoded)
    url = f"/v1{protocol.endpoint_path(request)}"
    return {"custom_id": request.key, "method": "POST", "url": url, "body": body}


def guess_server_kind(base_url: str) -> ServerKind:
    """Return the kind of a server, judged by its address alone."""
    host = urlsplit(base_url).hostname or ""
    return "openai" if any(host == name or host.endswith(f".{name}") for name in STRICT_HOSTS) else "vllm"


def parse_reply_line(line: Mapping[str, object], request: ModelRequest, model: str) -> Completion | str:
    """Return the completion in a line, or one sentence that says why it has none and the request may be sent again.

    A rejection of the request is final: a completion with a failure, as it is when a server is asked directly.
    """
    value = line.get("response")
    response = value if isinstance(value, dict) else {}
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and body:
        try:
            return protocol.parse_completion(_to_bytes(body), request)
        except protocol.MalformedResponse as error:
            return f"the response has {error}"
    message = protocol.server_message(_to_bytes(line.get("error") or body or "no reason given"))
    if status == 413 or (status in REJECTION_STATUSES and context_length.is_prompt_too_long(message)):
        return protocol.too_long_failure(model, message)
    if status in REJECTION_STATUSES:
        return protocol.rejected_failure(status, message)
    return message if status is None else f"HTTP {status}: {message!r}"


def is_rejection(completion: Completion) -> bool:
    """Whether the completion is the failure of a request that the server rejects, other than for its length."""
    return (completion.failure or "").startswith(protocol.REJECTED)


def _to_bytes(value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")

"""The batch wire format of OpenAI and `vllm run-batch`: a request as a line of JSON, and a reply read from one.

A request is `{"custom_id", "method", "url", "body"}`, with the journal's key as its id; a reply is
`{"custom_id", "response": {"status_code", "body"}, "error"}`, in any order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from textsynth.core.records import Completion, ModelRequest
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.capabilities import RequestEncoder, ServerCapabilities, ServerKind

REFUSED = (400, 413, 422)
STRICT = ("openai.com", "azure.com", "mistral.ai", "groq.com")
"""Services that refuse parameters they do not know; nobody can be asked before a batch is sent."""


def request_line(dialect: ServerCapabilities, request: ModelRequest) -> dict[str, object]:
    """Return the request as a line: custom_id (the journal's key), method, url and body."""
    body = json.loads(RequestEncoder(dialect, request).body())
    return {"custom_id": request.key, "method": "POST", "url": f"/v1{wire.path_of(request)}", "body": body}


def guess_server_kind(base_url: str) -> ServerKind:
    """Return what a server most likely understands, by its address alone."""
    host = urlsplit(base_url).hostname or ""
    return "openai" if any(host == name or host.endswith(f".{name}") for name in STRICT) else "vllm"


def parse_reply_line(line: Mapping[str, object], request: ModelRequest, model: str) -> Completion | str:
    """Return the answer that a line holds, or the sentence that says why it holds none worth keeping.

    A refusal of the request is final, and a Completion with its failure, as it is when a server is asked.
    """
    found = line.get("response")
    response = found if isinstance(found, dict) else {}
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and body:
        try:
            return wire.parse_completion(_raw(body), request)
        except wire.MalformedResponse as fault:
            return f"the answer was {fault}"
    said = wire.server_message(_raw(line.get("error") or body or "no reason is given"))
    if status == 413 or (status in REFUSED and wire.TOO_LONG.search(said)):
        return Completion("", failure=f"too long a prompt for {model!r}: {said}")
    if status in REFUSED:
        return Completion("", failure=f"refused by the server (HTTP {status}): {said}")
    return said if status is None else f"HTTP {status}: {said!r}"


def _raw(value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")

"""Mock servers that accept the parameters of real engines: vLLM, an older vLLM, OpenAI, and a plain llama.cpp.

`with engine("vllm") as server: … server.url, server.bodies`. Their answers are poor but deterministic: random words,
which obey a constraint where the engine would enforce it. Log-probabilities follow from the words of the prompt, with a
bonus for the option that is listed first.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Handler, Server, running

KNOWN_TO_OPENAI = {
    "model", "messages", "prompt", "temperature", "top_p", "max_tokens", "stop", "presence_penalty",
    "frequency_penalty", "response_format", "logprobs", "top_logprobs", "n", "seed", "max_completion_tokens",
}  # fmt: skip
LETTERS = [chr(65 + index) for index in range(26)]
OTHER_TOKENS = ["The", "I", "<think>", "Label", "\n", "Yes", "No", "1", "2", "3"]
VOCABULARY = "my card has not come and nobody tells me when it will be sent to which old or new address this week"
FIRST_OPTION_BONUS = 0.9
"""By how much the logit of the first option exceeds what the text supports."""


@dataclass
class Engine:
    """The settings of one engine: `kind` as above, `logprobs` raw, processed, logits or none."""

    kind: str
    logprobs: str = "raw"
    thoughts: str = ""  # "", reasoning, reasoning_content or block: how thoughts are sent unless thinking is off
    rejects_bluntly: bool = False  # rejects unknown parameters without naming them
    max_logprobs: int = 20
    requires_max_completion_tokens: bool = False
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of the response to a request."""
        self.bodies.append(body)
        self.paths.append(path)
        if path == "/tokenize" and "vllm" in self.kind:
            return 200, {"tokens": [ord(letter) for letter in body["prompt"].strip()], "count": 1}
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return 404, {"detail": "Not Found"}
        rejection = self.rejection(body)
        if rejection:
            return 400, {"error": {"message": rejection, "type": "invalid_request_error", "code": None}}
        return 200, self.completion(body, chat=path.endswith("chat/completions"))

    def rejection(self, body: dict[str, Any]) -> str:
        """Return why the request is rejected, "" where it is not."""
        if self.kind == "openai":
            unknown = [name for name in body if name not in KNOWN_TO_OPENAI]
            if unknown and self.rejects_bluntly:
                return "Bad request."
            if unknown:
                return f"Unrecognized request argument supplied: {unknown[0]}"
            if self.requires_max_completion_tokens and "max_tokens" in body:
                return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        if self.kind == "old_vllm" and body.get("top_k") == 0:
            return "top_k must be -1 (disable), or at least 1, got 0."
        if body.get("top_logprobs", 0) > self.max_logprobs:
            return f"Requested sample logprobs of 20, which is greater than max allowed: {self.max_logprobs}"
        schema = json.dumps(body.get("structured_outputs", "")) + json.dumps(body.get("response_format", ""))
        return "The provided regex has unsupported features: lookahead" if "(?=" in schema else ""

    def completion(self, body: dict[str, Any], *, chat: bool) -> dict[str, Any]:
        """Return a complete response."""
        prompt = "\n".join(message["content"] for message in body["messages"]) if chat else body["prompt"]
        generator = random.Random(prompt + str(body["temperature"]))
        text = self.constrained_text(body, generator)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.thoughts and body.get("chat_template_kwargs", {}).get("enable_thinking", True):
            thought = "The user wants a label."
            if body.get("max_tokens", 999) < 50:
                message["content"], choice["finish_reason"] = None, "length"
            message |= {self.thoughts: thought} if self.thoughts != "block" else {}
            if self.thoughts == "block":
                message["content"] = f"<think>\n{thought}\n</think>\n\n{text}"
        if body.get("logprobs") and self.logprobs != "none":
            choice["logprobs"] = self.first_token(body, prompt, chat=chat)
        choice |= {"message": message} if chat else {"text": text}
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        name = {"vllm": "vllm-0.32.0-tp1-abc", "openai": "fp_abc"}.get(self.kind)
        return {"choices": [choice], "usage": usage, **({"system_fingerprint": name} if name else {})}

    def constrained_text(self, body: dict[str, Any], generator: random.Random) -> str:
        """Return a text that obeys the constraint, if this engine supports its form."""
        constraint: dict[str, Any] = {}
        if self.kind == "vllm":
            constraint = body.get("structured_outputs") or {}
        elif self.kind == "old_vllm":
            constraint = {name.removeprefix("guided_"): body[name] for name in body if name.startswith("guided_")}
        if self.kind in ("vllm", "openai") and "response_format" in body:
            constraint = {"json": body["response_format"]["json_schema"]["schema"]}
        if "choice" in constraint:
            return str(generator.choice(constraint["choice"]))
        if "regex" in constraint:
            return re.sub(r"\[0-9\](\{(\d)\})?", lambda match: "7" * int(match[2] or 1), constraint["regex"])
        if "json" in constraint:
            return json.dumps(value_of(constraint["json"], generator))
        return random_words(generator)

    def first_token(self, body: dict[str, Any], prompt: str, *, chat: bool) -> dict[str, Any]:
        """Return log-probabilities of the first token as the engine would return them."""
        logprobs = logits = logits_of(prompt)
        if self.logprobs != "logits":
            temperature = body["temperature"] if self.logprobs == "processed" else 1.0
            log_total = math.log(sum(math.exp(value / temperature) for value in logits.values()))
            logprobs = {token: value / temperature - log_total for token, value in logits.items()}
        ranked = sorted(logprobs, key=lambda token: -logprobs[token])
        sampled = ranked[0]
        ids = body.get("logprob_token_ids") if self.kind == "vllm" else None
        count = body.get("top_logprobs", body["logprobs"])
        shown = [sampled, *(token for token in logprobs if ord(token[0]) in ids)] if ids else ranked[:count]
        if not chat:
            top = {token: logprobs[token] for token in shown}
            return {"tokens": [sampled], "token_logprobs": [logprobs[sampled]], "top_logprobs": [top]}
        rows = [{"token": token, "logprob": logprobs[token]} for token in dict.fromkeys(shown)]
        return {"content": [{"token": sampled, "logprob": logprobs[sampled], "top_logprobs": rows}]}


def logits_of(prompt: str) -> dict[str, float]:
    """Return the logits of all tokens: an option is likely if a word of it is in the text."""
    text = prompt.rsplit("Text:", 1)[-1].lower()
    logits = {token: random.Random(f"{token}:{text}").gauss(-2.0, 1.0) for token in (*LETTERS, *OTHER_TOKENS)}
    options = re.findall(r"^([A-Z])[.)] (.*)$", prompt, re.MULTILINE)
    for index, (letter, description) in enumerate(options):
        hits = sum(word in text for word in re.findall(r"[a-z]+", description.lower()))
        logits[letter] = 1.5 + 1.2 * min(hits, 3) + (FIRST_OPTION_BONUS if index == 0 else 0.0)
    return logits


def random_words(generator: random.Random) -> str:
    """Return eight words of a complaint to a bank."""
    return " ".join(generator.choices(VOCABULARY.split(), k=8))


def value_of(schema: dict[str, Any], generator: random.Random) -> Any:
    """Return a value of the schema."""
    if schema["type"] == "object":
        return {name: value_of(inner, generator) for name, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [value_of(schema["items"], generator) for _ in range(3)]
    if "enum" in schema:
        return generator.choice(schema["enum"])
    return random_words(generator)


@contextlib.contextmanager
def engine(kind: str, **settings: Any) -> Iterator[Engine]:
    """Serve on a free port for the time of a `with` block; `settings` are fields of Engine."""
    state = Engine(kind, **settings)

    class EngineHandler(Handler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(*state.reply(self.path, body))

        def do_GET(self) -> None:  # noqa: N802
            models = {"object": "list", "data": [{"id": "small", "object": "model"}]}
            self.send(*((200, models) if self.path == "/v1/models" else (404, {"detail": "Not Found"})))

        def send(self, status: int, response: dict[str, Any]) -> None:
            body = json.dumps(response).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with running(Server(EngineHandler)) as server:
        state.port = server.server_port
        yield state

"""Mock servers that accept the parameters of real engines: vLLM, an older vLLM, OpenAI, and a plain llama.cpp.

`with engine("vllm") as server: … server.url, server.bodies`. The texts are random words, seeded with the prompt, that
follow a constraint where the engine would enforce it. Log-probabilities follow from the words of the prompt, with a
bias towards the first option.
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

from tests.loopback import Handler, Server, at_work

OPENAI_PARAMETERS = {
    "model", "messages", "prompt", "temperature", "top_p", "max_tokens", "stop", "presence_penalty",
    "frequency_penalty", "response_format", "logprobs", "top_logprobs", "n", "seed", "max_completion_tokens",
}  # fmt: skip
LETTERS = [chr(65 + index) for index in range(26)]
OTHER_TOKENS = ["The", "I", "<think>", "Label", "\n", "Yes", "No", "1", "2", "3"]
WORDS = "my card has not come and nobody tells me when it will be sent to which old or new address this week"
FIRST_OPTION_BIAS = 0.9
"""How much the logit of the first option exceeds what its words deserve."""


@dataclass
class Engine:
    """The settings of an engine and the requests that it received.

    `kind` is vllm, old_vllm, openai or llama; `logprobs` is raw, processed, logits or none. `thinks` says how thoughts
    are returned unless thinking is disabled: "" (not at all), "reasoning", "reasoning_content" (message fields) or
    "block". With `refuse_bluntly` an unknown parameter is rejected without being named, with `new_limit_name` the
    parameter max_tokens is rejected in favour of max_completion_tokens.
    """

    kind: str
    logprobs: str = "raw"
    thinks: str = ""
    refuse_bluntly: bool = False
    max_logprobs: int = 20
    new_limit_name: bool = False
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and body of the response to a request."""
        self.bodies.append(body)
        self.paths.append(path)
        if path == "/tokenize" and "vllm" in self.kind:
            return 200, {"tokens": [ord(letter) for letter in body["prompt"].strip()], "count": 1}
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return 404, {"detail": "Not Found"}
        error = self.parameter_error(body)
        if error:
            return 400, {"error": {"message": error, "type": "invalid_request_error", "code": None}}
        return 200, self.answer(body, is_chat=path.endswith("chat/completions"))

    def parameter_error(self, body: dict[str, Any]) -> str:
        """Return why the request is rejected, "" if it is accepted."""
        if self.kind == "openai":
            unknown = [name for name in body if name not in OPENAI_PARAMETERS]
            if unknown:
                return (
                    "Bad request." if self.refuse_bluntly else f"Unrecognized request argument supplied: {unknown[0]}"
                )
            if self.new_limit_name and "max_tokens" in body:
                return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        if self.kind == "old_vllm" and body.get("top_k") == 0:
            return "top_k must be -1 (disable), or at least 1, got 0."
        if body.get("top_logprobs", 0) > self.max_logprobs:
            return f"Requested sample logprobs of 20, which is greater than max allowed: {self.max_logprobs}"
        constraints = json.dumps(body.get("structured_outputs", "")) + json.dumps(body.get("response_format", ""))
        return "The provided regex has unsupported features: lookahead" if "(?=" in constraints else ""

    def answer(self, body: dict[str, Any], *, is_chat: bool) -> dict[str, Any]:
        """Return the body of a successful response."""
        prompt = "\n".join(message["content"] for message in body["messages"]) if is_chat else body["prompt"]
        text = self.constrained_text(body, random.Random(prompt + str(body["temperature"])))
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.thinks and body.get("chat_template_kwargs", {}).get("enable_thinking", True):
            thought = "The user wants a label."
            if body.get("max_tokens", 999) < 50:
                message["content"], choice["finish_reason"] = None, "length"
            if self.thinks == "block":
                message["content"] = f"<think>\n{thought}\n</think>\n\n{text}"
            else:
                message[self.thinks] = thought
        if body.get("logprobs") and self.logprobs != "none":
            choice["logprobs"] = self.first_token_logprobs(body, prompt, is_chat=is_chat)
        choice |= {"message": message} if is_chat else {"text": text}
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        fingerprint = {"vllm": "vllm-0.32.0-tp1-abc", "openai": "fp_abc"}.get(self.kind)
        return {"choices": [choice], "usage": usage, **({"system_fingerprint": fingerprint} if fingerprint else {})}

    def constrained_text(self, body: dict[str, Any], generator: random.Random) -> str:
        """Return a random text that follows the constraint, if this engine supports it."""
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
            return json.dumps(random_value(constraint["json"], generator))
        return random_text(generator)

    def first_token_logprobs(self, body: dict[str, Any], prompt: str, *, is_chat: bool) -> dict[str, Any]:
        """Return the log-probabilities of the first token in the format of the engine."""
        logits = logits_of(prompt)
        if self.logprobs == "logits":
            values = logits
        else:
            temperature = body["temperature"] if self.logprobs == "processed" else 1.0
            log_total = math.log(sum(math.exp(value / temperature) for value in logits.values()))
            values = {token: value / temperature - log_total for token, value in logits.items()}
        ranked = sorted(values, key=lambda token: -values[token])
        sampled = ranked[0]
        ids = body.get("logprob_token_ids") if self.kind == "vllm" else None
        if ids:
            returned = [sampled, *(token for token in values if ord(token[0]) in ids)]
        else:
            returned = ranked[: body.get("top_logprobs", body["logprobs"])]
        if not is_chat:
            top_logprobs = [{token: values[token] for token in returned}]
            return {"tokens": [sampled], "token_logprobs": [values[sampled]], "top_logprobs": top_logprobs}
        top = [{"token": token, "logprob": values[token]} for token in dict.fromkeys(returned)]
        return {"content": [{"token": sampled, "logprob": values[sampled], "top_logprobs": top}]}


def logits_of(prompt: str) -> dict[str, float]:
    """Return the logit of each token after the prompt: options that name a word of the text have a high one."""
    text = prompt.rsplit("Text:", 1)[-1].lower()
    logits = {token: random.Random(f"{token}:{text}").gauss(-2.0, 1.0) for token in (*LETTERS, *OTHER_TOKENS)}
    for index, (letter, label) in enumerate(re.findall(r"^([A-Z])[.)] (.*)$", prompt, re.MULTILINE)):
        shared_words = sum(word in text for word in re.findall(r"[a-z]+", label.lower()))
        logits[letter] = 1.5 + 1.2 * min(shared_words, 3) + (FIRST_OPTION_BIAS if index == 0 else 0.0)
    return logits


def random_text(generator: random.Random) -> str:
    """Return eight random words."""
    return " ".join(generator.choices(WORDS.split(), k=8))


def random_value(schema: dict[str, Any], generator: random.Random) -> Any:
    """Return a random value that is valid for the JSON schema."""
    if schema["type"] == "object":
        return {name: random_value(property_, generator) for name, property_ in schema["properties"].items()}
    if schema["type"] == "array":
        return [random_value(schema["items"], generator) for _ in range(3)]
    if "enum" in schema:
        return generator.choice(schema["enum"])
    return random_text(generator)


@contextlib.contextmanager
def engine(kind: str, **settings: Any) -> Iterator[Engine]:
    """Serve on a free port during a `with` block."""
    state = Engine(kind, **settings)

    class RequestHandler(Handler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.respond(*state.reply(self.path, body))

        def do_GET(self) -> None:  # noqa: N802
            models = {"object": "list", "data": [{"id": "small", "object": "model"}]}
            self.respond(*((200, models) if self.path == "/v1/models" else (404, {"detail": "Not Found"})))

        def respond(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with at_work(Server(RequestHandler)) as server:
        state.port = server.server_port
        yield state

"""Servers for tests that take parameters as real engines do: vLLM, an older vLLM, OpenAI, and a plain llama.cpp.

`with engine("vllm") as server: … server.url, server.bodies`. They write what a prompt asks for badly but always alike:
a text of drawn words, held to a constraint where the engine would hold it. Log-probabilities follow from the words of
the prompt, with a liking for the first option that is shown.
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

KNOWN_TO_OPENAI = {
    "model", "messages", "prompt", "temperature", "top_p", "max_tokens", "stop", "presence_penalty",
    "frequency_penalty", "response_format", "logprobs", "top_logprobs", "n", "seed", "max_completion_tokens",
}  # fmt: skip
LETTERS = [chr(65 + place) for place in range(26)]
OTHERS = ["The", "I", "<think>", "Label", "\n", "Yes", "No", "1", "2", "3"]
SPOKEN = "my card has not come and nobody tells me when it will be sent to which old or new address this week"
FIRST_OPTION_BIAS = 0.9
"""How much likelier the first option is than its place deserves."""


@dataclass
class Engine:
    """The state of one engine: `kind` as above, `logprobs` raw, processed, logits or none."""

    kind: str
    logprobs: str = "raw"
    thinks: str = ""  # "", reasoning, reasoning_content or block: how a thought is given where thinking is not off
    refuse_bluntly: bool = False  # refuses unknown parameters without naming them
    most_logprobs: int = 20
    new_limit_name: bool = False
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and body that answer a request."""
        self.bodies.append(body)
        self.paths.append(path)
        if path == "/tokenize" and "vllm" in self.kind:
            return 200, {"tokens": [ord(letter) for letter in body["prompt"].strip()], "count": 1}
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return 404, {"detail": "Not Found"}
        refusal = self.refusal(body)
        if refusal:
            return 400, {"error": {"message": refusal, "type": "invalid_request_error", "code": None}}
        return 200, self.answer(body, chat=path.endswith("chat/completions"))

    def refusal(self, body: dict[str, Any]) -> str:
        """Return why the request is refused, "" where it is not."""
        if self.kind == "openai":
            unknown = [name for name in body if name not in KNOWN_TO_OPENAI]
            if unknown:
                return (
                    "Bad request." if self.refuse_bluntly else f"Unrecognized request argument supplied: {unknown[0]}"
                )
            if self.new_limit_name and "max_tokens" in body:
                return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        if self.kind == "old_vllm" and body.get("top_k") == 0:
            return "top_k must be -1 (disable), or at least 1, got 0."
        if body.get("top_logprobs", 0) > self.most_logprobs:
            return f"Requested sample logprobs of 20, which is greater than max allowed: {self.most_logprobs}"
        schema = json.dumps(body.get("structured_outputs", "")) + json.dumps(body.get("response_format", ""))
        return "The provided regex has unsupported features: lookahead" if "(?=" in schema else ""

    def answer(self, body: dict[str, Any], *, chat: bool) -> dict[str, Any]:
        """Return a whole answer."""
        prompt = "\n".join(turn["content"] for turn in body["messages"]) if chat else body["prompt"]
        draw = random.Random(prompt + str(body["temperature"]))
        text = self.held(body, draw)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.thinks and body.get("chat_template_kwargs", {}).get("enable_thinking", True):
            thought = "The user wants a label."
            if body.get("max_tokens", 999) < 50:
                message["content"], choice["finish_reason"] = None, "length"
            message |= {self.thinks: thought} if self.thinks != "block" else {}
            if self.thinks == "block":
                message["content"] = f"<think>\n{thought}\n</think>\n\n{text}"
        if body.get("logprobs") and self.logprobs != "none":
            choice["logprobs"] = self.first_token(body, prompt, chat=chat)
        choice |= {"message": message} if chat else {"text": text}
        counts = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        name = {"vllm": "vllm-0.32.0-tp1-abc", "openai": "fp_abc"}.get(self.kind)
        return {"choices": [choice], "usage": counts, **({"system_fingerprint": name} if name else {})}

    def held(self, body: dict[str, Any], draw: random.Random) -> str:
        """Return a text that keeps to the constraint, as far as this engine knows such."""
        held: dict[str, Any] = {}
        if self.kind == "vllm":
            held = body.get("structured_outputs") or {}
        elif self.kind == "old_vllm":
            held = {name.removeprefix("guided_"): body[name] for name in body if name.startswith("guided_")}
        if self.kind in ("vllm", "openai") and "response_format" in body:
            held = {"json": body["response_format"]["json_schema"]["schema"]}
        if "choice" in held:
            return str(draw.choice(held["choice"]))
        if "regex" in held:
            return re.sub(r"\[0-9\](\{(\d)\})?", lambda found: "7" * int(found[2] or 1), held["regex"])
        if "json" in held:
            return json.dumps(filled(held["json"], draw))
        return drawn_words(draw)

    def first_token(self, body: dict[str, Any], prompt: str, *, chat: bool) -> dict[str, Any]:
        """Return log-probabilities of the first token as the engine would give them."""
        logits = logits_of(prompt)
        if self.logprobs == "logits":
            given = logits
        else:
            heat = body["temperature"] if self.logprobs == "processed" else 1.0
            whole = math.log(sum(math.exp(value / heat) for value in logits.values()))
            given = {token: value / heat - whole for token, value in logits.items()}
        drawn = max(given, key=lambda token: given[token])
        ranked = sorted(given, key=lambda token: -given[token])
        ids = body.get("logprob_token_ids") if self.kind == "vllm" else None
        count = body.get("top_logprobs", body["logprobs"])
        shown = (
            [drawn, *(token for token in given if [ord(token[0])] and ord(token[0]) in ids)] if ids else ranked[:count]
        )
        if not chat:
            return {"tokens": [drawn], "token_logprobs": [given[drawn]], "top_logprobs": [{t: given[t] for t in shown}]}
        top = [{"token": token, "logprob": given[token]} for token in dict.fromkeys(shown)]
        return {"content": [{"token": drawn, "logprob": given[drawn], "top_logprobs": top}]}


def logits_of(prompt: str) -> dict[str, float]:
    """Return what a reader of the prompt holds of each letter: options that name a word of the text are likely."""
    text = prompt.rsplit("Text:", 1)[-1].lower()
    found = {token: random.Random(f"{token}:{text}").gauss(-2.0, 1.0) for token in (*LETTERS, *OTHERS)}
    for place, option in enumerate(re.findall(r"^([A-Z])[.)] (.*)$", prompt, re.MULTILINE)):
        letter, told = option
        hits = sum(word in text for word in re.findall(r"[a-z]+", told.lower()))
        found[letter] = 1.5 + 1.2 * min(hits, 3) + (FIRST_OPTION_BIAS if place == 0 else 0.0)
    return found


def drawn_words(draw: random.Random) -> str:
    """Return a text of words that people say to banks."""
    return " ".join(draw.choices(SPOKEN.split(), k=8))


def filled(schema: dict[str, Any], draw: random.Random) -> Any:
    """Return a value of the schema."""
    if schema["type"] == "object":
        return {name: filled(inner, draw) for name, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [filled(schema["items"], draw) for _ in range(3)]
    if "enum" in schema:
        return draw.choice(schema["enum"])
    return drawn_words(draw)


@contextlib.contextmanager
def engine(kind: str, **settings: Any) -> Iterator[Engine]:
    """Serve on a free port for the time of a `with` block."""
    state = Engine(kind, **settings)

    class Door(Handler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.give(*state.reply(self.path, body))

        def do_GET(self) -> None:  # noqa: N802
            listed = {"object": "list", "data": [{"id": "small", "object": "model"}]}
            self.give(*((200, listed) if self.path == "/v1/models" else (404, {"detail": "Not Found"})))

        def give(self, status: int, answer: dict[str, Any]) -> None:
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with at_work(Server(Door)) as server:
        state.port = server.server_port
        yield state

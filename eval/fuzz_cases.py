"""The cases of `fuzz.py`: recipes, prompts, sources, answers, responses and files of a run, each with random changes.

A case replaces the content of one file of a scenario; which one, and by what, depends only on the seed, the kind and
the number of the case.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fuzz_scenarios import MONEY, PROMPT, as_yaml, chat_body, good_response, parquet_bytes, response, seed_rows


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a scenario in which one file has another content; `content` is None for a file that is removed."""

    kind: str
    number: int
    scenario: str
    file: str
    content: bytes | None
    commands: tuple[tuple[str, ...], ...]


# ---- mutations of bytes and of trees


def deep_list(depth: int) -> Any:
    """Return lists within lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, 1e308, -1e308, float("nan"), float("inf"), 10**19, -(10**30), 10**400, "", " ",
    "a" * 20_000, "x y " * 2_000, "\x00", "\ud800", "\u202e", "\ufeff", "é", "e\u0301", "𝕏", "\r\n", "a\tb", "'", '"', "\\",
    [], {}, [[]], [None], {"": ""}, {"a": {"b": {"c": []}}}, deep_list(60), deep_list(300), ["a", "a"], "..", "/", ".",
    "~", "./x.py", "/etc/passwd", "seeds.csv", "answers.jsonl", "recipe.yaml", "${HOME}", "${NO_SUCH}", "${", "seeds",
    "generator", "label", "text", "refund", "delivery", "choice", "labelled", "existing", "pair", "1k", "3M", "25k", "1e9",
    "0x1F", "1_000", "off", "no", "~", "2026-01-01", "{{ 1 }}", "{% x %}", "<b>", "http://[::1", "http://a b", "%00",
    "en", "xx", "de-DE", "train", "test", "hub", "rows", "auto", "NaN", "null", "=1+1", "a/b", "a/b/c", "../../x",
)  # fmt: skip
KEYS = (
    "labels", "models", "sources", "generate", "filter", "label", "select", "want", "budget", "export", "evaluate", "task",
    "multi_label", "ordinal", "seed", "version", "name", "language", "oversample", "total", "source", "path", "text",
    "prompt", "sampling", "temperature", "max_tokens", "stop", "share", "model", "splits", "license", "hub", "private",
    "rename", "separator", "per_label", "limit", "fields", "gold", "precision", "method", "votes", "shots", "attributes",
    "latency_seconds", "faults", "concurrency", "answers", "pattern", "function", "file", "over", "description", "<<", "",
    "1", "null", "true", "data_fields", "requests", "tokens", "minutes", "patience", "source_licenses", "by", "regex",
)  # fmt: skip
COMPONENTS: tuple[Any, ...] = (
    "length", "refusal", "personal_data", "language", "exact_duplicate", "near_duplicate", {"copies_source": {"source": "seeds"}},
    {"leak": {"source": "seeds", "semantic": 1}}, "faithfulness", {"labelled": {}}, {"existing": {"source": "seeds"}}, {"pair": {}},
    {"paraphrase": {"source": "seeds"}}, {"summary": {"source": "seeds"}}, {"choice": {"gold": "seeds"}}, "diverse", "balanced",
    {"choice": {"method": "logprobs"}}, {"length": {"min_chars": -1}}, {"near_duplicate": {"similarity": 0}},
)  # fmt: skip
YAML_TOKENS = (
    b"&a ", b"*a", b"<<: *a\n", b"!!python/object:os.system ", b"!!binary ", b"!!set ", b"!x ", b"? ", b"- ", b": ", b"\t",
    b"---\n", b"...\n", b"%YAML 9.9\n", b"|\n", b">-\n", b"{", b"}", b"[", b"]", b"#", b"'", b'"', b"${HOME}", b"${", b"@",
    b"`", b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\x85", b"0o7", b"1:30", b".inf", b"2026-01-01T00:00:00Z",
    b"{a: &b {c: *b}}", b"=", b"\\x", b"\r", b"\x1b[0m", b"9" * 5000, b"[" * 3000, b"{a: " * 800, b"- " * 1500,
)  # fmt: skip
TEXT_TOKENS = (
    b"\x00", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b'""', b"'", b",", b";", b"\t", b"|",
    b"\n", b"\r", b"\r\n", b"\x0c", b"\x1c", b"\x85", b"\xe2\x80\xa8", b"sep=;\n", b"\n\n\n", b",,,,\n", b"\\", b"\\u0000",
    b"\\ud800", b"null", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 5000, b'{"a":' * 3000, b"{}", b"[]", b"true",
    b"\x1f\x8b\x08", b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"<html>", b"&amp;", b"\x1b[31m", b"a" * 200_000, b'"' * 2001,
)  # fmt: skip
PROMPT_TOKENS = (
    b"{{ labels }}", b"{{ ''.__class__.__mro__ }}", b"{% for x in range(1000000000) %}x{% endfor %}", b"{% include 'x' %}",
    b"{% extends 'x' %}", b"{% set a = 'b' * 1000000000 %}", b"{{ n ** n ** n ** n }}", b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    b"{{ examples | map('upper') | join }}", b"{{ examples.append(1) }}", b"{{ label | nosuch }}", b"{% raw %}", b"{% endraw %}",
    b"{#", b"#}", b"{%", b"%}", b"{{", b"}}", b"{% if %}", b"{% else %}", b"{% endif %}", b'{% chat role="x" %}', b"{% endchat %}",
    b'{% chat role="assistant" %}hi{% endchat %}', b"{% chat %}", b"---\n", b"answer: json\n", b"answer: {regex: {pattern: '(a+)+$'}}\n",
    b"answer: {regex: '('}\n", b"answer: {tagged: {tag: x}}\n", b"answer: choice\n", b"mode: completion\n", b"{{ n / 0 }}", b"{{ n % 0 }}",
    b"{{ 9 | round(999999999) }}", b"{{ 'x' | center(999999999) }}", b"{{ label | wordwrap(0) }}", b"{{ label | indent(-5) }}",
    b"{{ labels | groupby('nope') }}", b"{{ labels | sort(attribute='x.y') }}", b"{{ n | format }}", b"{{ '%s%s' | format(1) }}",
    b"{{ '%999999999d' | format(1) }}", b"{{ '{0.__class__}'.format(1) }}", b"{{ label[::0] }}", b"{{ label[10**400] }}", b"{{ n.x.y }}",
    b"{{ labels | tojson }}", b"{{ cycler() }}", b"{{ namespace(a=1) }}", b"{{ joiner(1)(1) }}", b"{{ lipsum(n=99999) }}", b"{{ dict(a=1, **2) }}",
    b"{{ label | int(base=99) }}", b"{{ examples | slice(0) | list }}", b"{{ examples | batch(0) | list }}", b"{{ label | truncate(-1) }}",
    b"{% for k in labels recursive %}{{ loop(labels) }}{% endfor %}", b"{% call x() %}{% endcall %}", b"{% filter upper %}", b"{% do 1 %}",
    b"{{ self }}", b"{{ loop }}", b"{{ caller() }}", b"{{ varargs }}", b"{{ super() }}", b"{% block a %}{% endblock %}", b"{{ not }}", b"{{ (" * 300,
    b"{% autoescape true %}", b"{{ 'a' ~ n ~ none }}", b"{{ undefined_name }}", b"{{ label | random }}", b"{{ [] | first }}", b"{{ [] | max }}",
    b"{{ examples | sum }}", b"{{ label | filesizeformat }}", b"{{ {} | xmlattr }}", b"{{ {'a b': 1} | xmlattr }}", b"{{ 'x' | urlize(-1) }}",
)  # fmt: skip
ANSWER_TOKENS = (
    "<think>", "</think>", "<|channel|>analysis<|message|>", "◁think▷", "[THINK]", "```json\n", "```\n", "```", '["', '"]', '{"text": "',
    '"}', "| text |\n|---|\n", "| a |\n", "<ul><li>", "</li></ul>", "[1] ", "a) ", "1。", "1: ", "- ", "* ", "**", "__", "1. ", "99999999999999. ",
    "\n", "\n\n", "\r\n", "\u2028", "\ufeff", "\x00", "\ud800", "\u202e", "&amp;", "&#x110000;", "&#99999999999;", "Text A: ", "Text B: ",
    "Label: ", "refund", "delivery", "A", "1", "I cannot help with that.", "As an AI", "Here are the texts:", "\\u", "\\ud800", "\\x", "'", '"',
    "{", "}", "[", "]", ",", "//", "/*", "*/", "#", "<text>", "</text>", "<item>", "$", "%", "{word}", "a" * 3000, "<think>" * 500, "[" * 4000,
    '{"a":' * 2000, "(" * 1000, "1. " * 1000, "\n" * 2000, "**" * 2000, "` " * 2000, "NaN", "Infinity", "1e999", "-" * 3000, "é" * 500, "😀",
)  # fmt: skip
HEADS = (
    "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 400 Bad Request", "HTTP/1.1 401 No", "HTTP/1.1 404 No",
    "HTTP/1.1 429 Too Many", "HTTP/1.1 500 Err", "HTTP/1.1 503 Later", "HTTP/1.1 301 Moved", "HTTP/1.1 99 X", "HTTP/1.1 1000 X", "HTTP/2 200",
    "HTTP/1.1 200", "HTTP/1.1", "", "ICY 200 OK", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "HTTP/1.1 413 Too Large", "HTTP/1.1 422 X",
)  # fmt: skip
HEADERS = (
    "", "retry-after: 0\r\n", "retry-after: -1\r\n", "retry-after: 1e999\r\n", "retry-after: nan\r\n", "retry-after: Mon, 99 Foo\r\n",
    "retry-after: " + "9" * 400 + "\r\n", "content-length: -1\r\n", "content-length: 5\r\n", "content-length: " + "9" * 5000 + "\r\n",
    "transfer-encoding: chunked\r\n", "content-encoding: gzip\r\n", "content-encoding: br\r\n", "connection: close\r\n", "location: http://[\r\n",
    "location: /elsewhere\r\n", "x: " + "y" * 100_000 + "\r\n", "x\r\n", ": y\r\n", "x : y\r\n", " x: y\r\n", "content-type: text/html\r\n",
    "content-type: application/json; charset=nope\r\n", "content-type: text/event-stream\r\n", "upgrade: websocket\r\n", "x-ratelimit: é\r\n",
)  # fmt: skip
MESSAGES = (
    "System role not supported", "This model's maximum context length is 10 tokens. However, you requested 99999999999999999999 tokens",
    "maximum context length is -5 tokens", "`temperature` is not supported", "Unrecognized request argument supplied: top_k",
    "response_format is not supported", "n must be 1", "", "x" * 5000, "\ud800", "max_tokens must be at least 1, got 200", "{}", "null",
)  # fmt: skip


def mutate_bytes(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    """Change bytes at random places, one to four times."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(BYTE_MUTATIONS)(rng, content, tokens)
    return content


def _span(rng: random.Random, content: bytes, most: int = 40) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.randint(1, most))


def _insert(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(content) + 1)
    if rng.random() < 0.6:  # at the end of a line, where more of the content stays right
        end = content.find(b"\n", at)
        at = len(content) if end < 0 else end
    return content[:at] + rng.choice(tokens) + content[at:]


def _delete(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def _replace(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    start, end = _span(rng, content, 12)
    return content[:start] + rng.choice(tokens) + content[end:]


def _flip(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 8, 50))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    return content[: rng.randrange(len(content) + 1)] if rng.random() < 0.9 else b""


def _repeat(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    start, end = _span(rng, content)
    return content[:end] + content[start:end] * rng.choice((1, 2, 50, 2_000)) + content[end:]


def _swap_lines(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"".join(lines)


def _reencode(rng: random.Random, content: bytes, tokens: Sequence[bytes]) -> bytes:
    return content.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "cp1252")), "replace")


BYTE_MUTATIONS: tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...] = (
    _insert, _insert, _insert, _replace, _replace, _delete, _flip, _truncate, _repeat, _swap_lines, _reencode,
)  # fmt: skip


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


def mutate_tree(rng: random.Random, tree: Any, values: Sequence[Any] = VALUES, keys: Sequence[str] = KEYS) -> Any:
    """Replace, remove, wrap, add, rename or swap nodes of a JSON value, one to three times."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        containers = list(_containers(tree))
        if not containers or rng.random() < 0.01:
            return rng.choice(values)
        container = rng.choice(containers)
        key = rng.choice(list(container) if isinstance(container, dict) else range(len(container)))
        action = rng.choice(("value", "value", "value", "remove", "wrap", "add", "rename", "swap", "copy"))
        if action == "value":
            container[key] = rng.choice(values)
        elif action == "remove":
            del container[key]
        elif action == "wrap":
            container[key] = rng.choice(([container[key]], {rng.choice(keys): container[key]}, [container[key]] * 3))
        elif action == "add" and isinstance(container, dict):
            container[rng.choice(keys)] = rng.choice(values)
        elif action == "rename" and isinstance(container, dict):
            container[rng.choice([*keys, str(key).upper(), f"{key}s", f" {key}"])] = container.pop(key)
        elif action == "copy" and isinstance(container, list):
            container.insert(0, json.loads(json.dumps(container[key])))
        else:
            other = rng.choice(containers)
            other_key = rng.choice(list(other) if isinstance(other, dict) else range(len(other)))
            # A copy, because a tree that contains itself has no text.
            container[key] = json.loads(json.dumps(other[other_key]))
    return tree


# ---- the kinds of cases

RUN = (
    "run",
    "recipe.yaml",
    "--out",
    "run",
    "--limit",
    "6",
    "--set",
    "budget.requests=12",
    "--set",
    "budget.minutes=0.05",
)
RECIPE_COMMANDS = (("validate", "recipe.yaml", "--json"), (*RUN, "--json"))
QUIET_RUN = (*RUN[:6], "--quiet")
RUN_FILES = {
    "run/manifest.json": "json", "run/evaluation.json": "json", "run/review.jsonl": "lines", "run/journal.sqlite": "sqlite",
    "run/.textsynth-files.jsonl": "lines", "run/dataset/data/train-00000-of-00001.parquet": "bytes",
    "run/dataset/dropped/train-00000-of-00001.parquet": "bytes", "run/dataset/README.md": "bytes", "run/evaluate.sqlite": "sqlite",
    "run/report.html": "bytes",
}  # fmt: skip


def make_case(seed: int, kind: str, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    """Return a case; `files` are the scenarios, with the finished run as the scenario `finished`."""
    rng = random.Random(f"{seed}:{kind}:{number}")
    return KINDS[kind](rng, number, files)


def _recipe_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    scenario = rng.choice(("labelled", "labelled", "labelled", "pairs", "summaries", "several", "curated", "served"))
    content = files[scenario]["recipe.yaml"]
    if rng.random() < 0.65:
        content = as_yaml(mutate_tree(rng, yaml.safe_load(content), (*VALUES, *COMPONENTS)))
    if rng.random() < 0.4:
        content = mutate_bytes(rng, content, YAML_TOKENS)
    commands = RECIPE_COMMANDS if _is_cheap(content) else RECIPE_COMMANDS[:1]
    return Case("recipe", number, scenario, "recipe.yaml", content, commands)


def _is_cheap(content: bytes) -> bool:
    """Whether a recipe has a model of its own, or needs none: else a run unpacks and loads the bundled one."""
    try:
        models = yaml.safe_load(content).get("models")
        model = str(models.get("generator")) if isinstance(models, dict) else ""
    except Exception:  # no recipe at all
        return True
    steps = (b"labelled", b"paraphrase", b"summary", b"pair", b"choice", b"faithful")
    needs_none = b"existing" in content and not any(step in content for step in steps)
    return "scripted" in model or "http" in model or needs_none


def _prompt_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    if rng.random() < 0.5:
        lines = PROMPT.encode().splitlines(keepends=True)
        for _ in range(rng.choice((1, 1, 2))):
            lines.insert(rng.randrange(8, len(lines)), rng.choice(PROMPT_TOKENS) + b"\n")
        content = b"".join(lines)
    elif rng.random() < 0.4:
        head = yaml.safe_load(PROMPT.split("---")[1])
        content = b"---\n" + as_yaml(mutate_tree(rng, head)) + b"---" + PROMPT.split("---", 2)[2].encode()
    else:
        content = mutate_bytes(rng, PROMPT.encode(), (*PROMPT_TOKENS, *PROMPT_TOKENS, *YAML_TOKENS))
    return Case(
        "prompt", number, "prompt", "prompts/short.jinja", content, (*RECIPE_COMMANDS, ("preview", "recipe.yaml"))
    )


def _source_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    scenario = rng.choice([name for name in files if name.startswith("source ")])
    file = scenario.split()[1]
    content = files[scenario][file]
    if file.endswith((".json", ".jsonl")) and rng.random() < 0.6:
        rows = mutate_tree(rng, seed_rows(), keys=("text", "label", "Text", " label", ""))
        if file.endswith(".jsonl"):
            content = "".join(json.dumps(row) + "\n" for row in (rows if isinstance(rows, list) else [rows])).encode()
        else:
            content = json.dumps(rng.choice((rows, {"data": rows}, {"rows": rows}))).encode()
    elif file.endswith(".parquet") and rng.random() < 0.7:
        columns = {name: [row[name] for row in seed_rows()] for name in ("text", "label")}
        name = rng.choice(("text", "label"))
        columns[name] = _column(rng, columns[name])
        if rng.random() < 0.2:
            columns[rng.choice(("Text", "labels", ""))] = columns.pop(name)
        content = parquet_bytes(columns)
    elif file.endswith(".gz") and rng.random() < 0.7:
        if rng.random() < 0.1:
            content = gzip.compress(bytes(1 << 20), mtime=0) * 3_000
        else:
            content = gzip.compress(mutate_bytes(rng, gzip.decompress(content), TEXT_TOKENS), mtime=0)
    else:
        content = mutate_bytes(rng, content, TEXT_TOKENS)
    return Case("source", number, scenario, file, content, RECIPE_COMMANDS)


def _column(rng: random.Random, texts: list[str]) -> list[Any]:
    values: tuple[Any, ...] = (
        1,
        2.5,
        float("nan"),
        None,
        True,
        b"\xff\x00",
        ["a", "b"],
        {"a": 1},
        "",
        "x" * 100_000,
        10**18,
    )
    if rng.random() < 0.5:
        return [rng.choice(values)] * len(texts)
    return [value if rng.random() < 0.5 else None for value in texts]


def _answers(rng: random.Random) -> str:
    pieces = [MONEY, "where is my tent", "who has my letter", "refund", "A", '["the lamp never came", "my chair is late"]',
              '{"text": "a lamp", "text_b": "the lamp"}', "Text A: my tent\nText B: the tent"]  # fmt: skip
    if rng.random() < 0.25:
        rows = mutate_tree(rng, [{"text": "a lamp", "label": "refund"}, "my tent"], keys=("text", "text_b", "items"))
        return json.dumps(rows)
    parts = [rng.choice((*ANSWER_TOKENS, *pieces)) for _ in range(rng.randint(1, 7))]
    text = "".join(parts)
    return text * rng.choice((1, 1, 1, 1, 20, 200)) if len(text) < 2_000 else text


def _answer_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    scenario = rng.choice([name for name in files if name.startswith("answers ")])
    answers = [_answers(rng) for _ in range(rng.randint(1, 3))]
    content = json.dumps({"answer": [*answers, MONEY]}).encode() + b"\n"
    if rng.random() < 0.08:
        content = mutate_bytes(rng, content, TEXT_TOKENS)
    return Case("answer", number, scenario, "answers.jsonl", content, (QUIET_RUN, ("report", "run")))


def _response_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    way = rng.random()
    if way < 0.35:
        keys = ("content", "text", "error", "message", "choices", "usage", "reasoning_content", "refusal")
        tree = mutate_tree(rng, chat_body(MONEY), keys=keys)
        content = response(json.dumps(tree).encode())
    elif way < 0.55:
        error = {"error": {"message": rng.choice(MESSAGES), "code": rng.choice((*VALUES[:12], 400, "x"))}}
        content = response(
            json.dumps(mutate_tree(rng, error) if rng.random() < 0.4 else error).encode(), rng.choice(HEADS)
        )
    elif way < 0.8:
        content = response(json.dumps(chat_body(MONEY)).encode(), rng.choice(HEADS), rng.choice(HEADERS))
    else:
        content = mutate_bytes(rng, good_response(), (*TEXT_TOKENS, *(line.encode() for line in HEADERS)))
    return Case("response", number, "served", "response", content, (QUIET_RUN,))


def _run_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    file = rng.choice(list(RUN_FILES))
    form = RUN_FILES[file]
    content: bytes | None = files["finished"][file]
    if rng.random() < 0.03:
        content = None
    elif form == "json" and rng.random() < 0.75:
        content = json.dumps(mutate_tree(rng, json.loads(content or b"")), ensure_ascii=rng.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
    elif form == "lines" and rng.random() < 0.6:
        lines = mutate_tree(rng, [json.loads(line) for line in (content or b"").splitlines()])
        content = "".join(json.dumps(line) + "\n" for line in (lines if isinstance(lines, list) else [lines])).encode()
    elif form == "sqlite" and rng.random() < 0.6:
        content = _changed_table(rng, content or b"")
    else:
        content = mutate_bytes(rng, content or b"", TEXT_TOKENS)
    commands: list[tuple[str, ...]] = [
        ("report", "run", "--json"), ("report", "run"), ("export", "run", "--as", "csv", "--replace"),
        ("export", "run", "--as", "argilla", "--config", "dropped", "--replace"), ("why", "run", "ID"), ("review", "run"),
        ("push", "run", "a/b", "--dry-run", "--with-provenance", "--waive", "leak", "--max-retry", "0.1"), QUIET_RUN,
        ("report", "run"),
    ]  # fmt: skip
    if rng.random() < (0.3 if file == "run/evaluate.sqlite" else 0.02):  # takes seconds
        commands.insert(-2, ("evaluate", "run", "--train", "seeds.csv", "--test", "seeds.csv"))
    return Case("run folder", number, "finished", file, content, tuple(commands))


def _changed_table(rng: random.Random, content: bytes) -> bytes:
    """Return a database in which some cells are other values."""
    values = (
        None,
        0,
        -1,
        1e308,
        "",
        "x",
        "[]",
        "{}",
        "null",
        "[" * 3000,
        b"\xff\x00",
        b"",
        "\u202e",
        '{"a": 1}',
        2**62,
        "[1]",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.sqlite")
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(rng.choice((1, 2, 4))):
            table = rng.choice(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            with contextlib.suppress(sqlite3.Error):
                rows = rng.choice(("1", "rowid % 3 = 0", "rowid = 1"))
                connection.execute(f"UPDATE {table} SET {rng.choice(columns)} = ? WHERE {rows}", (rng.choice(values),))
        if rng.random() < 0.1:
            connection.execute(f"DROP TABLE {rng.choice(tables)}")
        if rng.random() < 0.1:
            connection.execute(f"PRAGMA user_version = {rng.choice((0, 1, 2, 99, -1))}")
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return path.read_bytes()


def _evaluate_case(rng: random.Random, number: int, files: Mapping[str, Mapping[str, bytes]]) -> Case:
    file = rng.choice(("test.csv", "texts.csv", "train.csv"))
    content = mutate_bytes(rng, files["evaluated"][file], TEXT_TOKENS)
    command = ("evaluate", "texts.csv", "--train", "train.csv", "--test", "test.csv", "--json")
    return Case("evaluate", number, "evaluated", file, content, (command,))


KINDS: dict[str, Callable[[random.Random, int, Mapping[str, Mapping[str, bytes]]], Case]] = {
    "recipe": _recipe_case, "prompt": _prompt_case, "source": _source_case, "answer": _answer_case,
    "response": _response_case, "run folder": _run_case, "evaluate": _evaluate_case,
}  # fmt: skip
SHARES = {
    "recipe": 0.25,
    "prompt": 0.125,
    "source": 0.2,
    "answer": 0.175,
    "response": 0.1,
    "run folder": 0.145,
    "evaluate": 0.005,
}

"""The unchanged files of `fuzz.py`: for each scenario a folder of right files."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

MONEY = "1. give me back my ten pounds\n2. the kettle is broken, refund me\n3. I paid twice for one lamp"
PARCEL = "1. where is my blue tent\n2. who has my letter now\n3. the lamp never came home"
RULES = (
    ("You label texts", ["delivery", "refund"]),
    ("Label: refund", [MONEY, MONEY.replace("ten", "two").replace("lamp", "red chair")]),
    ("", [PARCEL, PARCEL.replace("blue", "green").replace("lamp", "sofa from the shop")]),
)
ANSWERS = "".join(json.dumps({"contains": contains, "answer": answers}) + "\n" for contains, answers in RULES)
SEEDS = (
    "text,label\nplease give back my money,refund\nwhere is my tent,delivery\nI want my money back now,refund\n"
    "my parcel is late,delivery\nyou took the money two times,refund\nthe van has left without me,delivery\n"
)
TEXTS = (
    "text,label\nrefund the broken kettle to me,refund\nno letter has come here,delivery\nten pounds must come back,refund\n"
    "is the sofa on its way,delivery\nyou charge me for nothing,refund\nthe driver cannot find us,delivery\n"
)
TEST = (
    "text,label\nsend the money to my account again,refund\nwhen does the box come,delivery\nthis lamp was paid twice,refund\n"
    "no bell rang and no van was seen,delivery\nI do not want to pay for it,refund\nit should be at my door today,delivery\n"
)
LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}
BUDGET = {"requests": 16, "minutes": 0.05, "patience": 6}
SCRIPTED = {"generator": {"scripted": {"file": "answers.jsonl"}}}
LABELLED: dict[str, Any] = {
    "name": "tickets", "version": 1, "language": "en", "seed": 7, "task": "classification", "labels": LABELS,
    "models": SCRIPTED, "sources": {"seeds": {"rows": {"path": "seeds.csv", "text": "text", "label": "label"}}},
    "generate": [
        {"labelled": {"source": "seeds", "domain": "messages to a shop", "attributes": {"tone": ["calm", "angry"]},
                      "per_request": 3, "shots": 2, "contrast_labels": 1, "show_accepted": 2,
                      "sampling": {"temperature": 0.8, "max_tokens": 200}}},
        {"paraphrase": {"source": "seeds", "share": 0.2, "styles": ["shorter", "longer"]}},
    ],
    "filter": [{"length": {"min_words": 2, "max_words": 40}}, "refusal", "personal_data", "exact_duplicate",
               {"near_duplicate": {"similarity": 0.7}}, {"copies_source": {"source": "seeds"}}],
    "label": [{"choice": {"votes": 2, "on_disagreement": "review", "on_low_confidence": "review"}}],
    "select": [{"balanced": {"over": ["tone"]}}], "want": {"label": 3, "tone": 2}, "oversample": 1.2,
    "budget": BUDGET,
    "export": {"splits": {"train": 0.7, "test": 0.3}, "license": "cc-by-4.0", "pretty_name": "Tickets", "hub": "a/b"},
}  # fmt: skip
PAIRS: dict[str, Any] = {
    "name": "pairs", "task": "pairs", "labels": {"duplicate": "the same", "different": "not the same"},
    "models": {"generator": {"scripted": {"answers": [
        "Text A: where is my tent\nText B: I wait for my tent", '[{"text": "a lamp", "text_b": "the lamp"}]',
    ]}}},
    "generate": [{"pair": {"per_request": 2}}], "filter": ["exact_duplicate"], "select": [], "want": {"label": 2},
    "budget": BUDGET,
}  # fmt: skip
SUMMARIES: dict[str, Any] = {
    "name": "summaries", "task": "summarization", "models": {"generator": {"scripted": {"pattern": "A {word} of {n}."}}},
    "sources": {"documents": {"rows": {"path": "seeds.csv", "limit": "1k"}}},
    "generate": [{"summary": {"source": "documents", "sentences": [1, 2]}}],
    "filter": [{"length": {"min_words": 1}}, "faithfulness"], "select": [], "want": {"total": 3}, "budget": BUDGET,
}  # fmt: skip
SEVERAL: dict[str, Any] = {
    "name": "several", "multi_label": True, "labels": LABELS, "models": SCRIPTED,
    "sources": {"seeds": {"rows": {"path": "seeds.csv", "separator": "|", "rename": {"money": "refund"}}}},
    "generate": [{"labelled": {"source": "seeds", "combinations": [["refund", "delivery"], ["refund"]]}}],
    "filter": ["exact_duplicate"], "select": [], "want": {"total": 4}, "budget": BUDGET,
}  # fmt: skip
CURATED: dict[str, Any] = {
    "name": "curated", "labels": LABELS, "sources": {"raw": "raw.csv", "seeds": "seeds.csv"},
    "generate": [{"existing": {"source": "raw"}}],
    "filter": ["length", "refusal", "personal_data", "language", "exact_duplicate", "near_duplicate",
               {"leak": {"source": "seeds", "semantic": 1}}],
    "select": [], "budget": BUDGET,
}  # fmt: skip
SERVED: dict[str, Any] = {
    "name": "served", "labels": LABELS,
    "models": {"generator": {"http": {
        "base_url": "http://127.0.0.1:9/v1", "model": "mock-small", "max_downtime_seconds": 0.2, "timeout_seconds": 1,
        "retries": 1, "concurrency": 2, "extra_body": {"top_k": 5}}}},
    "generate": ["labelled"], "filter": ["exact_duplicate"], "select": [], "want": {"label": 2},
    "budget": {"requests": 6, "minutes": 0.03, "patience": 3},
}  # fmt: skip
PROMPT = """\
---
description: Short messages.
variables: {label: the label, label_description: its meaning, examples: seeds, attributes: properties, n: how many}
answer: list
sampling: {temperature: 0.9, max_tokens: 400}
mode: chat
---
{% chat role="system" %}
You write short messages. {{ label_description or label }}
{% endchat %}
{% chat role="user" %}
Label: {{ label }}
{% for text in examples %}
- {{ text | trim }}
{% endfor %}
{% for attribute in attributes if attribute.value %}{{ attribute.name }}: {{ attribute.value | upper }}{% endfor %}
Write {{ n }} messages.
{% endchat %}
"""


def as_yaml(value: object) -> bytes:
    """Return a recipe as YAML text."""
    try:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, RecursionError, ValueError):
        return json.dumps(value, default=str).encode("utf-8", "surrogatepass")


def source_recipe(file: str, **options: object) -> bytes:
    """Return a recipe that reads its seeds and its rows to curate from `file`."""
    rows = {"rows": {"path": file, **options}}
    return as_yaml({
        **LABELLED, "sources": {"seeds": rows, "raw": rows}, "label": [], "select": [], "want": {"label": 2},
        "generate": [{"labelled": {"source": "seeds"}}, {"existing": {"source": "raw", "share": 0.5}}],
    })  # fmt: skip


def seed_rows() -> list[dict[str, str]]:
    """Return the seeds as rows."""
    lines = SEEDS.splitlines()
    return [dict(zip(("text", "label"), line.rsplit(",", 1), strict=True)) for line in lines[1:]]


def parquet_bytes(columns: Mapping[str, Sequence[object]]) -> bytes:
    """Return a parquet file; a column of values of several types becomes text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError):
            arrays[name] = pa.array([ascii(value)[:1000] for value in values])
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def scenarios() -> dict[str, dict[str, bytes]]:
    """Return the files of every scenario by name."""
    common = {"seeds.csv": SEEDS.encode(), "answers.jsonl": ANSWERS.encode()}
    rows = seed_rows()
    json_lines = "".join(json.dumps({**row, "more": {"a": [1, None]}}) + "\n" for row in rows)
    columns = {name: [row[name] for row in rows] for name in ("text", "label")}
    prompted = {**LABELLED, "label": [], "generate": [{"labelled": {"prompt": "short", "source": "seeds",
                "attributes": {"tone": ["calm", "angry"]}}}], "select": [], "want": {"label": 2}}  # fmt: skip
    found = {
        "labelled": {"recipe.yaml": as_yaml(LABELLED), **common},
        "pairs": {"recipe.yaml": as_yaml(PAIRS), **common},
        "summaries": {"recipe.yaml": as_yaml(SUMMARIES), **common},
        "several": {"recipe.yaml": as_yaml(SEVERAL), **common},
        "curated": {"recipe.yaml": as_yaml(CURATED), **common, "raw.csv": SEEDS.encode()},
        "served": {"recipe.yaml": as_yaml(SERVED), "response": good_response()},
        "prompt": {"recipe.yaml": as_yaml(prompted), **common, "prompts/short.jinja": PROMPT.encode()},
        "evaluated": {"test.csv": TEST.encode(), "texts.csv": TEXTS.encode(), "train.csv": SEEDS.encode()},
    }
    contents = {
        "seeds.csv": SEEDS.encode(),
        "seeds.tsv": SEEDS.replace(",", "\t").encode(),
        "seeds.jsonl": json_lines.encode(),
        "seeds.json": json.dumps(rows).encode(),
        "seeds.parquet": parquet_bytes(columns),
        "seeds.csv.gz": gzip.compress(SEEDS.encode(), mtime=0),
    }
    for name, content in contents.items():
        found[f"source {name}"] = {"recipe.yaml": source_recipe(name), "answers.jsonl": ANSWERS.encode(), name: content}
    texts = "\n".join(row["text"] for row in rows).encode()
    for name, content in (("texts.txt", texts), ("texts.txt.gz", gzip.compress(texts, mtime=0))):
        recipe = {**SUMMARIES, "sources": {"documents": name}}
        found[f"source {name}"] = {"recipe.yaml": as_yaml(recipe), name: content}
    for name, recipe in (("labelled", LABELLED), ("pairs", PAIRS), ("several", SEVERAL), ("summaries", SUMMARIES)):
        scripted = {**recipe, "models": {"generator": {"scripted": {"file": "answers.jsonl"}}}}
        found[f"answers {name}"] = {"recipe.yaml": as_yaml(scripted), **common}
    return found


def good_response() -> bytes:
    """Return a right response of a chat server."""
    return response(json.dumps(chat_body(MONEY)).encode())


def chat_body(text: str) -> dict[str, Any]:
    """Return the JSON of a chat completion."""
    message = {"role": "assistant", "content": text, "reasoning_content": None, "tool_calls": []}
    usage = {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60, "details": {"cached": 0}}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {"id": "x", "object": "chat.completion", "model": "mock-small", "choices": [choice], "usage": usage}


def response(body: bytes, head: str = "HTTP/1.1 200 OK", headers: str = "") -> bytes:
    """Return a response with its length."""
    lines = f"{head}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return lines.encode("utf-8", "surrogateescape") + body

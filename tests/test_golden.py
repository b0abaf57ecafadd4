"""Golden values: record ids, journal keys, model identities and the bytes of config `default` must not drift.

The values in `data/golden.json` and the journal in `data/journal_0.1.0.sqlite` were written by version 0.1.0, before
its names changed. A difference means that users would pay for every answer again, or that a published data set
could not be reproduced. Bytes are compared only with the pyarrow and datasets they were written with.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from textsynth.models.http import Http
from textsynth.models.local import Local
from textsynth.models.scripted import Scripted
from textsynth.models.vllm import Vllm
from textsynth.recipe import read_recipe
from textsynth.runner import run

DATA = Path(__file__).parent / "data"
GOLDEN = json.loads((DATA / "golden.json").read_text(encoding="utf-8"))
VERSIONS = {name: importlib.metadata.version(name) for name in ("datasets", "pyarrow")}

SEEDS = "text,label\n" + "".join(
    f"{text} {when},{label}\n"
    for label, text in (("refund", "please return my money for the lamp of"), ("delivery", "no parcel came on"))
    for when in ("monday", "tuesday", "friday", "the first of may")
)
ANSWERS = r"""
THINGS = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def answer(request):
    start = int(request.key[:8], 16)
    texts = [f"my {THINGS[(start + n) % 10]} number {start // 7 % 1000 + n} for {THINGS[start % 7]}" for n in range(3)]
    return "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))


def choose(request):
    return ("refund", "delivery")[int(request.key[:8], 16) % 2]
"""
CLASSIFICATION = """\
version: 1
name: golden
models:
  generator: {scripted: {function: "./answers.py:answer"}}
  judge: {scripted: {function: "./answers.py:choose"}}
labels: {refund: asks for money back, delivery: asks where a parcel is}
sources: {seeds: seeds.csv}
generate:
  - labelled: {source: seeds, per_request: 3, attributes: {tone: [plain, annoyed]}, domain: messages to a web shop}
  - paraphrase: {source: seeds, share: 0.3}
filter: [length, refusal, exact_duplicate, near_duplicate, copies_source]
label: [choice: {model: judge}]
select: []
want: {label: 12}
export: {splits: {train: 0.8, test: 0.2}}
"""
PARAPHRASE = """\
version: 1
name: golden
task: paraphrasing
models: {generator: {scripted: {function: "./answers.py:answer"}}}
sources: {seeds: seeds.csv}
generate: [paraphrase: {source: seeds, per_request: 2}]
filter: [length, exact_duplicate]
select: []
want: {total: 16}
"""
SUMMARIZATION = """\
version: 1
name: golden
task: summarization
models: {generator: {scripted: {function: "./answers.py:answer"}}}
sources: {documents: seeds.csv}
generate: [summary: {sentences: [1, 2]}]
filter: [length, exact_duplicate]
select: []
want: {total: 10}
"""
RECIPES = {"classification": CLASSIFICATION, "paraphrase": PARAPHRASE, "summarization": SUMMARIZATION}
MODELS = {
    "http": Http(base_url="http://127.0.0.1:1/v1", model="m"),
    "http with all": Http(
        base_url="http://127.0.0.1:1/v1",
        model="m",
        revision="r",
        adapter="a",
        engine="vllm-0.32",
        extra_body={"min_p": 0.1},
        thinking={"max_tokens": 99},
        response_format=False,
    ),
    "vllm": Vllm(model="Qwen/Qwen3-8B", revision="main", flags={"quantization": "fp8", "max-model-len": 512}),
    "local": Local(),
    "scripted": Scripted(answers=("a", "b")),
    "scripted with faults": Scripted(pattern="{n} {word}", faults={"every": 3, "kind": "cut"}),
}


def recipe_in(folder: Path, task: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    path = folder / "golden.yaml"
    path.write_text(RECIPES[task], encoding="utf-8")
    return path


def sha256(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def keys_in(run_folder: Path) -> list[str]:
    with sqlite3.connect(run_folder / "journal.sqlite") as connection:
        return sorted(
            key.hex() if isinstance(key, bytes) else key for (key,) in connection.execute("SELECT key FROM answers")
        )


def values_of(run_folder: Path) -> dict[str, object]:
    """Return what must not drift of a run: its ids, journal keys and the content and bytes of config `default`."""
    files = sorted((run_folder / "dataset" / "data").rglob("*.parquet"))
    rows = [json.dumps([path.stem, row], sort_keys=True) for path in files for row in pq.read_table(path).to_pylist()]
    dropped = [
        row["id"]
        for path in sorted((run_folder / "dataset" / "dropped").rglob("*.parquet"))
        for row in pq.read_table(path, columns=["id"]).to_pylist()
    ]
    return {
        "rows": sha256(rows),
        "dropped": sha256(dropped),
        "keys": sha256(keys_in(run_folder)),
        "bytes": sha256([hashlib.sha256(path.read_bytes()).hexdigest() for path in files]),
    }


@pytest.mark.parametrize("task", RECIPES)
def test_ids_keys_and_bytes_do_not_drift(tmp_path: Path, task: str) -> None:
    run(read_recipe(recipe_in(tmp_path, task)), out=tmp_path / "out")
    values, expected = values_of(tmp_path / "out"), dict(GOLDEN["runs"][task])
    if GOLDEN["versions"] != VERSIONS:
        values.pop("bytes"), expected.pop("bytes")
    assert values == expected


def test_a_journal_of_version_0_1_0_is_read(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, "classification")
    (tmp_path / "out").mkdir()
    shutil.copy(DATA / "journal_0.1.0.sqlite", tmp_path / "out" / "journal.sqlite")
    result = run(read_recipe(recipe), out=tmp_path / "out")
    assert result.manifest["requests"]["sent"] == 0
    assert values_of(tmp_path / "out")["rows"] == GOLDEN["runs"]["classification"]["rows"]


@pytest.mark.parametrize("name", MODELS)
def test_identities_of_models_do_not_drift(name: str) -> None:
    assert MODELS[name].identity == GOLDEN["identities"][name]

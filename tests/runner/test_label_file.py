"""Labelling given texts with the labellers of a recipe: no generator is asked, and every text has its row."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import textsynth as ts
from textsynth.core.errors import UsageError
from textsynth.recipe import read_recipe
from textsynth.runner.label_file import label_texts

ROOT = Path(__file__).parent.parent.parent
MODELS = """\
def write(request):
    raise ValueError("the generator was asked")


def choose(request):
    text = request.prompt.messages[-1].content
    if "perhaps" in text:
        return ("refund", "delivery")[int(request.key[:4], 16) % 2]
    return "refund" if "refund" in text else "delivery" if "parcel" in text else "no label at all"
"""
TEXTS = [
    "where is my parcel",
    "a refund please",
    "perhaps a refund or a parcel",
    "what a day",
    "a refund please",
    "=refund(1)",
]


def write_recipe(folder: Path, **sections: object) -> Path:
    (folder / "models.py").write_text(MODELS)
    (folder / "seeds.csv").write_text("text,label\nsend the refund,refund\nwhich parcel,delivery\n")
    recipe = {
        "name": "tickets",
        "models": {
            "generator": {"scripted": {"function": "./models.py:write"}},
            "judge": {"scripted": {"function": "./models.py:choose"}},
        },
        "labels": {"refund": {"description": "asks for money back", "want": 7}, "delivery": "asks where a parcel is"},
        "sources": {"seeds": "seeds.csv", "unused": "missing.csv"},
        "generate": ["labelled"],
        "label": [{"choice": {"model": "judge", "source": "seeds", "min_confidence": 0.9, "votes": 5, **REVIEW}}],
        "want": 40,
        **sections,
    }
    (folder / "missing.csv").write_text("text\nnever read\n")
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


REVIEW = {"on_low_confidence": "review"}


def write_texts(path: Path, column: str = "text") -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({column: TEXTS}), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({column: text}) + "\n" for text in TEXTS))
    else:
        path.write_text(f"{column}\n" + "".join(f"{text}\n" for text in TEXTS))
    return path


def read_labels(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(encoding="utf-8") as file:
        return [{**row, "label": row["label"].split("|") if row["label"] else []} for row in csv.DictReader(file)]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_text_has_a_row_with_label_confidence_and_status_in_the_order_of_the_file(
    tmp_path: Path, suffix: str
) -> None:
    texts = write_texts(tmp_path / f"messages{suffix}")
    result = label_texts(read_recipe(write_recipe(tmp_path)), texts, out=tmp_path / "run")
    assert result.file == tmp_path / "run" / f"labels{suffix}"
    rows = read_labels(result.file)
    assert [row["text"] for row in rows] == TEXTS
    assert [row["status"] for row in rows] == ["labelled", "labelled", "review", "dropped", "labelled", "labelled"]
    assert [row["label"] for row in rows[:2]] == [["delivery"], ["refund"]]
    assert [float(row["confidence"]) for row in rows[:2]] == [1.0, 1.0]
    assert rows[2]["reason"] == "too few votes for the chosen label"
    assert 0.5 < float(rows[2]["confidence"]) < 0.9
    assert rows[3]["label"] == []
    assert "none of the labels" in rows[3]["reason"]
    assert len({row["id"] for row in rows}) == len(TEXTS)
    assert result.status_counts == {"labelled": 4, "review": 1, "dropped": 1}
    assert result.label_counts == {"refund": 3, "delivery": 1}
    assert result.exit_code == 0


def test_the_generator_is_never_asked_and_a_second_call_sends_nothing(tmp_path: Path) -> None:
    recipe, texts = read_recipe(write_recipe(tmp_path)), write_texts(tmp_path / "messages.csv")
    first = label_texts(recipe, texts, out=tmp_path / "run")
    requests = first.run.manifest["requests"]
    assert (requests["planned"], requests["sent"]) == (5 * len(TEXTS), 5 * len(TEXTS))
    content = first.file.read_bytes()
    second = label_texts(recipe, texts, out=tmp_path / "run")
    assert second.run.manifest["requests"]["sent"] == 0
    assert second.file.read_bytes() == content
    assert set(second.run.manifest["sources"]) == {"seeds", "texts"}


def test_a_small_budget_leaves_texts_unlabelled_and_a_larger_one_continues(tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "messages.csv")
    short = label_texts(read_recipe(write_recipe(tmp_path, budget={"requests": 12})), texts, out=tmp_path / "run")
    assert short.exit_code == 3
    assert short.sentence.endswith("4 of them because the budget was spent")
    full = label_texts(read_recipe(write_recipe(tmp_path, budget={"requests": 100})), texts, out=tmp_path / "run")
    assert (full.exit_code, full.run.manifest["requests"]["sent"]) == (0, 5 * len(TEXTS) - 10)


def test_pairs_are_labelled_from_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("first,second\nwhere is it,the parcel\ngive it,the refund\n")
    recipe = read_recipe(write_recipe(tmp_path, task="pairs", generate=["pair"], sources={}, want=7), PLAIN)
    rows = label_texts(recipe, path, out=tmp_path / "run", text="first,second").rows
    assert [row["labels"] for row in rows] == [["delivery"], ["refund"]]
    assert rows[0]["texts"] == {"text_a": "where is it", "text_b": "the parcel"}


PLAIN = ["label.0.choice.source=null"]


def test_rows_are_labelled_from_python(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    result = ts.label_texts([{"body": text} for text in TEXTS], recipe, out=tmp_path / "run", text="body", quiet=True)
    assert isinstance(result, ts.Labelling)
    assert result.counts == {"refund": 3, "delivery": 1}
    assert [row["texts"]["text"] for row in result.rows] == TEXTS
    assert read_labels(result.file)[0]["label"] == ["delivery"]
    assert "4 of 6 texts labelled, 1 text waits for a person, 1 got no accepted label" in str(result)
    assert ts.load(result.folder).manifest["counts"]["review"] == 1


def test_a_recipe_without_labellers_is_an_error(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, label=[]))
    with pytest.raises(UsageError, match="the recipe has no labeller"):
        label_texts(recipe, write_texts(tmp_path / "messages.csv"), out=tmp_path / "run")


def test_the_command_prints_counts_and_json(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    write_texts(tmp_path / "messages.csv", "body")
    command = [sys.executable, "-m", "textsynth", "label", "messages.csv", "--recipe", "recipe.yaml", "--text", "body"]
    text = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert text.returncode == 0, text.stderr
    assert "4 of 6 texts labelled, 1 text waits for a person" in text.stdout
    assert "textsynth review runs/tickets-labels" in text.stdout
    output = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=tmp_path, check=False)
    result = json.loads(output.stdout)
    assert result["texts"] == {"given": 6, "labelled": 4, "review": 1, "dropped": 1}
    assert result["labels"] == {"refund": 3, "delivery": 1}
    assert result["file"] == "runs/tickets-labels/labels.csv"
    assert result["manifest"]["requests"]["sent"] == 0
    missing = subprocess.run([*command[:4], "no.csv", *command[5:]], capture_output=True, cwd=tmp_path, check=False)
    assert missing.returncode == 2

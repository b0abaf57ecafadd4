"""No selected row lacks a label or a text that its task promises; what would is said before anything is requested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textsynth.core.errors import RecipeError, UsageError
from textsynth.recipe import make_recipe, read_recipe
from textsynth.runner import run
from textsynth.store.dataset import DatasetReader

RECIPE = """\
name: unlabelled
task: {task}
models: {{generator: {{scripted: {{function: "./answers.py:answer"}}}}}}
labels: {{refund: asks for money back, delivery: asks where a parcel is}}
sources: {{seeds: {file}}}
generate: [{generate}]
filter: [exact_duplicate]
want: {{total: 6}}
"""
ANSWERS = """\
def answer(request):
    open("asked", "a").close()
    return f"a new text number {int(request.key[:6], 16)}"
"""
TEXTS = ["my money please", "send it back", "where is it", "not here yet"]
LABELS = ["refund", "refund", "delivery", "delivery"]


def write_csv(folder: Path, column: str) -> str:
    rows = "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS, strict=True))
    (folder / "seeds.csv").write_text(f"text,{column}\n{rows}")
    return "seeds.csv"


def write_jsonl(folder: Path, column: str) -> str:
    rows = [json.dumps({"text": text, column: label}) for text, label in zip(TEXTS, LABELS, strict=True)]
    (folder / "seeds.jsonl").write_text("\n".join(rows))
    return "seeds.jsonl"


def write_parquet(folder: Path, column: str) -> str:
    pq.write_table(pa.table({"text": TEXTS, column: LABELS}), folder / "seeds.parquet")
    return "seeds.parquet"


def recipe_in(folder: Path, file: str, generate: str, task: str = "classification") -> Path:
    (folder / "answers.py").write_text(ANSWERS)
    (folder / "recipe.yaml").write_text(RECIPE.format(file=file, generate=generate, task=task))
    return folder / "recipe.yaml"


@pytest.mark.parametrize("column", ["Label", "labels", " label", "intent"])
@pytest.mark.parametrize("generate", ["paraphrase", "summary: {source: seeds}", "existing: {source: seeds}"])
@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_parquet])
def test_rows_without_labels_are_said_before_anything_is_requested(
    write: Callable[[Path, str], str],
    generate: str,
    column: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe(recipe_in(tmp_path, write(tmp_path, column), generate))
    with pytest.raises(UsageError, match="4 rows of 4 without a label") as caught:
        run(recipe, out=tmp_path / "run")
    assert f"did you mean the column {column!r}?" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cell", [[], None, ""])
def test_a_column_of_labels_that_is_empty_is_said_before_anything_is_requested(cell: object, tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text("\n".join(json.dumps({"text": text, "label": cell}) for text in TEXTS))
    recipe = read_recipe(recipe_in(tmp_path, "seeds.jsonl", "paraphrase"))
    with pytest.raises(UsageError, match="'label'"):
        run(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("column", ["Label", "labels"])
def test_rows_passed_in_python_without_labels(column: str, tmp_path: Path) -> None:
    recipe = make_recipe(
        name="rows",
        models={"generator": {"scripted": {"answers": ["a new text"]}}},
        labels={"refund": "asks for money", "delivery": "asks where a parcel is"},
        sources={"seeds": [{"text": text, column: label} for text, label in zip(TEXTS, LABELS, strict=True)]},
        generate=["paraphrase"],
    )
    with pytest.raises(RecipeError, match=f"did you mean the column '{column}'"):
        run(recipe, out=tmp_path / "run")


def test_some_rows_without_a_label_are_said_too(tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": [label] if label == "refund" else []} for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UsageError, match="2 rows of 4 without a label, and paraphrase gives each text the label"):
        run(read_recipe(recipe_in(tmp_path, "seeds.jsonl", "paraphrase")), out=tmp_path / "run")


GENERATOR = """\
from textsynth.core.protocols import Generator
from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling


class Mine(Generator):
    needs_model = False

    def start(self, context, name):
        return Session(name)


class Session:
    def __init__(self, name):
        self.name, self.done = name, False

    def plan_requests(self, deficits, max_requests):
        requests = [] if self.done else [GenerationRequest(step=self.name, model="", prompt=None, sampling=Sampling())]
        self.done = True
        return requests

    def parse_response(self, request, request_key, completion):
        fields = FIELDS
        return [
            Record("a text with everything", Provenance(self.name, index=1), ("refund",), fields),
            Record("a text that lacks it", Provenance(self.name, index=2), LABELS, {name: " " for name in fields}),
        ]

    def observe_accepted(self, accepted):
        pass
"""


@pytest.mark.parametrize(
    ("task", "fields", "labels", "reason"),
    [
        ("classification", "{}", "()", "it has no label"),
        ("paraphrasing", '{"source_text": "an original"}', '("refund",)', "it has no 'source_text'"),
        ("summarization", '{"document": "a document"}', '("refund",)', "it has no 'document'"),
    ],
)
def test_a_generator_of_ones_own_whose_texts_lack_something(
    task: str, fields: str, labels: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(GENERATOR.replace("FIELDS", fields).replace("LABELS", labels))
    recipe = read_recipe(recipe_in(tmp_path, write_csv(tmp_path, "label"), "./mine.py", task))
    summary = run(recipe, out=tmp_path / "run")
    assert summary.manifest["counts"]["selected"] == 1
    (drop,) = summary.manifest["drops"]
    assert (drop["step"], drop["count"]) == ("required_columns", 1)
    assert drop["reason"].startswith(reason.split("'")[0].strip())
    assert len(DatasetReader(tmp_path / "run" / "dataset" / "data")) == 1


@pytest.mark.parametrize(("task", "field"), [("paraphrasing", "source_text"), ("summarization", "document")])
def test_existing_rows_without_the_text_of_a_column_are_said_before_anything(
    task: str, field: str, tmp_path: Path
) -> None:
    (tmp_path / "seeds.csv").write_text("text,original,label\na,b,refund\nc,,refund\n")
    path = recipe_in(
        tmp_path,
        f"{{rows: {{path: seeds.csv, text: text, fields: {{{field}: original}}}}}}",
        "existing: {source: seeds}",
        task,
    )
    with pytest.raises(UsageError, match=f"1 row of 2 without '{field}', which fills the column"):
        run(read_recipe(path), out=tmp_path / "run")


def test_a_row_without_labels_is_dropped_where_texts_may_have_several(tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": [label] if label == "refund" else []} for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = recipe_in(tmp_path, "seeds.jsonl", "existing: {source: seeds}")
    path.write_text(path.read_text() + "multi_label: true\n")
    run(read_recipe(path), out=tmp_path / "run")
    labels = DatasetReader(tmp_path / "run" / "dataset" / "data").column("label")
    assert labels == [["refund"], ["refund"]]

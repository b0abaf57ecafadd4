"""A task in a user's file, with two text columns, from the data set to every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, load_dataset

from tests.export.outcomes import run_result
from tests.report.folders import manifest
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.registry import load_component
from textsynth.core.task import Task
from textsynth.export.dataset import write_dataset
from textsynth.export.exported_texts import export_info, read_texts
from textsynth.export.formats import format_names, write_format
from textsynth.export.run_result import RunResult
from textsynth.store.manifest import Manifest, write_manifest

TASK = '''\
"""Natural language inference."""

from textsynth.core.task import Task, label_answer, label_instruction


class Inference(Task):
    """Pairs of a premise and a hypothesis."""

    columns = {"premise": "premise", "hypothesis": ""}
    generator = "existing"

    def texts(self, record):
        return (record.field_text("premise"), record.text)

    @property
    def hub_category(self):
        return "text-classification"

    def description(self, *, multi_label):
        return "Pairs of sentences."

    @property
    def fields_shown(self):
        return {"premise": "first_sentence", "hypothesis": "second_sentence"}

    def instruction(self, labels, *, multi_label):
        return label_instruction("Does the second sentence follow from the first?", labels)

    def chat_example(self, example, instruction, labels):
        pair = f"{example.texts['premise']} / {example.texts['hypothesis']}"
        return f"{instruction}\\n\\n{pair}", label_answer(example, labels)
'''
LABELS = {"yes": "it follows", "no": "it does not follow"}


def pair(number: int, label: str) -> Record:
    """Return a pair; two pairs with consecutive numbers share a premise."""
    return Record(
        f"hypothesis {number}",
        Provenance("existing", index=number),
        (label,),
        {"premise": f"premise {number // 2}", "topic": "parcels"},
        {"choice": 0.9},
    )


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    (tmp_path / "inference.py").write_text(TASK, encoding="utf-8")
    task = load_component("task", "./inference.py", tmp_path)()
    assert isinstance(task, Task)
    return run_result(
        task=task,
        labels=LABELS,
        labellers=("choice",),
        selected=[pair(number, ("yes", "no")[number % 2]) for number in range(20)],
        surplus=[],
        dropped=[DroppedRecord(pair(30, "yes"), "filter", "length", "too few words", 2, 3)],
        splits={"train": 0.5, "test": 0.5},
    )


@pytest.fixture
def run(result: RunResult, tmp_path: Path) -> Path:
    """Return the folder of a run of this task, beside the task's file."""
    write_dataset(tmp_path / "run" / "dataset", result)
    write_manifest(tmp_path / "run", own_manifest(result))
    return tmp_path / "run"


def own_manifest(result: RunResult) -> Manifest:
    return {**manifest(result), "task": "./inference.py"}


def test_the_data_set_loads_with_both_columns_and_pairs_with_one_premise_are_in_one_split(run: Path) -> None:
    dataset = load_dataset(str(run / "dataset"))
    assert {name: len(rows) for name, rows in dataset.items()} == {"train": 10, "test": 10}
    assert dataset["train"].column_names == ["id", "premise", "hypothesis", "label"]
    assert dataset["train"].features["label"] == ClassLabel(names=["yes", "no"])
    assert set(dataset["train"]["premise"]).isdisjoint(dataset["test"]["premise"])
    provenance = load_dataset(str(run / "dataset"), "provenance")["train"]
    assert {json.dumps(json.loads(attributes)) for attributes in provenance["attributes"]} == {'{"topic": "parcels"}'}
    (dropped,) = load_dataset(str(run / "dataset"), "dropped")["train"]
    assert (dropped["text"], dropped["source_text"]) == ("hypothesis 30", "premise 15")


def test_the_card_has_the_task_s_description_columns_and_category(run: Path) -> None:
    card = (run / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "Pairs of sentences. The texts are given, and checked with TextSynth." in card
    assert "| `default` | `id`, `premise`, `hypothesis`, `label` |" in card
    assert "task_categories:\n- text-classification\n" in card


def test_texts_are_read_by_column_also_the_dropped_ones(run: Path, result: RunResult) -> None:
    texts = {text.id: text for text in read_texts(run, own_manifest(result), "default")}
    assert {id_: text.texts for id_, text in texts.items()} == {
        record.id: {"premise": record.field_text("premise"), "hypothesis": record.text} for record in result.selected
    }
    assert {text.confidence for text in texts.values()} == {0.9}
    (dropped,) = read_texts(run, own_manifest(result), "dropped")
    assert dropped.texts == {"premise": "premise 15", "hypothesis": "hypothesis 30"}
    assert dropped.extra["reason"] == "too few words"


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("config", ["default", "dropped"])
def test_every_format_has_both_texts_of_every_pair(
    name: str, config: str, run: Path, result: RunResult, tmp_path: Path
) -> None:
    texts = read_texts(run, own_manifest(result), config)
    paths = write_format(name, texts, export_info(run, own_manifest(result)), tmp_path / "out")
    content = "".join(path.read_text(encoding="utf-8") for path in paths)
    for text in texts:
        assert text.texts["premise"] in content
        assert text.texts["hypothesis"] in content


def test_annotation_tools_and_csv_files_show_the_task_s_names_for_the_texts(
    run: Path, result: RunResult, tmp_path: Path
) -> None:
    texts, info = read_texts(run, own_manifest(result), "default"), export_info(run, own_manifest(result))
    (csv,) = write_format("csv", texts, info, tmp_path / "pairs.csv")
    header = "id,first_sentence,second_sentence,label,confidence,split,your_label"
    assert csv.read_text(encoding="utf-8-sig").splitlines()[0] == header
    records, settings, _ = write_format("argilla", texts, info, tmp_path / "argilla")
    assert [field["name"] for field in json.loads(settings.read_text())["fields"]] == header.split(",")[1:3]
    first = json.loads(records.read_text())[0]
    assert first["fields"] == {
        "first_sentence": texts[0].texts["premise"],
        "second_sentence": texts[0].texts["hypothesis"],
    }
    assert list(first["suggestions"]) == ["label"]
    config, tasks = write_format("label-studio", texts, info, tmp_path / "label-studio")
    assert '<Choices name="label" toName="second_sentence"' in config.read_text(encoding="utf-8")
    assert json.loads(tasks.read_text())[0]["data"]["first_sentence"] == texts[0].texts["premise"]


def test_chat_examples_are_made_by_the_task(run: Path, result: RunResult, tmp_path: Path) -> None:
    texts, info = read_texts(run, own_manifest(result), "default"), export_info(run, own_manifest(result))
    (path,) = write_format("messages", texts[:1], info, tmp_path / "chat.jsonl")
    user, assistant = json.loads(path.read_text(encoding="utf-8"))["messages"]
    assert user["content"] == (
        "Does the second sentence follow from the first?\n\n- yes: it follows\n- no: it does not follow\n\n"
        f"{texts[0].texts['premise']} / {texts[0].texts['hypothesis']}"
    )
    assert assistant["content"] == texts[0].labels[0]

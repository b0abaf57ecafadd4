"""Reading the texts of a run from its folder, to export them in another format."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.outcomes import LABELS, record, run_result
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Provenance, Record
from textsynth.export.dataset import write_dataset
from textsynth.export.exported_texts import export_info, read_texts
from textsynth.export.formats import ExportedTexts, format_names, write_format
from textsynth.export.run_result import RunResult

MANIFEST = manifest(run_result())


def write_run(folder: Path, result: RunResult) -> Path:
    write_dataset(folder / "dataset", result)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path, run_result())


def test_selected_texts_have_their_labels_confidence_and_split(run: Path) -> None:
    texts = read_texts(run, MANIFEST, "default")
    assert len(texts) == 30
    assert {text.split for text in texts} == {"train", "validation"}
    assert all(text.labels[0] in LABELS and text.confidence == 0.75 and text.extra == {} for text in texts)
    assert len(read_texts(run, MANIFEST, "default", "validation")) == 6


def test_the_agreement_with_a_label_is_not_the_confidence_in_the_label_that_a_person_set(tmp_path: Path) -> None:
    selected = [
        Record(
            f"text {decision}",
            Provenance("labelled"),
            ("refund",),
            {REVIEW_DECISION: decision} if decision else {},
            {"agreement": 0.8},
        )
        for decision in ("", "keep", "relabel")
    ]
    write_run(tmp_path, run_result(selected=selected))
    confidence = {text.texts["text"]: text.confidence for text in read_texts(tmp_path, MANIFEST, "default")}
    assert confidence == {"text ": 0.8, "text keep": 0.8, "text relabel": None}


def test_provenance_adds_where_a_text_comes_from(run: Path) -> None:
    text = read_texts(run, MANIFEST, "provenance")[0]
    assert text.extra["step"] == "labelled"
    assert text.extra["model"] == "SmolLM2@abc"
    assert text.extra["example_ids"] == "aaaa000011112222"
    assert text.extra["attributes"] == '{"tone": "plain"}'


def test_dropped_texts_have_their_reason_and_answers_that_were_not_parsed_are_raw(run: Path) -> None:
    texts = read_texts(run, MANIFEST, "dropped")
    # every candidate that was not selected: five drops, and two surplus texts
    assert len(texts) == MANIFEST["counts"]["candidates"] - MANIFEST["counts"]["selected"] == 7
    by_reason = {text.extra["reason"]: text for text in texts}
    assert by_reason["too few words"].extra["score"] == 2.0
    assert by_reason["too few words"].split == "dropped"
    assert by_reason["too few words"].texts == {"text": "text 100"}
    assert by_reason["no list"].extra["section"] == "parse"
    assert by_reason["no list"].texts == {"text": "raw ? junk"}


@pytest.mark.parametrize(("task", "column"), [("paraphrasing", "text"), ("summarization", "document")])
def test_the_text_that_was_rewritten_is_in_its_column_also_for_dropped_texts(
    task: str, column: str, tmp_path: Path
) -> None:
    field = {"paraphrasing": "source_text", "summarization": "document"}[task]
    rewrites = [Record(f"new {n}", Provenance("p", index=n), (), {field: f"original {n}"}) for n in range(2)]
    drop = DroppedRecord(rewrites[1], "filter", "length", "too few words")
    result = run_result(task=task, labels={}, selected=rewrites[:1], surplus=(), dropped=[drop])
    run = write_run(tmp_path, result)
    for config, number in (("default", 0), ("dropped", 1)):
        (text,) = read_texts(run, manifest(result), config)
        assert text.texts[column] == f"original {number}"
        assert text.texts[result.task.text_column] == f"new {number}"


def test_labels_descriptions_and_the_task_s_instruction_come_from_the_manifest(run: Path) -> None:
    info = export_info(run, MANIFEST)
    assert (info.name, info.labels, info.multi_label) == ("parcels", LABELS, False)
    assert "- refund: wants money back" in info.instruction


def test_labels_without_descriptions_come_from_the_data_set_and_the_instruction_from_the_user(run: Path) -> None:
    info = export_info(run, {**MANIFEST, "labels": {}}, "Label it.")
    assert (info.labels, info.instruction) == ({"refund": "", "delivery": ""}, "Label it.")


@pytest.mark.parametrize("selected", [[Record("both", Provenance("labelled"), ("delivery", "refund"))], []])
def test_several_labels_per_text_are_recognized_also_where_every_text_was_dropped(
    selected: list[Record], tmp_path: Path
) -> None:
    result = run_result(multi_label=True, selected=selected)
    assert export_info(write_run(tmp_path, result), manifest(result)).multi_label


@pytest.mark.parametrize(
    ("config", "split", "message"),
    [
        ("defalt", None, "did you mean 'default'"),
        ("default", "trian", "did you mean 'train'"),
        ("dropped", "train", "there are: dropped"),
    ],
)
def test_an_unknown_config_or_split_is_an_error_with_the_nearest_name(
    run: Path, config: str, split: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_texts(run, MANIFEST, config, split)


def test_a_config_without_texts_is_an_error(tmp_path: Path) -> None:
    write_run(tmp_path, run_result(selected=()))
    with pytest.raises(UsageError, match="config default has no texts to export"):
        read_texts(tmp_path, MANIFEST, "default")


def test_a_data_set_with_missing_rows_is_an_error(tmp_path: Path) -> None:
    write_run(tmp_path, run_result(selected=[record(1)]))
    with pytest.raises(UsageError, match="has 1 of the run's 30 rows"):
        export_info(tmp_path, MANIFEST)


@pytest.mark.parametrize("config", ["default", "provenance", "dropped"])
def test_rows_are_read_as_they_are_used_and_batches_of_any_size_give_the_same_files(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", run_result())
    info = export_info(run, MANIFEST)
    contents: list[list[bytes]] = []
    for rows in (5_000, 7):
        monkeypatch.setattr("textsynth.store.dataset.BATCH_ROWS", rows)
        texts = read_texts(run, MANIFEST, config)
        assert isinstance(texts, ExportedTexts)
        as_list = list(texts)
        assert (len(texts), texts[0], texts[-1], texts[2:0:-1]) == (
            len(as_list), as_list[0], as_list[-1], as_list[2:0:-1],
        )  # fmt: skip
        for name in format_names():
            for kind, values in {"streamed": texts, "listed": as_list}.items():
                paths = write_format(name, values, info, tmp_path / f"{rows}-{kind}-{name}")
                contents.append([path.read_bytes() for path in paths])
    names = 2 * len(format_names())
    assert contents[0:names:2] == contents[1:names:2] == contents[names::2] == contents[names + 1 :: 2]


def test_configs_that_differ_in_their_texts_are_an_error(run: Path) -> None:
    other = write_run(run / "other", run_result(selected=[record(100 + number) for number in range(30)]))
    for path in (run / "dataset" / "provenance").glob("*.parquet"):
        path.write_bytes((other / "dataset" / "provenance" / path.name).read_bytes())
    with pytest.raises(UsageError, match="differ in their texts"):
        list(read_texts(run, MANIFEST, "default"))

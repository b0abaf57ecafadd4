"""The texts of a real run's folder, as another format gets them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.export.outcomes import LABELS, outcome
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.core.records import REVIEW_DECISION, Provenance, Record
from textsynth.export.dataset import write_dataset
from textsynth.export.formats.load import export_info, read_texts


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset", outcome())
    return tmp_path


def test_selected_texts_have_their_labels_confidence_and_split(run: Path) -> None:
    texts = read_texts(run, "default")
    assert len(texts) == 30
    assert {text.split for text in texts} == {"train", "validation"}
    assert all(text.labels[0] in LABELS and text.confidence == 0.75 and text.more == {} for text in texts)
    assert len(read_texts(run, "default", "validation")) == 6


def test_a_text_that_a_person_relabelled_has_no_agreement_with_the_label_before(tmp_path: Path) -> None:
    told = outcome(labellers=())
    said = [None, "keep", "relabel"]
    selected = [
        Record(
            f"text {say}",
            Provenance("labelled"),
            ("refund",),
            {REVIEW_DECISION: say} if say else {},
            {"agreement": 0.8},
        )
        for say in said
    ]
    write_dataset(tmp_path / "dataset", replace(told, selected=selected))
    found = {text.text: text.confidence for text in read_texts(tmp_path, "default")}
    assert found == {"text None": 0.8, "text keep": 0.8, "text relabel": None}


def test_passports_add_where_a_text_comes_from(run: Path) -> None:
    one = read_texts(run, "provenance")[0]
    assert one.more["step"] == "labelled"
    assert one.more["model"] == "SmolLM2@abc"
    assert one.more["attributes"] == '{"tone": "plain"}'


def test_dropped_texts_have_their_reason_and_unread_answers_are_none(run: Path) -> None:
    texts = read_texts(run, "dropped")
    assert len(texts) == 6
    by_reason = {text.more["reason"]: text for text in texts}
    assert by_reason["too few words"].more["score"] == 2.0
    assert by_reason["too few words"].split == "dropped"
    assert "no list" not in by_reason


def test_what_is_said_of_all_comes_from_the_manifest(run: Path) -> None:
    told = manifest(outcome())
    about = export_info(run, told)
    assert about.labels == LABELS
    assert "- refund: wants money back" in about.instruction
    bare = export_info(run, {**told, "labels": {}}, "Label it.")
    assert (bare.labels, bare.instruction) == ({"refund": "", "delivery": ""}, "Label it.")


@pytest.mark.parametrize(
    ("config", "split", "told"),
    [
        ("defalt", None, "did you mean 'default'"),
        ("default", "trian", "did you mean 'train'"),
        ("dropped", "train", "there are: dropped"),
    ],
)
def test_slips_get_the_nearest_name(run: Path, config: str, split: str | None, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_texts(run, config, split)


def test_a_run_without_texts_says_so(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome(selected=()))
    with pytest.raises(UsageError, match="config default has no texts to export"):
        read_texts(tmp_path, "default")

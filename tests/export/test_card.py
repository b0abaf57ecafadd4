"""The card: metadata that the Hub reads, an account in words, and nothing that a text can forge."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard

from tests.export.outcomes import HOSTILE, outcome, record
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.card import DatasetConfig, card
from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import CardFigure, CardMetadata, RunResult, SourceInfo

CONFIGS = [
    DatasetConfig("default", {"train": "data/train-00000-of-00001.parquet"}, "ab" * 32, 30),
    DatasetConfig("dropped", {"train": "dropped/train-00000-of-00001.parquet"}, "cd" * 32, 7),
]


def written(told: RunResult, notes: tuple[str, ...] = ()) -> DatasetCard:
    return DatasetCard(card(told, CONFIGS, {"train": told.selected[:20], "validation": told.selected[20:]}, notes))


def test_metadata_comes_back_as_it_was_written() -> None:
    data = written(outcome(license="cc-by-4.0")).data
    assert data.to_dict() == {
        "pretty_name": "parcels",
        "language": "en",
        "license": "cc-by-4.0",
        "task_categories": ["text-classification"],
        "task_ids": ["multi-class-classification"],
        "size_categories": "n<1K",
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "tags": ["synthetic", "textsynth"],
        "configs": [
            {
                "config_name": "default",
                "default": True,
                "description": f"sha256 of the content: {'ab' * 32}",
                "data_files": [{"split": "train", "path": "data/train-00000-of-00001.parquet"}],
            },
            {
                "config_name": "dropped",
                "description": f"sha256 of the content: {'cd' * 32}",
                "data_files": [{"split": "train", "path": "dropped/train-00000-of-00001.parquet"}],
            },
        ],
    }
    assert yaml.safe_load(data.to_yaml()) == data.to_dict()


def test_only_configs_that_can_be_loaded_are_promised() -> None:
    told = written(outcome()).text
    assert "| `default` | `id`, `text`, `label` |\n| `dropped` | what is not in the data set" in told
    assert "| `provenance` |" not in told


def test_texts_with_several_labels_are_not_called_texts_with_a_label_each() -> None:
    assert "Texts with a label each, to train" in written(outcome()).text
    told = written(outcome(multi_label=True)).text
    assert "Texts with one label or more each, to train" in told
    assert "| `default` | `id`, `text`, `label` (a list) |" in told


def test_no_licence_is_invented() -> None:
    told = written(outcome())
    assert "license" not in told.data.to_dict()
    assert "No licence was given" in told.text
    assert "No licence" not in written(outcome(license="mit")).text


@pytest.mark.parametrize(
    ("task", "labels", "categories"),
    [
        ("paraphrase", {}, ["text-generation"]),
        ("paraphrase", {"refund": "x", "delivery": "y"}, ["text-generation", "text-classification"]),
        ("summarization", {}, ["summarization"]),
    ],
)
def test_tasks_have_the_hub_s_names(task: str, labels: dict[str, str], categories: list[str]) -> None:
    assert written(outcome(task=task, labels=labels)).data.to_dict()["task_categories"] == categories


def test_given_texts_are_not_called_synthetic() -> None:
    texts = [Record(f"text {n}", Provenance("existing", index=n), ("refund",)) for n in range(30)]
    told = written(outcome(selected=texts))
    assert told.data.to_dict()["tags"] == ["textsynth"]
    assert told.data.to_dict()["language_creators"] == ["found"]
    assert "given, and checked" in told.text
    assert "- The labels are those that came with the texts." in written(outcome(selected=texts, labellers=())).text


def test_the_account_has_models_prompts_sources_counts_and_drops() -> None:
    text = written(outcome(), ("split test is empty and left out",)).text
    for told in (
        "- Model: SmolLM2@abc",
        "- Prompt: labelled, fingerprint f00d",
        "- Source: seeds, seeds.csv",
        "| refund | wants money back | 11 | 4 |",
        "| all |  | 20 | 10 |",
        "Of 37 candidates 30 were selected, 2 were accepted but not picked, 4 were dropped and 1 wait for a person.",
        "| filter | length | too few words | 1 |",
        "| label | choice | the model named none of the labels | 1 |",
        "- split test is empty and left out",
        "The labels are checked by agreement, not by people.",
        "textsynth run recipe.yaml",
        "name: parcels",
    ):
        assert told in text


def test_a_source_s_folders_on_this_machine_stay_here() -> None:
    text = written(
        outcome(sources={"seeds": SourceInfo("/home/someone/secret/seeds.csv"), "raw": SourceInfo("acme/raw")})
    ).text
    assert "- Source: seeds, seeds.csv" in text
    assert "- Source: raw, acme/raw" in text
    assert "someone" not in text


def test_texts_without_labels_are_counted_by_split() -> None:
    assert "| validation | 10 |" in written(outcome(labels={}, task="summarization")).text


def test_nothing_hostile_becomes_markup() -> None:
    told = outcome(
        name=HOSTILE,
        labels={"refund": HOSTILE, "delivery": "asks where"},
        dropped=[DroppedRecord(record(100), "filter", "length", HOSTILE)],
        sources={"seeds": SourceInfo(HOSTILE)},
        recipe_text=f"about: '{HOSTILE}'",
        models=(HOSTILE,),
    )
    found = written(told, (HOSTILE,))
    assert found.data.to_dict()["pretty_name"] == HOSTILE
    before, recipe = found.text.split("with this recipe:\n\n")
    recipe = recipe.split("\n\n## Citation")[0]
    assert "<script" not in before
    assert "[link](" not in before
    assert "\n# head" not in before
    assert all(line.count("|") - line.count("\\|") == 5 for line in before.splitlines() if line.startswith("| refund"))
    fence = recipe.splitlines()[0].removesuffix("yaml")
    assert len(fence) == 4
    assert recipe.rstrip().endswith(fence)
    assert fence not in recipe.removeprefix(fence).rstrip().removesuffix(fence)


def test_an_empty_data_set_has_a_card_too() -> None:
    text = card(outcome(selected=(), surplus=(), dropped=()), [], {"train": []}, ["config default is empty"])
    assert "No text was selected." in text
    assert "configs" not in yaml.safe_load(text.split("---")[1])


def test_every_word_of_the_author_stands_on_the_card_and_is_escaped() -> None:
    about = CardMetadata(
        pretty_name="Parcels, *again*",
        description="What customers write.\nTo a <b>shop</b>.",
        authors=("Ann Lee",),
        intended_use="routing of messages",
        out_of_scope="anything about persons",
        license_name="our-terms",
        license_link="https://example.org/terms",
        tags=("shop", "textsynth"),
        task_categories=("text-classification",),
        task_ids=("intent-classification",),
        source_datasets=("acme/raw",),
    )
    found = written(outcome(metadata=about, license="other"))
    told = found.data.to_dict()
    assert told["pretty_name"] == "Parcels, *again*"
    assert (told["license"], told["license_name"], told["license_link"]) == (
        "other", "our-terms", "https://example.org/terms"
    )  # fmt: skip
    assert told["tags"] == ["synthetic", "textsynth", "shop"]
    assert (told["task_ids"], told["source_datasets"]) == (["intent-classification"], ["acme/raw"])
    assert "# Parcels, \\*again\\*" in found.text
    assert "What customers write.\n\nTo a &lt;b&gt;shop&lt;/b&gt;." in found.text
    assert "- Intended: routing of messages" in found.text
    assert "- Out of scope: anything about persons" in found.text
    assert "The data set is under other (our\\-terms)" in found.text


def test_pictures_stand_with_their_part_and_have_words() -> None:
    shown = [
        CardFigure("figures/funnel.svg", "What became of them", "texts: a|b 3", "<svg/>"),
        CardFigure("figures/proof-words.svg", "Scores", "macro-F1: seeds .5", "<svg/>"),
    ]
    text = written(outcome(figures=shown, evaluation_sentences=("They help.",))).text
    dropped = text.split("## What was dropped")[1].split("## ")[0]
    assert "![What became of them: texts: a\\|b 3](figures/funnel.svg)" in dropped
    assert "(figures/proof-words.svg)" in text.split("## Proof on real data")[1].split("## ")[0]
    assert "figures/" not in written(outcome()).text


def test_a_card_never_holds_half_a_character_and_is_read_back(tmp_path: Path) -> None:
    lone = "a \ud800 lone half"
    told = outcome(
        name="fine",
        dropped=[DroppedRecord(record(100), "filter", "length", lone, 2, 3)],
        metadata=CardMetadata(pretty_name=lone, description=lone),
        prompt_texts={"labelled": lone},
    )
    write_dataset(tmp_path / "dataset", told)
    text = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "a ? lone half" in text
    assert DatasetCard(text).data.to_dict()["configs"][0]["config_name"] == "default"

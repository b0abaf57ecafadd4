"""The card: metadata that the Hub reads, an account in words, and nothing that a text can forge."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub import DatasetCard

from tests.export.outcomes import HOSTILE, outcome, record
from textsynth.export.card import Config, card, escape, size_category
from textsynth.export.outcome import Outcome
from textsynth.records import Drop, Origin, Record

CONFIGS = [
    Config("default", {"train": "data/train-00000-of-00001.parquet"}, "ab" * 32, 30),
    Config("dropped", {"train": "dropped/train-00000-of-00001.parquet"}, "cd" * 32, 7),
]


def written(told: Outcome, notes: tuple[str, ...] = ()) -> DatasetCard:
    return DatasetCard(card(told, CONFIGS, {"train": told.selected[:20], "validation": told.selected[20:]}, notes))


def test_metadata_comes_back_as_it_was_written() -> None:
    data = written(outcome(license="cc-by-4.0")).data
    assert data.to_dict() == {
        "pretty_name": "parcels",
        "language": "en",
        "license": "cc-by-4.0",
        "task_categories": ["text-classification"],
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
    texts = [Record(f"text {n}", Origin("existing", draw=n), ("refund",)) for n in range(30)]
    told = written(outcome(selected=texts))
    assert told.data.to_dict()["tags"] == ["textsynth"]
    assert told.data.to_dict()["language_creators"] == ["found"]
    assert "given, and checked" in told.text


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
    text = written(outcome(sources={"seeds": "/home/someone/secret/seeds.csv", "raw": "acme/raw"})).text
    assert "- Source: seeds, seeds.csv" in text
    assert "- Source: raw, acme/raw" in text
    assert "someone" not in text


def test_texts_without_labels_are_counted_by_split() -> None:
    assert "| validation | 10 |" in written(outcome(labels={}, task="summarization")).text


def test_nothing_hostile_becomes_markup() -> None:
    told = outcome(
        name=HOSTILE,
        labels={"refund": HOSTILE, "delivery": "asks where"},
        dropped=[Drop(record(100), "filter", "length", HOSTILE)],
        sources={"seeds": HOSTILE},
        recipe_text=f"about: '{HOSTILE}'",
        models=(HOSTILE,),
    )
    found = written(told, (HOSTILE,))
    assert found.data.to_dict()["pretty_name"] == HOSTILE
    before, recipe = found.text.split("with this recipe:\n\n")
    assert "<script" not in before
    assert "[link](" not in before
    assert "\n# head" not in before
    assert all(line.count("|") - line.count("\\|") == 5 for line in before.splitlines() if line.startswith("| refund"))
    fence = recipe.splitlines()[0].removesuffix("yaml")
    assert len(fence) == 4
    assert recipe.rstrip().endswith(fence)
    assert fence not in recipe.removeprefix(fence).rstrip().removesuffix(fence)


def test_escaping_keeps_a_text_readable_on_one_line() -> None:
    assert escape("two\nlines & a <b>") == "two lines &amp; a &lt;b&gt;"
    assert escape("a_b*c") == r"a\_b\*c"


def test_sizes_have_the_hub_s_names() -> None:
    sizes = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 99_999: "10K<n<100K", 100_000: "100K<n<1M", 10**6: "1M<n<10M"}
    assert {rows: size_category(rows) for rows in sizes} == sizes


def test_an_empty_data_set_has_a_card_too() -> None:
    text = card(outcome(selected=(), spare=(), dropped=()), [], {"train": []}, ["config default is empty"])
    assert "No text was selected." in text
    assert "configs" not in yaml.safe_load(text.split("---")[1])

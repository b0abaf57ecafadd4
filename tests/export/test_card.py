"""The whole card: metadata that the Hub reads, sections, and no markup that a text could forge."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from tests.export.outcomes import HOSTILE, record, run_result
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.card import DatasetConfig, card
from textsynth.export.card.markdown import details, escape, fenced, table
from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import CardFigure, CardMetadata, RunResult, SourceInfo
from textsynth.export.splits import SplitCounts

CONFIGS = [
    DatasetConfig("default", {"train": "data/train-00000-of-00001.parquet"}, "ab" * 32, 30),
    DatasetConfig("dropped", {"train": "dropped/train-00000-of-00001.parquet"}, "cd" * 32, 7),
]


def read_back(result: RunResult, notes: tuple[str, ...] = ()) -> DatasetCard:
    """Return the card of a result as huggingface_hub reads it."""
    splits = {
        name: SplitCounts(len(rows), Counter(row.label for row in rows if row.label))
        for name, rows in (("train", result.selected[:20]), ("validation", result.selected[20:]))
    }
    return DatasetCard(card(result, CONFIGS, splits, notes))


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_huggingface_hub_reads_the_metadata_as_it_was_written() -> None:
    data = read_back(run_result(license="cc-by-4.0")).data
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


def test_the_sections_have_the_usual_headings_in_order() -> None:
    text = read_back(run_result(evaluation_sentences=("They help.",)), ("a note",)).text
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == [
        "Intended use",
        "Known limitations",
        "How it was made",
        "Counts",
        "What was dropped",
        "Scores",
        "Evaluation on real data",
        "Notes",
        "License",
        "Reproduction",
        "Citation",
    ]


def test_only_configs_that_exist_are_listed() -> None:
    text = read_back(run_result()).text
    assert "| `default` | `id`, `text`, `label` |\n| `dropped` | what is not in the data set" in text
    assert "| `provenance` |" not in text


def test_texts_with_several_labels_are_described_as_such() -> None:
    assert "Texts with a label each, to train" in read_back(run_result()).text
    text = read_back(run_result(multi_label=True)).text
    assert "Texts with one label or more each, to train" in text
    assert "| `default` | `id`, `text`, `label` (a list) |" in text
    assert "have several labels" not in read_back(run_result()).text
    result = run_result(multi_label=True)
    first, *others = result.selected
    both = run_result(multi_label=True, selected=[first.with_labels(list(result.labels)[:2]), *others])
    counts = f"1 of {len(result.selected)} texts have several labels; a text counts for each of its labels."
    assert counts in read_back(both).text


def test_a_data_set_without_a_license_says_so() -> None:
    without = read_back(run_result())
    assert "license" not in without.data.to_dict()
    assert "The data set has no license." in without.text
    assert "has no license" not in read_back(run_result(license="mit")).text


@pytest.mark.parametrize(
    ("task", "labels", "categories"),
    [
        ("paraphrasing", {}, ["text-generation"]),
        ("paraphrasing", {"refund": "x", "delivery": "y"}, ["text-generation", "text-classification"]),
        ("summarization", {}, ["summarization"]),
    ],
)
def test_a_task_has_the_hub_s_categories(task: str, labels: dict[str, str], categories: list[str]) -> None:
    assert read_back(run_result(task=task, labels=labels)).data.to_dict()["task_categories"] == categories


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("paraphrasing", "`id`, `text` (the original), `paraphrase`, `label`"),
        ("summarization", "`id`, `document`, `summary`"),
    ],
)
def test_the_columns_of_a_task_are_listed_with_notes(task: str, columns: str) -> None:
    assert f"| `default` | {columns} |\n" in read_back(run_result(task=task)).text


def test_texts_of_a_source_are_not_called_synthetic() -> None:
    texts = [Record(f"text {n}", Provenance("existing", index=n), ("refund",)) for n in range(30)]
    given_texts = read_back(run_result(selected=texts))
    assert given_texts.data.to_dict()["tags"] == ["textsynth"]
    assert given_texts.data.to_dict()["language_creators"] == ["found"]
    assert "given, and checked" in given_texts.text
    assert "- The labels are those that came with the texts." in given_texts.text


@pytest.mark.parametrize(
    "line",
    [
        "- Model: SmolLM2@abc",
        "- Prompt: labelled, fingerprint f00d",
        "- Source: seeds, seeds.csv",
        "| refund | wants money back | 11 | 4 |",
        "| all |  | 20 | 10 |",
        "Of 37 candidates: 30 selected, 2 accepted but not selected, 4 dropped, 1 waiting for a person.",
        "| filter | length | too few words | 1 |",
        "| label | choice | the model named none of the labels | 1 |",
        "- split test is empty and left out",
        "The labels are checked by choice, not by people.",
        "textsynth run recipe.yaml",
        "name: parcels",
    ],
)
def test_the_card_has_models_prompts_sources_counts_and_drops(line: str) -> None:
    result = run_result(labellers=("choice",))
    assert line in read_back(result, ("split test is empty and left out",)).text


def test_the_folders_of_a_source_on_this_machine_are_not_on_the_card() -> None:
    sources = {"seeds": SourceInfo("/home/someone/secret/seeds.csv"), "raw": SourceInfo("acme/raw")}
    text = read_back(run_result(sources=sources)).text
    assert "- Source: seeds, seeds.csv" in text
    assert "- Source: raw, acme/raw" in text
    assert "someone" not in text


def test_texts_without_labels_are_counted_by_split() -> None:
    assert "| validation | 10 |" in read_back(run_result(labels={}, task="summarization")).text


def test_hostile_texts_do_not_become_markup() -> None:
    result = run_result(
        name=HOSTILE,
        labels={"refund": HOSTILE, "delivery": "asks where"},
        dropped=[DroppedRecord(record(100), "filter", "length", HOSTILE)],
        sources={"seeds": SourceInfo(HOSTILE)},
        recipe_text=f"about: '{HOSTILE}'",
        models=(HOSTILE,),
    )
    hostile = read_back(result, (HOSTILE,))
    assert hostile.data.to_dict()["pretty_name"] == HOSTILE
    before, recipe = hostile.text.split("The recipe:\n\n")
    recipe = recipe.split("\n\n## Citation")[0]
    assert "<script" not in before
    assert "[link](" not in before
    assert "\n# head" not in before
    assert all(line.count("|") - line.count("\\|") == 5 for line in before.splitlines() if line.startswith("| refund"))
    fence = recipe.splitlines()[0].removesuffix("yaml")
    assert len(fence) == 4
    assert recipe.rstrip().endswith(fence)
    assert fence not in recipe.removeprefix(fence).rstrip().removesuffix(fence)


def test_an_empty_data_set_has_a_card() -> None:
    text = card(
        run_result(selected=(), surplus=(), dropped=()), [], {"train": SplitCounts(0, {})}, ["config default is empty"]
    )
    assert "No text was selected." in text
    assert "configs" not in yaml.safe_load(text.split("---")[1])


def test_everything_that_the_author_states_is_on_the_card_and_escaped() -> None:
    metadata = CardMetadata(
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
    stated = read_back(run_result(metadata=metadata, license="other"))
    data = stated.data.to_dict()
    assert data["pretty_name"] == "Parcels, *again*"
    assert (data["license"], data["license_name"], data["license_link"]) == (
        "other", "our-terms", "https://example.org/terms"
    )  # fmt: skip
    assert data["tags"] == ["synthetic", "textsynth", "shop"]
    assert (data["task_ids"], data["source_datasets"]) == (["intent-classification"], ["acme/raw"])
    assert "# Parcels, \\*again\\*" in stated.text
    assert "What customers write.\n\nTo a &lt;b&gt;shop&lt;/b&gt;." in stated.text
    assert "- Intended: routing of messages" in stated.text
    assert "- Out of scope: anything about persons" in stated.text
    assert "The data set is under other (our\\-terms)" in stated.text


def test_figures_are_in_their_section_with_their_numbers_as_text() -> None:
    figures = [
        CardFigure("figures/funnel.svg", "Candidates by outcome", "texts: a|b 3", "<svg/>"),
        CardFigure("figures/evaluation-words.svg", "Scores", "macro-F1: seeds .5", "<svg/>"),
    ]
    text = read_back(run_result(figures=figures, evaluation_sentences=("They help.",))).text
    dropped = section(text, "What was dropped")
    assert "![Candidates by outcome: texts: a\\|b 3](figures/funnel.svg)" in dropped
    assert "(figures/evaluation-words.svg)" in section(text, "Evaluation on real data")
    assert "figures/" not in read_back(run_result()).text


def test_lone_surrogates_are_replaced_on_the_card(tmp_path: Path) -> None:
    lone = "a \ud800 lone half"
    result = run_result(
        name="fine",
        dropped=[DroppedRecord(record(100), "filter", "length", lone, 2, 3)],
        metadata=CardMetadata(pretty_name=lone, description=lone),
        prompt_texts={"labelled": lone},
    )
    write_dataset(tmp_path / "dataset", result)
    text = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "a ? lone half" in text
    assert DatasetCard(text).data.to_dict()["configs"][0]["config_name"] == "default"


def test_an_escaped_text_is_one_readable_line() -> None:
    assert escape("two\nlines & a <b>") == "two lines &amp; a &lt;b&gt;"
    assert escape("a_b*c") == r"a\_b\*c"


@given(st.text())
def test_no_text_ends_its_table_cell_or_its_code_block(text: str) -> None:
    row = table(("a", "b"), [(escape(text), 1)]).split("\n")[2]
    assert row.count("|") - row.count("\\|") == 3
    block = fenced(text, "yaml").split("\n")
    fence = block[0].removesuffix("yaml")
    assert set(fence) == {"`"}
    assert all(fence not in line for line in block[1:-1])


def test_the_summary_of_a_collapsed_block_is_escaped() -> None:
    assert details("a <b>", "inside").startswith("<details><summary>a &lt;b&gt;</summary>\n\n")

"""The card's metadata, as huggingface_hub reads it back; the Hub's names for tasks and sizes; the citation."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from tests.export.outcomes import run_result
from textsynth.core.errors import UsageError
from textsynth.core.records import Provenance, Record
from textsynth.export.card.hub_vocabulary import check_category, check_task_id, matching_task_ids, size_category
from textsynth.export.card.metadata import DatasetConfig, citation, metadata, read_card
from textsynth.export.run_result import CardMetadata, RunResult, SourceInfo

CONFIGS = [DatasetConfig("default", {"train": "data/train-00000-of-00001.parquet"}, "ab" * 32, 30)]


def read_back(result: RunResult) -> dict[str, object]:
    """Return the metadata of a result as huggingface_hub reads it, after checking that it writes the same YAML."""
    text = metadata(result, CONFIGS)
    data = DatasetCard(f"---\n{text}\n---\n\nwords").data
    assert data.to_dict() == yaml.safe_load(text)
    assert DatasetCardData(**data.to_dict()).to_yaml().strip() == text
    return dict(data.to_dict())


def test_huggingface_hub_reads_the_metadata_and_writes_it_again() -> None:
    assert read_back(run_result(license="mit", language="pt-BR"))["language"] == "pt-BR"


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ({"seeds": SourceInfo("seeds.csv")}, ["original"]),
        ({"seeds": SourceInfo("PolyAI/banking77", hub="PolyAI/banking77")}, ["PolyAI/banking77"]),
        ({"seeds": SourceInfo("a/b", hub="a/b"), "test": SourceInfo("a/test", hub="a/test", made_from=False)}, ["a/b"]),
        ({"seeds": SourceInfo("../up", hub="../up")}, ["original"]),
    ],
)
def test_source_datasets_are_those_on_the_hub_that_the_texts_were_made_from(
    sources: dict[str, SourceInfo], names: list[str]
) -> None:
    assert read_back(run_result(sources=sources))["source_datasets"] == names


def test_annotations_creators_says_where_the_labels_come_from() -> None:
    records = [Record(f"text {n}", Provenance("existing", index=n), ("refund",)) for n in range(3)]
    without_labels = run_result(labels={}, task="summarization")
    assert read_back(without_labels)["annotations_creators"] == ["no-annotation"]
    unchecked = run_result(selected=records, confidence_steps=())
    assert read_back(unchecked)["annotations_creators"] == ["found"]
    labelled = run_result(selected=records, labellers=("choice",))
    assert read_back(labelled)["annotations_creators"] == ["machine-generated"]


def test_the_task_id_says_that_texts_may_have_several_labels() -> None:
    assert read_back(run_result(multi_label=True))["task_ids"] == ["multi-label-classification"]


def test_a_card_is_read_as_metadata_and_text() -> None:
    text = metadata(run_result(), CONFIGS)
    assert read_card(f"---\n{text}\n---\n\nwords\n---\n") == (yaml.safe_load(text), "\nwords\n---\n")
    assert read_card("# no metadata\n") == ({}, "# no metadata\n")
    assert read_card("---\n- a\n---\n") == ({}, "")


def test_metadata_that_is_not_yaml_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"README\.md: its metadata is not YAML"):
        read_card("---\na: [\n---\n")


def test_the_hub_has_a_name_for_every_number_of_rows() -> None:
    sizes = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 99_999: "10K<n<100K", 100_000: "100K<n<1M", 10**6: "1M<n<10M"}
    assert {rows: size_category(rows) for rows in sizes} == sizes


def test_the_hub_s_categories_and_task_ids_are_accepted_and_others_get_the_nearest() -> None:
    assert check_category("text-classification") == "text-classification"
    assert check_task_id("intent-classification") == "intent-classification"
    with pytest.raises(ValueError, match="did you mean 'text-classification'"):
        check_category("text-clasification")
    with pytest.raises(ValueError, match="did you mean 'sentiment-classification'"):
        check_task_id("sentiment-classificatoin")


def test_a_task_id_given_as_a_category_or_the_reverse_is_an_error_that_names_the_other_key() -> None:
    with pytest.raises(ValueError, match="of the category 'text-classification': write it under task_ids"):
        check_category("intent-classification")
    with pytest.raises(ValueError, match="write it under task_categories"):
        check_task_id("summarization")


def test_task_ids_of_other_categories_are_left_out() -> None:
    task_ids = ["intent-classification", "news-articles-summarization"]
    assert matching_task_ids(task_ids, ["summarization"]) == ["news-articles-summarization"]


def test_the_citation_has_title_and_authors_escaped_and_no_year() -> None:
    text = citation(run_result(metadata=CardMetadata(pretty_name="50 % {off}", authors=("Ann Lee", "ACME & Sons"))))
    assert text.startswith("```bibtex\n@misc{parcels,\n")
    assert "  title = {50 \\% \\{off\\}}," in text
    assert "  author = {Ann Lee} and {ACME \\& Sons}," in text
    assert "year" not in text
    assert "author" not in citation(run_result())
    assert "curated with" in citation(run_result(selected=()))


def test_the_author_s_own_citation_is_used_unchanged() -> None:
    own = "@article{a,\n  title = {``` tricks}\n}"
    assert citation(run_result(metadata=CardMetadata(citation=own))) == f"````bibtex\n{own}\n````"

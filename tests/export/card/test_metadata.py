"""The metadata, as the real huggingface_hub reads it back."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from tests.export.outcomes import outcome
from textsynth.core.errors import UsageError
from textsynth.core.records import Provenance, Record
from textsynth.export.card.metadata import DatasetConfig, citation, metadata, read_card
from textsynth.export.run_result import CardMetadata, RunResult, SourceInfo

CONFIGS = [DatasetConfig("default", {"train": "data/train-00000-of-00001.parquet"}, "ab" * 32, 30)]


def told(one: RunResult) -> dict[str, object]:
    text = metadata(one, CONFIGS)
    read = DatasetCard(f"---\n{text}\n---\n\nwords").data
    assert read.to_dict() == yaml.safe_load(text)
    assert DatasetCardData(**read.to_dict()).to_yaml().strip() == text
    return dict(read.to_dict())


def test_the_library_reads_back_what_was_written_and_writes_it_again() -> None:
    assert told(outcome(license="mit", language="pt-BR"))["language"] == "pt-BR"


@pytest.mark.parametrize(
    ("sources", "named"),
    [
        ({"seeds": SourceInfo("seeds.csv")}, ["original"]),
        ({"seeds": SourceInfo("PolyAI/banking77", hub="PolyAI/banking77")}, ["PolyAI/banking77"]),
        ({"seeds": SourceInfo("a/b", hub="a/b"), "test": SourceInfo("a/test", hub="a/test", made_from=False)}, ["a/b"]),
        ({"seeds": SourceInfo("../up", hub="../up")}, ["original"]),
    ],
)
def test_what_the_texts_were_made_from(sources: dict[str, SourceInfo], named: list[str]) -> None:
    assert told(outcome(sources=sources))["source_datasets"] == named


def test_who_gave_the_labels() -> None:
    given = [Record(f"text {n}", Provenance("existing", index=n), ("refund",)) for n in range(3)]
    assert told(outcome(labels={}, task="summarization"))["annotations_creators"] == ["no-annotation"]
    assert told(outcome(selected=given, labellers=()))["annotations_creators"] == ["found"]
    assert told(outcome(selected=given, labellers=("choice",)))["annotations_creators"] == ["machine-generated"]
    assert told(outcome(multi_label=True))["task_ids"] == ["multi-label-classification"]


def test_a_card_comes_apart_into_what_it_was_made_of() -> None:
    text = metadata(outcome(), CONFIGS)
    assert read_card(f"---\n{text}\n---\n\nwords\n---\n") == (yaml.safe_load(text), "\nwords\n---\n")
    assert read_card("# no metadata\n") == ({}, "# no metadata\n")
    assert read_card("---\n- a\n---\n") == ({}, "")


def test_metadata_that_are_no_yaml_are_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"README\.md: its metadata are no YAML"):
        read_card("---\na: [\n---\n")


def test_an_entry_is_made_of_what_is_known_and_names_no_year() -> None:
    text = citation(outcome(metadata=CardMetadata(pretty_name="50 % {off}", authors=("Ann Lee", "ACME & Sons"))))
    assert text.startswith("```bibtex\n@misc{parcels,\n")
    assert "  title = {50 \\% \\{off\\}}," in text
    assert "  author = {Ann Lee} and {ACME \\& Sons}," in text
    assert "year" not in text
    assert "author" not in citation(outcome())
    assert "curated with" in citation(outcome(selected=()))


def test_the_author_s_own_stands_as_it_is() -> None:
    own = "@article{a,\n  title = {``` tricks}\n}"
    assert citation(outcome(metadata=CardMetadata(citation=own))) == f"````bibtex\n{own}\n````"

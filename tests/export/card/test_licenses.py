from __future__ import annotations

import pytest

from tests.export.outcomes import run_result
from textsynth.export.card.licenses import LICENSES, check_license, conflicts, known_model_license, license_terms
from textsynth.export.card.provenance import license_section
from textsynth.export.run_result import SourceInfo


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CC-BY-4.0", "the Hub's name for it is 'cc-by-4.0'"),
        ("Apache 2.0", "is 'apache-2.0'"),
        ("MIT License", "is 'mit'"),
        ("cc-by-4", "did you mean 'cc-by-"),
        ("our own terms", "write other, and license_name"),
    ],
)
def test_a_license_that_the_hub_does_not_have_is_an_error_with_the_nearest_name(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_license(name)


def test_the_sentence_about_an_unknown_license_starts_with_the_prefix() -> None:
    with pytest.raises(ValueError, match=r"^the license 'mitt' of 'seeds': it is not on the Hub's list"):
        check_license("mitt", "the license 'mitt' of 'seeds': ")


def test_every_license_of_the_list_is_accepted_and_on_it_once() -> None:
    assert [check_license(name) for name in LICENSES] == list(LICENSES)
    assert len(set(LICENSES)) == len(LICENSES)


@pytest.mark.parametrize(
    ("source", "own", "demand"),
    [
        ("cc0-1.0", "mit", None),
        ("cc0-1.0", None, None),
        ("mit", "cc-by-4.0", None),
        ("cc-by-4.0", None, None),
        ("cc-by-4.0", "cc0-1.0", "demands credit"),
        ("cc-by-sa-4.0", "cc-by-sa-4.0", None),
        ("cc-by-sa-3.0", "cc-by-sa-4.0", None),
        ("cc-by-sa-4.0", "cc-by-sa-3.0", "the same license"),
        ("cc-by-sa-4.0", "mit", "the same license"),
        ("odbl", None, "names no license"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0", None),
        ("cc-by-nc-4.0", "cc-by-nc-sa-4.0", None),
        ("cc-by-nc-4.0", "apache-2.0", "no commercial use"),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", "and the same license again"),
        ("cc-by-nd-4.0", "cc-by-nd-4.0", "does not allow changed versions"),
        ("llama3.1", "mit", None),
        ("other", "mit", None),
        (None, "mit", None),
    ],
)
def test_a_source_whose_demand_the_data_set_does_not_meet_is_a_conflict(
    source: str | None, own: str | None, demand: str | None
) -> None:
    sentences = conflicts(own, {"seeds": source})
    assert bool(sentences) == (demand is not None)
    if demand is not None:
        assert demand in sentences[0]
        assert sentences[0].startswith(f"the source seeds is under {source}, which ")


def test_the_licenses_of_common_models_are_known_by_the_beginning_of_their_names() -> None:
    assert known_model_license("Qwen/Qwen3-8B") == "apache-2.0"
    assert known_model_license("meta-llama/Llama-3.1-8B-Instruct@main") == "llama3.1"
    assert known_model_license("acme/secret") is None
    assert license_terms("llama3.1") == "own terms"


def test_the_card_has_conflicts_first_and_names_sources_and_models_without_a_license() -> None:
    sources = {"seeds": SourceInfo("seeds.csv", license="cc-by-sa-4.0"), "more": SourceInfo("more.csv")}
    section = license_section(run_result(license="mit", sources=sources))
    first, second, *_ = section.split("\n")
    assert first.startswith("- **Conflict**: the source seeds is under cc\\-by\\-sa\\-4.0, which demands the same")
    assert second == "- The data set is under mit, as its author states."
    assert "The license of the source more was not given" in section
    assert "The license of the model SmolLM2@abc was not given" in section


def test_the_card_names_models_with_terms_of_their_own() -> None:
    section = license_section(run_result(model_licenses={"SmolLM2@abc": "llama3.1"}, sources={}))
    assert "under llama3.1, which has terms of its own" in section

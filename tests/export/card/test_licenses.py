from __future__ import annotations

import pytest

from textsynth.export.card.licenses import LICENSES, check_license, conflicts, known_model_license, license_terms


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("CC-BY-4.0", "the Hub's name for it is 'cc-by-4.0'"),
        ("Apache 2.0", "is 'apache-2.0'"),
        ("MIT License", "is 'mit'"),
        ("cc-by-4", "did you mean 'cc-by-"),
        ("our own terms", "write other, and license_name"),
    ],
)
def test_a_licence_is_written_as_on_the_hub(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_license(written)


def test_every_licence_of_the_list_passes_and_is_there_once() -> None:
    assert [check_license(name) for name in LICENSES] == list(LICENSES)
    assert len(set(LICENSES)) == len(LICENSES)


@pytest.mark.parametrize(
    ("source", "own", "words"),
    [
        ("cc0-1.0", "mit", None),
        ("cc0-1.0", None, None),
        ("mit", "cc-by-4.0", None),
        ("cc-by-4.0", None, None),
        ("cc-by-4.0", "cc0-1.0", "asks for credit"),
        ("cc-by-sa-4.0", "cc-by-sa-4.0", None),
        ("cc-by-sa-3.0", "cc-by-sa-4.0", None),
        ("cc-by-sa-4.0", "cc-by-sa-3.0", "the same licence"),
        ("cc-by-sa-4.0", "mit", "the same licence"),
        ("odbl", None, "names no licence"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0", None),
        ("cc-by-nc-4.0", "cc-by-nc-sa-4.0", None),
        ("cc-by-nc-4.0", "apache-2.0", "no commercial use"),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", "and the same licence again"),
        ("cc-by-nd-4.0", "cc-by-nd-4.0", "does not allow changed versions"),
        ("llama3.1", "mit", None),
        ("other", "mit", None),
        (None, "mit", None),
    ],
)
def test_what_goes_together_and_what_does_not(source: str | None, own: str | None, words: str | None) -> None:
    found = conflicts(own, {"seeds": source})
    assert bool(found) == (words is not None)
    if words is not None:
        assert words in found[0]
        assert found[0].startswith(f"the source seeds is under {source}, which ")


def test_models_are_known_by_the_beginning_of_their_names() -> None:
    assert known_model_license("Qwen/Qwen3-8B") == "apache-2.0"
    assert known_model_license("meta-llama/Llama-3.1-8B-Instruct@main") == "llama3.1"
    assert known_model_license("acme/secret") is None
    assert license_terms("llama3.1") == "own terms"

"""What a run hands to its card: sources, licences, prompts, and what the manifest keeps of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.run.recipes import small_recipe
from textsynth.export.run_result import Given
from textsynth.recipe import read_recipe
from textsynth.run import run
from textsynth.run.estimate import estimate
from textsynth.run.outcome import given_sources, model_licenses

MORE = """\
filter: [length, exact_duplicate]
select: []
export: {license: mit, source_licenses: {seeds: cc-by-sa-4.0}, authors: [Ann Lee]}
"""


def test_a_source_is_what_the_texts_are_made_from_or_only_compared_with(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nmy card,card\n")
    path = small_recipe(tmp_path).path
    path.write_text(path.read_text().replace("sources: {", "sources: {test: test.csv, ") + "filter: [leak]\n")
    assert given_sources(read_recipe(path)) == {
        "test": Given("test.csv", made_from=False), "seeds": Given("seeds.csv")
    }  # fmt: skip


def test_a_model_s_licence_is_the_recipe_s_word_before_common_knowledge(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, more="export: {model_licenses: {generator: mit}}")
    assert model_licenses(recipe, {"generator": "Qwen/Qwen3-8B"}) == {"Qwen/Qwen3-8B": "mit"}
    assert model_licenses(small_recipe(tmp_path), {"generator": "Qwen/Qwen3-8B"}) == {"Qwen/Qwen3-8B": "apache-2.0"}
    assert model_licenses(small_recipe(tmp_path), {"generator": "acme/secret"}) == {}


def test_a_conflict_is_said_by_validate_the_card_and_the_manifest(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, more=MORE)
    told = "the source seeds is under cc-by-sa-4.0, which asks for the same licence on what is made from it"
    assert any(note.startswith(f"licences: {told}") for note in estimate(recipe).notes)
    run(recipe, out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["licenses"]["conflicts"][0].startswith(told)
    assert manifest["licenses"]["sources"] == {"seeds": "cc-by-sa-4.0"}
    card = (tmp_path / "out" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "**Conflict**: the source seeds" in card
    assert "The prompt labelled.chat, in full" in card
    assert "(figures/labels.svg)" in card
    assert (tmp_path / "out" / "dataset" / "figures" / "labels.svg").is_file()

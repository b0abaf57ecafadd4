"""What a run hands to its card: sources, licences, prompts, and what the manifest keeps of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.run_result import SourceInfo
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.estimate import estimate
from textsynth.runner.quota import QuotaCell
from textsynth.runner.summary import model_licenses, quota_table, source_infos, versions

MORE = """\
filter: [length, exact_duplicate]
select: []
export: {license: mit, source_licenses: {seeds: cc-by-sa-4.0}, authors: [Ann Lee]}
"""


def test_a_source_is_what_the_texts_are_made_from_or_only_compared_with(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nmy card,card\n")
    path = small_recipe(tmp_path).path
    path.write_text(path.read_text().replace("sources: {", "sources: {test: test.csv, ") + "filter: [leak]\n")
    assert source_infos(read_recipe(path)) == {
        "test": SourceInfo("test.csv", made_from=False), "seeds": SourceInfo("seeds.csv")
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


def drop(label: str, item: str, reason: str) -> DroppedRecord:
    return DroppedRecord(Record(f"{label} {item} {reason}", Provenance("g"), (label,)), "filter", item, reason)


def test_a_short_cell_names_its_three_commonest_reasons_and_a_full_one_none() -> None:
    dropped = [drop("a", "length", "too short")] * 4 + [drop("a", "leak", "in the test set")] * 2
    dropped += [drop("a", "x", "one"), drop("a", "y", "one"), drop("b", "length", "too short")]
    short, full = quota_table([QuotaCell({"label": "a"}, 5, 5), QuotaCell({"label": "b"}, 2, 2)], {0: 3, 1: 2}, dropped)
    assert (short["missing"], full["missing"], full["why"]) == (2, 0, [])
    assert [(one["step"], one["count"]) for one in short["why"]] == [("length", 4), ("leak", 2), ("x", 1)]


def test_more_than_wanted_is_not_missing() -> None:
    (row,) = quota_table([QuotaCell({}, 5, 5)], {0: 9}, [])
    assert (row["missing"], row["selected"]) == (0, 9)


def test_versions_are_plain_words() -> None:
    found = versions()
    assert {"textsynth", "python", "pyarrow"} <= set(found)
    assert json.loads(json.dumps(found)) == found

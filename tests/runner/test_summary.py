"""The summary of a run for its card and manifest: sources, licenses, prompts, the quota table, versions."""

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

LICENSED = """\
filter: [length, exact_duplicate]
select: []
export: {license: mit, source_licenses: {seeds: cc-by-sa-4.0}, authors: [Ann Lee]}
"""


def test_a_source_is_written_from_or_only_compared_with(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nmy card,card\n")
    path = small_recipe(tmp_path).path
    path.write_text(path.read_text().replace("sources: {", "sources: {test: test.csv, ") + "filter: [leak]\n")
    assert source_infos(read_recipe(path)) == {
        "test": SourceInfo("test.csv", made_from=False), "seeds": SourceInfo("seeds.csv")
    }  # fmt: skip


def test_the_recipes_license_of_a_model_comes_before_the_commonly_known_one(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, sections="export: {model_licenses: {generator: mit}}")
    assert model_licenses(recipe, {"generator": "Qwen/Qwen3-8B"}) == {"Qwen/Qwen3-8B": "mit"}
    assert model_licenses(small_recipe(tmp_path), {"generator": "Qwen/Qwen3-8B"}) == {"Qwen/Qwen3-8B": "apache-2.0"}
    assert model_licenses(small_recipe(tmp_path), {"generator": "acme/secret"}) == {}


def test_a_license_conflict_is_in_the_estimate_the_card_and_the_manifest(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, sections=LICENSED)
    conflict = "the source seeds is under cc-by-sa-4.0, which demands the same license for what is made from it"
    assert any(note.startswith(f"licenses: {conflict}") for note in estimate(recipe).notes)
    run(recipe, out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["licenses"]["conflicts"][0].startswith(conflict)
    assert manifest["licenses"]["sources"] == {"seeds": "cc-by-sa-4.0"}
    card = (tmp_path / "out" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "**Conflict**: the source seeds" in card
    assert "The prompt labelled.chat, in full" in card
    assert "(figures/labels.svg)" in card
    assert (tmp_path / "out" / "dataset" / "figures" / "labels.svg").is_file()


def drop(label: str, step: str, reason: str) -> DroppedRecord:
    return DroppedRecord(Record(f"{label} {step} {reason}", Provenance("g"), (label,)), "filter", step, reason)


def test_a_cell_that_lacks_texts_has_its_three_commonest_reasons_and_a_full_one_none() -> None:
    dropped = [drop("a", "length", "too short")] * 4 + [drop("a", "leak", "in the test set")] * 2
    dropped += [drop("a", "x", "one"), drop("a", "y", "one"), drop("b", "length", "too short")]
    cells = [QuotaCell({"label": "a"}, 5, 5), QuotaCell({"label": "b"}, 2, 2)]
    lacking, full = quota_table(cells, {0: 3, 1: 2}, dropped)
    assert (lacking["missing"], full["missing"], full["reasons"]) == (2, 0, [])
    assert [(row["step"], row["count"]) for row in lacking["reasons"]] == [("length", 4), ("leak", 2), ("x", 1)]


def test_more_texts_than_wanted_leave_none_missing() -> None:
    (row,) = quota_table([QuotaCell({}, 5, 5)], {0: 9}, [])
    assert (row["missing"], row["selected"]) == (0, 9)


def test_versions_are_json_values() -> None:
    installed = versions()
    assert {"textsynth", "python", "pyarrow"} <= set(installed)
    assert json.loads(json.dumps(installed)) == installed

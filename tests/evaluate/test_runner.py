"""A run proved on real rows, by its recipe and afterwards, with the real embedder."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.worlds import LABELS, World
from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.evaluate import Evaluation, as_json
from textsynth.evaluate.load import read_run
from textsynth.evaluate.runner import evaluate_file, evaluate_run_folder, evaluate_target, real_of, weight_of
from textsynth.recipe import read_recipe
from textsynth.recipe.context import read_sources
from textsynth.runner import run
from textsynth.store.dataset import DatasetReader

THREE = LABELS[:3]
RECIPE = """\
version: 1
name: proved
task: classification
models: {generator: {scripted: {file: answers.jsonl}}}
labels: {garden: said about a garden, kitchen: said about a kitchen, harbour: said about a harbour}
sources: {seeds: seeds.csv, test: test.csv}
generate:
  - labelled: {source: seeds, per_request: 4, attributes: {case: [one, two, three, four, five, six, seven, eight]}}
filter: [length, exact_duplicate, agreement]
select: []
want: {label: 12}
budget: {requests: 40}
evaluate: EVALUATE
"""
GIVEN = ("train", "test")


def write_rows(path: Path, rows: Sequence[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        table.writerows((row.text, row.label) for row in rows)


def answer(world: World, label: str, other: str) -> str:
    """Return an answer of four texts, one of them of another label."""
    return "\n".join(f"{place}. {world.text(one)}" for place, one in enumerate((label, label, label, other), start=1))


def recipe_in(folder: Path, evaluate: str = "{train: seeds, test: test}") -> Path:
    """Write a recipe of three labels with its rows and the answers of its model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World(labels=THREE, share=0.4)
    write_rows(folder / "seeds.csv", world.rows("seeds", 6))
    write_rows(folder / "test.csv", world.rows("test", 22))
    lines = [
        {"contains": f"Label: {label}", "answer": [answer(world, label, other) for _ in range(8)]}
        for label, other in zip(THREE, THREE[1:] + THREE[:1], strict=True)
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "proved.yaml").write_text(RECIPE.replace("EVALUATE", evaluate))
    return folder / "proved.yaml"


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a recipe whose run, in `run`, was proved by its `evaluate`."""
    folder = tmp_path_factory.mktemp("proved")
    result = run(read_recipe(recipe_in(folder)), out=folder / "run")
    assert result.exit_code == 0
    return folder


def told_in(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return told


def again(folder: Path, said: list[str], **files: Path) -> Evaluation:
    """Prove the finished run in a folder."""
    return evaluate_run_folder(folder, files, columns={}, full=False, ordinal=False, say=said.append)


def scores(told: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    return {(arm, kind): one["macro_f1"] for arm, kinds in told["arms"].items() for kind, one in kinds.items()}


def test_a_recipe_that_evaluates_ends_with_a_proof(proved: Path) -> None:
    told = told_in(proved / "run")
    found = read_run(proved / "run").synthetic
    assert told["data"]["synthetic"] == {"raw": len(found.raw), "selected": 36, "surplus": len(found.spare)}
    assert (told["data"]["train"], told["data"]["test"], told["data"]["labels"]) == (18, 66, list(THREE))
    assert {"seeds", "raw", "selected", "seeds_selected", "random", "fitted"} <= set(told["arms"])
    assert told["verdict"]["effect"] in {"helps", "no_difference"}
    assert [one["step"] for one in told["earned"]] == ["exact_duplicate", "agreement"]
    page = (proved / "run" / "report.html").read_text(encoding="utf-8")
    assert all(sentence.split("(")[0].strip() in page for sentence in told["verdict"]["sentences"][:1])
    manifest = json.loads((proved / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["recipe"]["path"] == "../proved.yaml"
    assert list(manifest["sources"]) == ["seeds", "test"]


def test_the_fitted_weight_is_a_column_and_the_card_tells_the_proof(proved: Path) -> None:
    told = told_in(proved / "run")
    weight = told["weights"][told["verdict"]["classifier"]]["weight"]
    rows = DatasetReader(proved / "run" / "dataset" / "data")
    assert rows.column("weight") == pytest.approx([weight] * 36)
    card = (proved / "run" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "## Proof on real data" in card
    assert f"The column `weight` is {weight:g} for every row" in card
    assert "macro\\-F1" in card


def test_a_finished_run_is_proved_again_with_what_its_recipe_names(proved: Path) -> None:
    said: list[str] = []
    found = again(proved / "run", said)
    told, before = as_json(found), told_in(proved / "run")
    assert not any("recipe" in one for one in said)
    assert told == before


def test_the_second_time_everything_is_remembered(proved: Path) -> None:
    first = as_json(again(proved / "run", []))
    size = (proved / "run" / "evaluate.sqlite").stat().st_size
    assert as_json(again(proved / "run", [])) == first
    assert (proved / "run" / "evaluate.sqlite").stat().st_size == size


def test_other_real_rows_may_be_given(proved: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "others.csv", World(7, labels=THREE, share=0.4).rows("others", 10))
    found = again(proved / "run", [], test=tmp_path / "others.csv", dev=proved / "test.csv")
    assert (len(found.real.test), len(found.real.train), len(found.real.dev)) == (30, 18, 66)


@pytest.mark.parametrize("how", ["moved", "changed", "broken"])
def test_without_its_recipe_a_run_is_proved_with_a_note(proved: Path, tmp_path: Path, how: str) -> None:
    shutil.copytree(proved / "run", tmp_path / "run")
    if how == "changed":
        (recipe_in(tmp_path)).write_text(
            (proved / "proved.yaml").read_text().replace("agreement]", "agreement: {top_k: 2}]")
        )
    elif how == "broken":
        (tmp_path / "proved.yaml").write_text("version: one")
    said: list[str] = []
    found = again(tmp_path / "run", said, train=proved / "seeds.csv", test=proved / "test.csv")
    (note,) = (one for one in said if "recipe" in one)
    assert "the run's recipe is not where it was, or has changed" in note
    assert note in found.notes
    assert (found.earned, set(found.weights)) == ([], {"words", "embeddings"})
    before = scores(told_in(proved / "run"))
    assert {one: score for one, score in scores(as_json(found)).items() if one[0] != "fitted"} == {
        one: score for one, score in before.items() if one[0] != "fitted"
    }
    with pytest.raises(UsageError, match="run: no real test rows to score on; give them with --test FILE"):
        again(tmp_path / "run", [])


def test_a_file_of_texts_is_proved_as_it_is(proved: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "texts.csv", read_run(proved / "run").synthetic.selected)
    files = {name: proved / f"{stem}.csv" for name, stem in zip(GIVEN, ("seeds", "test"), strict=True)}
    kept = tmp_path / "kept"
    found = evaluate_file(
        tmp_path / "texts.csv", files, columns={}, labels=[], memory=kept, full=False, ordinal=True, say=str
    )  # fmt: skip
    told = as_json(found)
    assert set(told["arms"]) == {"seeds", "selected", "seeds_selected", "fitted"}
    assert told["data"]["name"] == "texts"
    assert told["arms"]["selected"]["words"]["kappa"] is not None
    before = scores(told_in(proved / "run"))
    for arm in ("seeds", "selected", "seeds_selected"):
        assert scores(told)[arm, "words"] == pytest.approx(before[arm, "words"], abs=0.02)
    assert (tmp_path / "kept" / "evaluate.sqlite").is_file()


def test_what_is_given_says_how_it_is_proved(proved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    given = {"train": None, "test": proved / "test.csv", "text": None, "label": None}
    whole = evaluate_target(proved / "run", given, full=False, ordinal=False, say=str)
    assert (whole.synthetic.name, len(whole.real.train)) == ("proved", 18)
    texts = proved / "seeds.csv"
    alone = evaluate_target(texts, {**given, "whole": proved / "test.csv"}, full=False, ordinal=False, say=str)
    assert (alone.synthetic.name, len(alone.real.whole)) == ("seeds", 66)
    assert (tmp_path / "textsynth" / "evaluate.sqlite").is_file()
    with pytest.raises(UsageError, match="no finished run is in this folder"):
        evaluate_target(tmp_path, given, full=False, ordinal=False, say=str)
    with pytest.raises(UsageError, match="no real test rows to score on"):
        evaluate_target(texts, {}, full=False, ordinal=False, say=str)
    with pytest.raises(UsageError, match="--labels is for a file of texts; the labels of a run are its recipe's"):
        evaluate_target(proved / "run", {**given, "labels": "garden,post"}, full=False, ordinal=False, say=str)
    with pytest.raises(UsageError, match="--ordinal needs the order of the labels"):
        evaluate_target(texts, given, full=False, ordinal=True, say=str)
    backwards = {**given, "labels": ",".join(reversed(alone.labels))}
    ordered = evaluate_target(texts, backwards, full=False, ordinal=True, say=str)
    assert list(ordered.labels) == list(alone.labels)[::-1]


def test_the_weight_is_that_of_the_classifier_the_recipe_names(proved: Path) -> None:
    found = again(proved / "run", [])
    for kind in ("words", "embeddings"):
        recipe = read_recipe(proved / "proved.yaml", [f"evaluate.classifier={kind}"])
        assert weight_of(recipe, found) == found.weights[kind].weight
    assert weight_of(read_recipe(proved / "proved.yaml"), found) == found.weights[found.main].weight


def test_the_real_sets_are_those_that_evaluate_names(tmp_path: Path) -> None:
    def named(evaluate: str) -> tuple[int, ...]:
        recipe = read_recipe(recipe_in(tmp_path, evaluate))
        real = real_of(recipe, read_sources(recipe))
        return tuple(map(len, (real.test, real.train, real.dev, real.whole)))

    assert named("{test: test}") == (66, 0, 0, 0)
    assert named("{test: test, train: seeds}") == (66, 18, 0, 0)
    assert named("{test: seeds, dev: test}") == (18, 0, 66, 0)


def test_without_seeds_no_weight_is_written(tmp_path: Path) -> None:
    result = run(read_recipe(recipe_in(tmp_path, "{test: test}")), out=tmp_path / "run")
    assert told_in(result.folder)["verdict"]["effect"] == "unknown"
    rows = DatasetReader(result.folder / "dataset" / "data")
    assert len(rows) == 36
    assert rows.column("weight") == []


def test_a_run_that_cannot_be_proved_still_ends_with_its_data_set(proved: Path, tmp_path: Path) -> None:
    shutil.copytree(proved, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "proved.yaml"
    path.write_text(path.read_text().replace("[length,", "[length: {min_words: 50},"))
    said: list[str] = []
    result = run(read_recipe(path), out=tmp_path / "run", say=said.append)
    assert result.exit_code == 3
    note = "not evaluated: proved: no selected text has a label, so that no classifier can learn from it"
    assert note in result.manifest["notes"]
    assert note in said
    assert not (result.folder / "evaluation.json").exists()  # it told of other texts


def test_a_proof_lasts_as_long_as_its_data_set(tmp_path: Path) -> None:
    path = recipe_in(tmp_path)
    plain = path.read_text().split("evaluate:")[0]
    path.write_text(plain)
    proof = tmp_path / "run" / "evaluation.json"
    for recipe, stays in ((plain, True), (plain.replace("label: 12", "label: 13"), False)):
        run(read_recipe(path), out=tmp_path / "run")
        proof.write_text('{"verdict": {"sentences": ["They help."]}}')
        path.write_text(recipe)
        run(read_recipe(path), out=tmp_path / "run")
        assert proof.exists() == stays
        assert ("They help." in (tmp_path / "run" / "dataset" / "README.md").read_text()) == stays
    proof.write_text("[half of it")
    run(read_recipe(path), out=tmp_path / "run")
    assert not proof.exists()

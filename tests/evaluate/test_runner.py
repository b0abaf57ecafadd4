"""Evaluations of a run by its recipe, of its folder afterwards, and of a file, with the real embedder."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.worlds import LABELS, World
from tests.store.evaluations import VERDICT, evaluation_content
from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.evaluate import Evaluation, as_json
from textsynth.evaluate.load import load_run
from textsynth.evaluate.runner import (
    NO_RECIPE,
    EvaluationOptions,
    evaluate_path,
    evaluate_run_folder,
    evaluate_texts,
    fitted_weight,
    real_sets,
)
from textsynth.recipe import read_recipe
from textsynth.recipe.context import read_sources
from textsynth.runner import run
from textsynth.store.dataset import DatasetReader
from textsynth.store.evaluation import read_evaluation, write_evaluation

THREE_LABELS = LABELS[:3]
RECIPE = """\
version: 1
name: evaluated
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


def write_rows(path: Path, rows: Sequence[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        table.writerows((row.text, row.label) for row in rows)


def completion(world: World, label: str, wrong_label: str) -> str:
    """Return a completion of four texts, one of them of another label."""
    labels = (label, label, label, wrong_label)
    return "\n".join(f"{number}. {world.text(name)}" for number, name in enumerate(labels, start=1))


def write_recipe(folder: Path, evaluate: str = "{train: seeds, test: test}") -> Path:
    """Write a recipe of three labels with its rows and the completions of its model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World(labels=THREE_LABELS, share=0.4)
    write_rows(folder / "seeds.csv", world.rows("seeds", 6))
    write_rows(folder / "test.csv", world.rows("test", 22))
    lines = [
        {"contains": f"Label: {label}", "answer": [completion(world, label, wrong_label) for _ in range(8)]}
        for label, wrong_label in zip(THREE_LABELS, THREE_LABELS[1:] + THREE_LABELS[:1], strict=True)
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "recipe.yaml").write_text(RECIPE.replace("EVALUATE", evaluate))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a recipe whose run, in `run`, was evaluated by its `evaluate` section."""
    folder = tmp_path_factory.mktemp("evaluated")
    result = run(read_recipe(write_recipe(folder)), out=folder / "run")
    assert result.exit_code == 0
    return folder


def saved_evaluation(run_folder: Path) -> dict[str, Any]:
    content = read_evaluation(run_folder)
    assert content is not None
    return content


def evaluate_again(run_folder: Path, log: list[str], **files: Path) -> Evaluation:
    """Evaluate the finished run in a folder."""
    return evaluate_run_folder(run_folder, files, EvaluationOptions(log=log.append))


def scores(content: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    return {
        (arm, classifier): row["macro_f1"]
        for arm, by_classifier in content["arms"].items()
        for classifier, row in by_classifier.items()
    }


SEVERAL_LABELS = """\
version: 1
name: several
multi_label: true
models: {generator: {scripted: {file: answers.jsonl}}}
labels: {garden: said about a garden, kitchen: said about a kitchen, harbour: said about a harbour}
sources:
  seeds: {rows: {path: seeds.csv, separator: ";"}}
  test: {rows: {path: test.csv, separator: ";"}}
generate:
  - labelled: {source: seeds, per_request: 4, attributes: {case: [one, two, three, four, five, six, seven, eight]}}
filter: [length, exact_duplicate, agreement]
select: []
want: {label: 12}
budget: {requests: 60}
evaluate: {train: seeds, test: test}
"""


def test_a_recipe_whose_texts_have_several_labels_is_evaluated_label_by_label(tmp_path: Path) -> None:
    world = World(labels=THREE_LABELS, share=0.7)
    for name, count in (("seeds", 24), ("test", 40)):
        records = world.multi_label_rows(name, count)
        write_rows(tmp_path / f"{name}.csv", [record.with_labels([";".join(record.labels)]) for record in records])
    sets = [labels for size in (2, 1) for labels in itertools.combinations(THREE_LABELS, size)]
    lines = [
        {
            "contains": f"{'Label' if len(labels) == 1 else 'Labels (all of them hold)'}: {', '.join(labels)}",
            "answer": ["\n".join(f"{number}. {world.text(*labels)}" for number in range(1, 5)) for _ in range(16)],
        }
        for labels in sets
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "recipe.yaml").write_text(SEVERAL_LABELS)
    result = run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run")
    assert result.exit_code == 0
    content = saved_evaluation(tmp_path / "run")
    selected = load_run(tmp_path / "run").synthetic.selected
    assert content["data"]["multi_label"] is True
    assert any(len(record.labels) > 1 for record in selected)
    rows = [row for by_classifier in content["arms"].values() for row in by_classifier.values()]
    assert all(row["micro_f1"] is not None for row in rows)
    assert max(row["macro_f1"] for row in rows) > 0.6


def test_a_recipe_with_evaluate_ends_with_an_evaluation(evaluated: Path) -> None:
    content = saved_evaluation(evaluated / "run")
    synthetic = load_run(evaluated / "run").synthetic
    counts = {"raw": len(synthetic.raw), "selected": 36, "surplus": len(synthetic.surplus)}
    assert content["data"]["synthetic"] == counts
    data = content["data"]
    assert (data["train"], data["test"], data["labels"]) == (18, 66, list(THREE_LABELS))
    assert {"seeds", "raw", "selected", "seeds_selected", "random", "fitted"} <= set(content["arms"])
    assert content["verdict"]["effect"] in {"helps", "no_difference"}
    assert [row["step"] for row in content["ablation"]] == ["exact_duplicate", "agreement"]
    page = (evaluated / "run" / "report.html").read_text(encoding="utf-8")
    assert content["verdict"]["sentences"][0].split("(")[0].strip() in page
    manifest = json.loads((evaluated / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["recipe"]["path"] == "../recipe.yaml"
    assert list(manifest["sources"]) == ["seeds", "test"]


def test_the_fitted_weight_is_a_column_and_the_card_has_the_evaluation(evaluated: Path) -> None:
    content = saved_evaluation(evaluated / "run")
    weight = content["sample_weights"][content["verdict"]["classifier"]]["weight"]
    rows = DatasetReader(evaluated / "run" / "dataset" / "data")
    assert rows.column("weight") == pytest.approx([weight] * 36)
    card = (evaluated / "run" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "## Evaluation on real data" in card
    assert f"The column `weight` is {weight:g} for every row" in card
    assert "macro\\-F1" in card


def test_the_folder_of_a_run_has_the_evaluation_of_the_run_itself(evaluated: Path) -> None:
    log: list[str] = []
    evaluation = evaluate_again(evaluated / "run", log)
    assert NO_RECIPE not in log
    assert as_json(evaluation) == saved_evaluation(evaluated / "run")


def test_a_repeated_evaluation_is_read_from_the_cache(evaluated: Path) -> None:
    first = as_json(evaluate_again(evaluated / "run", []))
    size = (evaluated / "run" / "evaluate.sqlite").stat().st_size
    assert as_json(evaluate_again(evaluated / "run", [])) == first
    assert (evaluated / "run" / "evaluate.sqlite").stat().st_size == size


def test_given_real_rows_replace_those_of_the_recipe(evaluated: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "others.csv", World(7, labels=THREE_LABELS, share=0.4).rows("others", 10))
    real = evaluate_again(evaluated / "run", [], test=tmp_path / "others.csv", dev=evaluated / "test.csv").real
    assert (len(real.test), len(real.train), len(real.dev)) == (30, 18, 66)


@pytest.mark.parametrize("change", ["moved", "changed", "broken"])
def test_without_its_recipe_a_run_is_evaluated_with_a_note(evaluated: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(evaluated / "run", tmp_path / "run")
    recipe = (evaluated / "recipe.yaml").read_text()
    if change == "changed":
        write_recipe(tmp_path).write_text(recipe.replace("agreement]", "agreement: {top_k: 2}]"))
    elif change == "broken":
        (tmp_path / "recipe.yaml").write_text("version: one")
    log: list[str] = []
    evaluation = evaluate_again(tmp_path / "run", log, train=evaluated / "seeds.csv", test=evaluated / "test.csv")
    (note,) = (line for line in log if "recipe" in line)
    assert "the run's recipe was moved or has changed" in note
    assert note in evaluation.notes
    assert (evaluation.ablation, set(evaluation.sample_weights)) == ([], {"words", "embeddings"})
    without_recipe, with_recipe = (
        {arm: score for arm, score in scores(content).items() if arm[0] != "fitted"}
        for content in (as_json(evaluation), saved_evaluation(evaluated / "run"))
    )
    assert without_recipe == with_recipe
    with pytest.raises(UsageError, match="run: no real test rows to score on; give them with --test FILE"):
        evaluate_again(tmp_path / "run", [])


def test_the_texts_of_a_file_are_evaluated_as_they_are(evaluated: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "texts.csv", load_run(evaluated / "run").synthetic.selected)
    real_files = {"train": evaluated / "seeds.csv", "test": evaluated / "test.csv"}
    options = EvaluationOptions(ordinal=True)
    cache_folder = tmp_path / "cache"
    content = as_json(evaluate_texts(tmp_path / "texts.csv", real_files, options, labels=[], folder=cache_folder))
    assert set(content["arms"]) == {"seeds", "selected", "seeds_selected", "seeds_replicated", "fitted"}
    assert content["data"]["name"] == "texts"
    assert content["arms"]["selected"]["words"]["quadratic_kappa"] is not None
    expected = scores(saved_evaluation(evaluated / "run"))
    for arm in ("seeds", "selected", "seeds_selected"):
        assert scores(content)[arm, "words"] == pytest.approx(expected[arm, "words"], abs=0.02)
    assert (cache_folder / "evaluate.sqlite").is_file()


def test_a_path_is_evaluated_as_a_run_or_as_a_file(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    texts = evaluated / "seeds.csv"
    arguments = {"train": None, "test": evaluated / "test.csv", "text": None, "label": None}

    def evaluate(path: Path, *, ordinal: bool = False, **changes: Path | str | None) -> Evaluation:
        return evaluate_path(path, {**arguments, **changes}, full=False, ordinal=ordinal, log=str)

    of_run = evaluate(evaluated / "run")
    assert (of_run.synthetic.name, len(of_run.real.train)) == ("evaluated", 18)
    of_file = evaluate(texts, all_rows=evaluated / "test.csv")
    assert (of_file.synthetic.name, len(of_file.real.all_rows)) == ("seeds", 66)
    assert (tmp_path / "textsynth" / "evaluate.sqlite").is_file()
    with pytest.raises(UsageError, match="no finished run is in this folder"):
        evaluate(tmp_path)
    with pytest.raises(UsageError, match="no real test rows to score on"):
        evaluate(texts, test=None)
    with pytest.raises(UsageError, match="--labels is for a file of texts; the labels of a run are its recipe's"):
        evaluate(evaluated / "run", labels="garden,post")
    with pytest.raises(UsageError, match="--ordinal needs the order of the labels"):
        evaluate(texts, ordinal=True)
    ordered = evaluate(texts, ordinal=True, labels=",".join(reversed(of_file.labels)))
    assert list(ordered.labels) == list(of_file.labels)[::-1]


def test_the_weight_is_that_of_the_classifier_that_the_recipe_names(evaluated: Path) -> None:
    evaluation = evaluate_again(evaluated / "run", [])
    for classifier in ("words", "embeddings"):
        recipe = read_recipe(evaluated / "recipe.yaml", [f"evaluate.classifier={classifier}"])
        assert fitted_weight(recipe, evaluation) == evaluation.sample_weights[classifier].weight
    main = evaluation.sample_weights[evaluation.main_classifier]
    assert fitted_weight(read_recipe(evaluated / "recipe.yaml"), evaluation) == main.weight


def test_the_real_sets_are_those_that_the_recipe_names(tmp_path: Path) -> None:
    def sizes(evaluate: str) -> tuple[int, ...]:
        recipe = read_recipe(write_recipe(tmp_path, evaluate))
        real = real_sets(recipe, read_sources(recipe))
        return tuple(map(len, (real.test, real.train, real.dev, real.all_rows)))

    assert sizes("{test: test}") == (66, 0, 0, 0)
    assert sizes("{test: test, train: seeds}") == (66, 18, 0, 0)
    assert sizes("{test: seeds, dev: test}") == (18, 0, 66, 0)


def test_without_seeds_no_weight_is_written(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path, "{test: test}")), out=tmp_path / "run")
    assert saved_evaluation(result.folder)["verdict"]["effect"] == "unknown"
    rows = DatasetReader(result.folder / "dataset" / "data")
    assert len(rows) == 36
    assert rows.column("weight") == []


def test_a_run_that_cannot_be_evaluated_still_writes_its_data_set(evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "recipe.yaml"
    path.write_text(path.read_text().replace("[length,", "[length: {min_words: 50},"))
    lines: list[str] = []
    result = run(read_recipe(path), out=tmp_path / "run", log=lines.append)
    assert result.exit_code == 3
    note = "not evaluated: evaluated: no selected text has a label, so that no classifier can learn from it"
    assert note in result.manifest["notes"]
    assert note in lines
    assert not (result.folder / "evaluation.json").exists()  # it was of other texts


def test_an_evaluation_is_kept_as_long_as_its_data_set(tmp_path: Path) -> None:
    path, folder = write_recipe(tmp_path), tmp_path / "run"
    recipe = path.read_text().split("evaluate:")[0]
    path.write_text(recipe)
    content = evaluation_content(verdict={**VERDICT, "sentences": ["They help."]})
    for next_recipe, is_kept in ((recipe, True), (recipe.replace("label: 12", "label: 13"), False)):
        run(read_recipe(path), out=folder)
        write_evaluation(folder, content)
        path.write_text(next_recipe)
        run(read_recipe(path), out=folder)
        assert (folder / "evaluation.json").exists() == is_kept
        assert ("They help." in (folder / "dataset" / "README.md").read_text()) == is_kept
    (folder / "evaluation.json").write_text("[mine")
    with pytest.raises(UsageError, match=r"evaluation\.json: is no file that a run here wrote|was changed since"):
        run(read_recipe(path), out=folder)
    assert (folder / "evaluation.json").read_text() == "[mine"

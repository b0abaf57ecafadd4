"""What each generator, model and prompt contributes: left out, next to a random drop of as many texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.evaluate.evaluations import quick_plan
from tests.evaluate.test_runner import write_rows
from tests.evaluate.worlds import LABELS, World
from textsynth.core.records import Provenance, Record
from textsynth.core.request_costs import CostRow
from textsynth.evaluate import Evaluation, RealSets, SyntheticSet, as_json, evaluate
from textsynth.evaluate.contributions import contributors
from textsynth.evaluate.origins import RequestOrigin, RequestOrigins
from textsynth.evaluate.runner import EvaluationOptions, evaluate_run_folder
from textsynth.export.card.evaluation import evaluation_section
from textsynth.recipe import read_recipe
from textsynth.report.sections.contributions import HEAD, contributions_section
from textsynth.runner import run
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import read_manifest

THREE_LABELS = LABELS[:3]


def texts_of(
    world: World, step: str, per_label: int, *, right: bool, model: str
) -> tuple[list[Record], RequestOrigins]:
    """Return texts of a generator, each from a request of its own; where not `right` with the next label."""
    names = [*THREE_LABELS[1:], THREE_LABELS[0]]
    records = []
    for index in range(per_label):
        for label, next_label in zip(THREE_LABELS, names, strict=True):
            provenance = Provenance(step, request_key=f"{step}{index}{label}", index=index)
            records.append(Record(world.text(label), provenance, (label if right else next_label,)))
    requests = {record.provenance.request_key: RequestOrigin(model, "labelled.chat") for record in records}
    costs: list[CostRow] = [
        {
            "section": "generate",
            "generator": step,
            "model": model,
            "prompt": "labelled.chat",
            "requests": len(records),
            "prompt_tokens": 90 * len(records),
            "completion_tokens": 10 * len(records),
        }
    ]
    return records, RequestOrigins(requests, costs)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return the evaluation of three generators with two models: two write well, one gives every text a wrong label."""
    world = World(4, labels=THREE_LABELS, share=0.35)
    parts = [
        texts_of(world, "good", 12, right=True, model="large"),
        texts_of(world, "more", 6, right=True, model="small"),
        texts_of(world, "bad", 6, right=False, model="small"),
    ]
    origins = RequestOrigins(
        {key: origin for _, part in parts for key, origin in part.requests.items()},
        [row for _, part in parts for row in part.costs],
    )
    synthetic = SyntheticSet("three", [record for records, _ in parts for record in records])
    real = RealSets(world.rows("test", 60), world.rows("seeds", 4))
    return evaluate(synthetic, real, quick_plan(labels=THREE_LABELS, origins=origins))


def by_name(content: Mapping[str, object]) -> dict[str, dict[str, float]]:
    rows = content["contributions"]
    assert isinstance(rows, list)
    return {row["name"]: row for row in rows}


def test_wrong_labels_are_worth_less_than_the_other_texts_and_right_ones_more(evaluation: Evaluation) -> None:
    results = by_name(as_json(evaluation))
    assert list(results) == ["good", "more", "bad", "large", "small"]  # one prompt wrote all texts
    assert results["bad"]["gain_over_random"] < 0
    assert results["bad"]["interval_over_random"][1] < 0  # type: ignore[index]
    assert results["good"]["gain_over_random"] > 0
    for row in results.values():
        assert row["gain"] == pytest.approx(row["with_texts"] - row["without_texts"], abs=3e-6)
        assert row["gain_over_random"] == pytest.approx(row["random_drop"] - row["without_texts"], abs=3e-6)
        low, high = row["interval"]  # type: ignore[misc]
        assert low <= row["gain"] <= high
    # a model that wrote what one generator wrote has its result
    assert results["large"]["gain"] == results["good"]["gain"]


def test_the_cost_is_that_of_the_requests_of_generators(evaluation: Evaluation) -> None:
    results = by_name(as_json(evaluation))
    assert [results[name]["texts"] for name in ("good", "more", "bad", "small")] == [36, 18, 18, 36]
    assert [results[name]["requests"] for name in ("good", "small")] == [36, 36]
    assert [results[name]["cost_share"] for name in ("good", "more", "bad", "small")] == [0.5, 0.25, 0.25, 0.5]


def test_report_and_card_show_them(evaluation: Evaluation) -> None:
    content = as_json(evaluation)
    section = contributions_section(content)
    assert section is not None
    (figure,) = section.figures
    first = dict(zip(HEAD, figure.table.rows[0], strict=True))
    assert (first["kind"], first["name"], first["texts"]) == ("generator", "good", "36")
    assert "| generator bad | 18 | 25% |" in evaluation_section(["a sentence"], "", content)
    assert contributions_section({}) is None
    assert "left out" not in evaluation_section(["a sentence"], "", {**content, "contributions": []})


def test_a_single_generator_and_texts_without_a_model_are_no_contributors_of_a_kind() -> None:
    grammar, written = (Record("a", Provenance("grammar")), Record("b", Provenance("labelled", request_key="k")))
    origins = RequestOrigins({"k": RequestOrigin("m", "labelled.chat")})
    assert contributors([written, written], origins) == []
    assert contributors([grammar, written], origins) == [("generator", "grammar", [0]), ("generator", "labelled", [1])]


RECIPE = """\
name: two
models:
  generator: {scripted: {function: "./answers.py:first"}}
  other: {scripted: {function: "./answers.py:second"}}
labels: {garden: said about a garden, kitchen: said about a kitchen, harbour: said about a harbour}
sources: {seeds: seeds.csv, test: test.csv}
generate:
  - labelled: {source: seeds, per_request: 4}
  - labelled: {source: seeds, per_request: 4, model: other}
filter: [exact_duplicate]
want: {label: 16}
oversample: 1.5
evaluate: {train: seeds, test: test}
"""
ANSWERS = """\
from tests.evaluate.worlds import LABELS, World


def first(request):
    world = World(int(request.key[:8], 16), share=0.4)
    asked = request.prompt.messages[-1].content
    label = next(name for name in LABELS if f"Label: {name}" in asked)
    return "\\n".join(f"{number}. {world.text(label)}" for number in range(1, 5))


def second(request):
    return first(request)
"""


def test_a_run_and_its_folder_have_the_same_contributions_and_the_manifest_the_costs(tmp_path: Path) -> None:
    """Takes over ten seconds: the run is evaluated with the real embedder."""
    world = World(labels=THREE_LABELS, share=0.4)
    write_rows(tmp_path / "seeds.csv", world.rows("seeds", 5))
    write_rows(tmp_path / "test.csv", world.rows("test", 20))
    (tmp_path / "answers.py").write_text(ANSWERS)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    result = run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run")
    saved = read_evaluation(result.folder)
    assert saved is not None
    assert [(row["kind"], row["name"]) for row in saved["contributions"]][:2] == [
        ("generator", "labelled"),
        ("generator", "labelled-2"),
    ]
    assert sum(row["cost_share"] for row in saved["contributions"][:2]) == pytest.approx(1)
    manifest = read_manifest(result.folder)
    costs = manifest["costs"]
    assert sum(row["requests"] for row in costs) == manifest["requests"]["planned"]
    assert sum(row["prompt_tokens"] for row in costs) == manifest["tokens"]["prompt"]
    again = evaluate_run_folder(result.folder, {}, EvaluationOptions())
    assert as_json(again)["contributions"] == saved["contributions"]
    assert json.dumps(costs) == json.dumps(
        run(read_recipe(tmp_path / "recipe.yaml"), out=result.folder).manifest["costs"]
    )

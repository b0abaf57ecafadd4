"""Label errors among the accepted texts: planted errors are found, nothing is deleted by default, review sees them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.contexts import context
from textsynth.core.errors import UsageError
from textsynth.evaluate.classifiers import Classifiers
from textsynth.evaluate.label_errors import cross_fitted_probabilities
from textsynth.label.label_error import LabelError
from textsynth.recipe import read_recipe
from textsynth.recipe.context import no_embeddings
from textsynth.report import text_report
from textsynth.review.queue import read_queue
from textsynth.runner import RunSummary, run
from textsynth.similarity.confident_learning import find_errors

THINGS = ("lamp", "chair", "kettle", "tent", "jacket", "table", "sofa", "desk", "bicycle", "rug")
TEMPLATES = {
    "refund": ("please refund the {}", "I want my money back for the {}", "when do you pay back the {}"),
    "delivery": ("where is the {} I ordered", "the courier never came with the {}", "did you ship the {} yet"),
    "praise": ("I really love the {}", "what a beautiful {} thank you", "the {} is wonderful, great work"),
}
WRONG = {
    "please refund the lamp": "delivery",
    "where is the tent I ordered": "praise",
    "I really love the rug": "refund",
    "did you ship the sofa yet": "refund",
}


def write_recipe(folder: Path, **step: object) -> Path:
    lines = [
        (template.format(thing), WRONG.get(template.format(thing), label))
        for thing in THINGS
        for label, templates in TEMPLATES.items()
        for template in templates
    ]
    (folder / "raw.jsonl").write_text("".join(json.dumps({"text": text, "label": name}) + "\n" for text, name in lines))
    recipe = {
        "name": "checked",
        "labels": {label: f"a message of the kind {label}" for label in TEMPLATES},
        "sources": {"raw": "raw.jsonl"},
        "generate": ["existing"],
        "filter": [],
        "label": [{"label_error": {"classifier": "words", **step}}],
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def run_checked(folder: Path, **step: object) -> RunSummary:
    return run(read_recipe(write_recipe(folder, **step)), out=folder / "run")


def scores_by_text(folder: Path) -> dict[str, float]:
    files = {name: sorted((folder / "dataset" / name).glob("*.parquet")) for name in ("data", "provenance")}
    texts = {row["id"]: row["text"] for path in files["data"] for row in pq.read_table(path).to_pylist()}
    rows = [row for path in files["provenance"] for row in pq.read_table(path).to_pylist()]
    return {texts[row["id"]]: json.loads(row["scores"])["label_error"] for row in rows}


def test_by_default_every_text_is_kept_with_its_score_and_the_wrong_ones_are_first_in_the_queue(tmp_path: Path) -> None:
    result = run_checked(tmp_path)
    assert result.manifest["counts"]["selected"] == 90
    scores = scores_by_text(result.folder)
    worst = sorted(scores, key=lambda text: -scores[text])[: len(WRONG)]
    assert set(worst) == set(WRONG)
    summary = result.manifest["label_errors"]["label_error"]
    assert (summary["texts"], summary["checked"]) == (90, True)
    assert summary["errors"] >= len(WRONG)
    assert {(entry["label"], entry["suggested"]) for entry in summary["confusions"]} >= {("delivery", "refund")}
    assert summary["sentence"] in result.manifest["notes"]
    assert "Label errors by label_error" in text_report(result.folder)
    assert "label-errors-0" in (result.folder / "report.html").read_text()
    queue = list(read_queue(result.folder, selected=True).entries.values())
    assert {entry.text for entry in queue[: len(WRONG)]} == set(WRONG)
    assert all(entry.confidence is None for entry in queue)


def test_review_gets_the_probable_errors_with_the_more_probable_label(tmp_path: Path) -> None:
    result = run_checked(tmp_path, on_error="review")
    counts = result.manifest["counts"]
    assert counts["review"] == result.manifest["label_errors"]["label_error"]["errors"]
    assert counts["candidates"] == counts["accepted"] + counts["dropped"] + counts["review"] == 90
    entries = {entry.text: entry for entry in read_queue(result.folder).entries.values()}
    assert set(WRONG) <= set(entries)
    entry = entries["please refund the lamp"]
    assert (entry.labels, entry.predicted_labels, entry.labels_differ) == (("delivery",), ("refund",), True)
    assert entry.reason.startswith("the label is probably wrong")


def test_drop_drops_them_only_where_the_recipe_says_so(tmp_path: Path) -> None:
    result = run_checked(tmp_path, on_error="drop")
    assert result.manifest["counts"]["dropped"] >= len(WRONG)
    assert {drop["step"] for drop in result.manifest["drops"]} == {"label_error"}
    again = run(read_recipe(tmp_path / "recipe.yaml"), out=result.folder)
    assert again.manifest["counts"] == result.manifest["counts"]


def test_few_texts_are_not_checked(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    (tmp_path / "raw.jsonl").write_text('{"text": "refund it", "label": "refund"}\n')
    result = run(read_recipe(path), out=tmp_path / "run")
    summary = result.manifest["label_errors"]["label_error"]
    assert (summary["checked"], summary["errors"]) == (False, 0)
    assert "1 text with 1 label" in summary["sentence"]


def test_texts_with_several_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="looks at texts with one label each"):
        LabelError().start(context(multi_label=True), "label_error")


def test_no_text_is_judged_by_a_classifier_that_saw_its_copy() -> None:
    texts = [template.format(thing) for thing in THINGS for template in TEMPLATES["refund"] + TEMPLATES["praise"]]
    targets = np.array([index % 6 // 3 for index in range(len(texts))])
    # One word occurs only in two copies, both with the wrong label.
    texts += ["unique", "unique"]
    targets = np.append(targets, [1, 1])
    classifiers = Classifiers(
        [(text,) for text in texts],
        2,
        multi_label=False,
        embed=lambda _: np.zeros((0, 0), np.float32),
        embedder="",
        cache=no_embeddings(),
    )
    together, apart = (
        cross_fitted_probabilities(classifiers, targets, groups, seed=0, names=["words"])[-1, 1]
        for groups in (texts, list(range(len(texts))))
    )
    assert together <= apart


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(2, 30), st.just(3)), elements=st.floats(0.01, 1)),
    st.integers(0, 1000),
)
@example(np.array([[0.01] * 3] * 4 + [[1.0, 0.01, 0.5]]), 298)  # the means of equal numbers depend on their order
def test_an_error_is_never_the_most_probable_label_and_has_another_suggestion(
    weights: np.ndarray[tuple[int, int], np.dtype[np.float64]], seed: int
) -> None:
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    targets = np.random.default_rng(seed).integers(0, 3, len(weights))
    result = find_errors(probabilities, targets)
    assert np.array_equal(result.errors, result.suggested != targets)
    assert np.array_equal(result.quality, probabilities[np.arange(len(targets)), targets])
    ranked = result.ranked()
    assert sorted(ranked) == list(range(len(targets)))
    assert all(result.errors[index] for index in ranked[: int(result.errors.sum())])
    permutation = np.random.default_rng(seed).permutation(len(targets))
    permuted = find_errors(probabilities[permutation], targets[permutation])
    assert np.array_equal(permuted.errors, result.errors[permutation])


def test_a_label_as_probable_as_the_suggestion_is_no_error() -> None:
    probabilities = np.full((10, 3), 1 / 3)
    targets = np.arange(10) % 3
    result = find_errors(probabilities, targets)
    assert not result.errors.any()
    assert np.array_equal(result.suggested, targets)

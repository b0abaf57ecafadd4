from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.evaluations import SmallRun, quick_plan
from textsynth.core.errors import UsageError
from textsynth.evaluate import as_json, evaluate
from textsynth.evaluate.own_classifier import load_own_classifier, row_copies
from textsynth.recipe import read_recipe

COUNTING = '''
from collections import Counter

class Counting:
    """Gives a text the label whose training texts have its words most often."""
    def fit(self, texts, labels):
        self.counts = {}
        for text, label in zip(texts, labels):
            self.counts.setdefault(label, Counter()).update(text.split())
    def predict(self, texts):
        return [max(self.counts, key=lambda label: sum(self.counts[label][word] for word in text.split()))
                for text in texts]
'''
RECIPE = """
labels: {refund: asks for money back, delivery: asks where a parcel is}
sources: {raw: rows.csv, seeds: rows.csv, test: test.csv}
generate: [existing: {source: raw}]
select: []
evaluate: {train: seeds, test: test, classifier: CLASSIFIER}
"""


def write(folder: Path, code: str, name: str = "counting.py") -> Path:
    (folder / name).write_text(code, encoding="utf-8")
    return folder / name


def failing(folder: Path, body: str) -> str:
    """Return the message of an evaluation with a classifier whose `predict` has this body."""
    path = write(
        folder, f"class Mine:\n    def fit(self, texts, labels): ...\n    def predict(self, texts): {body}\n", "mine.py"
    )
    with pytest.raises(UsageError) as error:
        load_own_classifier(path).predictions([("a",)], np.array([0]), [("b",), ("c",)], ["refund", "delivery"])
    return str(error.value)


def test_every_arm_is_measured_with_it_and_the_verdict_rests_on_it(tmp_path: Path) -> None:
    small = SmallRun()
    own = load_own_classifier(write(tmp_path, COUNTING))
    content = as_json(evaluate(small.synthetic_set(), small.real, quick_plan(own=own)))
    assert content["classifiers"] == ["words", "embeddings", "counting.py"]
    arms = {arm for arm, by_classifier in content["arms"].items() if "counting.py" in by_classifier}
    assert arms == set(content["arms"]) - {"fitted"}
    scores = content["arms"]["seeds_selected"]["counting.py"]
    assert scores["macro_f1"] > 0.6
    assert scores["interval"][0] < scores["macro_f1"] < scores["interval"][1]
    assert content["verdict"]["classifier"] == "counting.py"
    assert any(
        "With the classifier counting.py the synthetic texts" in line for line in content["verdict"]["sentences"]
    )
    assert set(content["sample_weights"]) == {"words", "embeddings"}


def test_texts_with_several_labels_are_refused(tmp_path: Path) -> None:
    small = SmallRun()
    own = load_own_classifier(write(tmp_path, COUNTING))
    with pytest.raises(UsageError, match=r"counting\.py: a classifier of your own predicts one label a text"):
        evaluate(small.synthetic_set(), small.real, quick_plan(own=own, multi_label=True))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return ['refund']", "mine.py: predict returned 1 labels for 2 texts; it returns one for each"),
        ("return ['refund', 'refunds']", "mine.py: predict returned 'refunds', which is not one of the 2 labels"),
        ("return 1 / 0", "mine.py: the classifier cannot be trained: mine.py:3: ZeroDivisionError: division by zero"),
        ("return None", "mine.py: the classifier cannot be trained: TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_a_classifier_that_fails_is_one_sentence(tmp_path: Path, body: str, message: str) -> None:
    sentence = failing(tmp_path, body)
    assert sentence.startswith(message)
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class Other: ...", "defines no class 'Counting' with the methods fit(texts, labels) and predict(texts)"),
        ("class Counting:\n    def fit(self, texts, labels): ...", "predict(texts); it has no predict"),
        ("class Counting(", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_file_without_a_classifier_is_one_sentence(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_own_classifier(write(tmp_path, code))
    assert message in str(error.value)
    with pytest.raises(UsageError, match=r"absent\.py: no such file; a classifier of your own is a Python file"):
        load_own_classifier(tmp_path / "absent.py")


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        ("./absent.py", "no file './absent.py' beside the recipe"),
        ("word", "a classifier is words, embeddings, or a file beside the recipe such as ./mine.py, not 'word'"),
        ("./counting.py", None),
        ("words", None),
    ],
)
def test_a_recipe_is_checked_before_its_run(tmp_path: Path, classifier: str, message: str | None) -> None:
    write(tmp_path, COUNTING)
    for name in ("rows.csv", "test.csv"):
        (tmp_path / name).write_text("text,label\npay me back,refund\nwhere is it,delivery\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("CLASSIFIER", classifier))
    if message is None:
        evaluate_section: Any = read_recipe(tmp_path / "recipe.yaml").evaluate
        assert evaluate_section.classifier == classifier
        return
    with pytest.raises(UsageError) as error:
        read_recipe(tmp_path / "recipe.yaml")
    assert message in str(error.value)
    assert "recipe.yaml:6" in str(error.value)


def test_a_recipe_of_several_labels_a_text_has_no_classifier_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, COUNTING)
    for name in ("rows.csv", "test.csv"):
        (tmp_path / name).write_text("text,label\npay me back,refund\nwhere is it,delivery\n")
    recipe = RECIPE.replace("CLASSIFIER", "./counting.py")
    (tmp_path / "recipe.yaml").write_text(f"multi_label: true\n{recipe}")
    with pytest.raises(UsageError, match="a classifier of your own predicts one label a text: take it out"):
        read_recipe(tmp_path / "recipe.yaml")


@given(st.integers(1, 40), st.floats(0, 20))
def test_copies_add_up_to_the_sum_of_the_weights(rows: int, weight: float) -> None:
    copies = row_copies(np.full(rows, weight))
    assert copies.sum() == round(float(np.full(rows, weight).sum()))
    assert copies.max() - copies.min() <= 1

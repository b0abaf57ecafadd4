from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.recipe.recipes import assert_has_issue
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.estimate import estimate

ROWS = {"delivery": 9, "refund": 4, "praise": 1}
RECIPE = """\
name: balanced
labels: {delivery: asks where it is, refund: asks for money, praise: is nice, complaint: is not nice}
models: {generator: {scripted: {function: "./answers.py:answer"}}}
sources: {train: train.csv, other: train.csv}
generate:
  - existing: {source: train}
  - labelled: {source: train, per_request: 2}
filter: [length, exact_duplicate]
want: {balance: {like: train, to: 6}}
"""
ANSWERS = """\
def answer(request):
    return "\\n".join(f"{n}. text {request.key[:12]} number {n}" for n in range(1, 3))
"""


def write(folder: Path, text: str = RECIPE) -> Path:
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    rows = [f"a {label} text with number {n},{label}" for label, number in ROWS.items() for n in range(number)]
    rows.append("a refund text with number 0,refund")  # a duplicate
    (folder / "train.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def run_recipe(folder: Path, text: str = RECIPE) -> tuple[RunSummary, Counter[tuple[str, str]]]:
    summary = run(read_recipe(write(folder, text)), out=folder / "out")
    table = pq.ParquetDataset(folder / "out" / "dataset" / "data").read()
    labels = ["delivery", "refund", "praise", "complaint"]
    pairs = zip(table["label"].to_pylist(), table["origin"].to_pylist(), strict=True)
    return summary, Counter((labels[code], origin) for code, origin in pairs)


def test_each_label_gets_what_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    summary, counts = run_recipe(tmp_path)
    assert summary.exit_code == 0
    assert counts == {
        ("delivery", "real"): 9,
        ("refund", "real"): 4, ("refund", "synthetic"): 2,
        ("praise", "real"): 1, ("praise", "synthetic"): 5,
        ("complaint", "synthetic"): 6,
    }  # fmt: skip
    card = (tmp_path / "out" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "`origin` (`real` or `synthetic`)" in card


def test_nothing_is_requested_for_a_label_that_has_enough_rows(tmp_path: Path) -> None:
    summary, _ = run_recipe(tmp_path)
    provenance = pq.ParquetDataset(tmp_path / "out" / "dataset" / "provenance").read().to_pylist()
    assert {row["label"] for row in provenance if row["step"] == "labelled"} == {"refund", "praise", "complaint"}
    # 13 texts are missing and two come with each request; the first window allows for dropped ones
    assert summary.manifest["requests"]["planned"] <= 16


def test_largest_fills_every_label_up_to_the_most_frequent_one(tmp_path: Path) -> None:
    _, counts = run_recipe(tmp_path, RECIPE.replace("to: 6", "to: largest"))
    assert {label: sum(n for (name, _), n in counts.items() if name == label) for label, _ in counts} == dict.fromkeys(
        ("delivery", "refund", "praise", "complaint"), 9
    )


def test_real_rows_are_selected_whatever_the_selectors_do(tmp_path: Path) -> None:
    _, counts = run_recipe(tmp_path, RECIPE + "select: [balanced]\noversample: 2\n")
    assert counts["delivery", "real"] == 9
    assert counts["refund", "real"] + counts["refund", "synthetic"] == 6


def test_a_limit_is_kept_where_there_are_more_rows(tmp_path: Path) -> None:
    run(read_recipe(write(tmp_path)), out=tmp_path / "out", limit=8)
    assert pq.ParquetDataset(tmp_path / "out" / "dataset" / "data").read().num_rows == 8


def test_the_default_filters_do_not_drop_the_rows_as_copies_of_themselves(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE.replace("filter: [length, exact_duplicate]\n", "")))
    assert "copies_source" not in [item.name for item in recipe.filter]
    assert recipe.select == ()


def test_the_estimate_counts_what_is_missing(tmp_path: Path) -> None:
    result = estimate(read_recipe(write(tmp_path)))
    assert result.texts == 13
    assert result.notes[0] == (
        "3 labels of 4 have fewer than 6 different rows in train: 13 texts are missing, more where filters drop rows"
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("like: train", "like: trian", 9, "want.balance.like is 'trian', but sources has no 'trian'; did you mean"),
        ("like: train", "like: other", 9, "which no generator takes as they are: add `- existing: {source: other}`"),
        ("to: 6", "to: most", 9, "want.balance.to takes a whole number such as 300"),
        ("to: 6", "to: 0", 9, "want.balance.to takes a whole number such as 300"),
        (", to: 6", "", 9, "want.balance needs 'to'"),
        ("to: 6}", "to: 6}, label: 5", 9, "want has label and balance, which both count texts of each label"),
        ("  - labelled: {source: train, per_request: 2}\n", "", 8, "needs a generator that writes what is missing"),
        (
            "to: 6}}",
            "to: 6}}\nevaluate: {test: train}",
            9,
            "like and evaluate.test are both 'train': test on other rows",
        ),
        ("[length, exact", "[{copies_source: {source: train}}, exact", 8, "copies_source drops copies of 'train'"),
    ],
)
def test_every_mistake_in_a_balance_has_a_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, sentence: str
) -> None:
    assert old in RECIPE
    assert_has_issue(write(tmp_path, RECIPE.replace(old, new, 1)), line, sentence)

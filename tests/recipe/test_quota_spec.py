from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_broken, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.recipe import read_recipe

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    ("{label: 5,", "{lable: 5,", 18, ["by 'lable'", "did you mean 'label'?"]),
    ("label*tone", "label*mood", 18, ["by 'mood', which no generator varies", "tone"]),
    (
        "{label: 5,",
        "{refund: 5,",
        18,
        ["'refund' is one of the labels", "labels: {refund: {description: …, want: 20}}"],
    ),
    ("label*tone", "label*label", 18, ["found 'label*label'"]),
    ("{label: 5,", "{label: 0,", 18, ["want.label takes a whole number above 0", "found 0"]),
    ("{label: 5, label*tone: 1}", "{label: 5, total: 9}", 18, ["total is 9, and the labels want 10 in all", "--limit"]),
    ("{label: 5, label*tone: 1}", "many", 18, ["want takes a whole number", "found 'many'"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_quota(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_a_labels_own_quota_counts_against_the_total(tmp_path: Path) -> None:
    own = RECIPE.replace("refund: asks for money back", "refund: {description: asks for money back, want: 30}")
    assert read_recipe(write_recipe(tmp_path, own.replace("{label: 5, label*tone: 1}", "30"))).want == {(): 30}
    with pytest.raises(RecipeError, match="the total is 29, and the labels want 30 in all"):
        read_recipe(write_recipe(tmp_path, own.replace("{label: 5, label*tone: 1}", "29")))


def test_where_a_text_may_have_many_labels_the_total_may_be_less_than_they_want(tmp_path: Path) -> None:
    text = RECIPE.replace("{label: 5, label*tone: 1}", "{label: 5, total: 6}")
    assert read_recipe(write_recipe(tmp_path, text + "multi_label: true\n")).want == {("label",): 5, (): 6}


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("200", {(): 200}),
        ("25k", {(): 25_000}),
        ("{total: 5000}", {(): 5000}),
        ("{label: 200, tone: 500, label*tone: 20}", {("label",): 200, ("tone",): 500, ("label", "tone"): 20}),
        ("{label * tone: 20}", {("label", "tone"): 20}),
    ],
)
def test_what_is_wanted(tmp_path: Path, written: str, wanted: dict[tuple[str, ...], int]) -> None:
    text = RECIPE.replace("{label: 5, label*tone: 1}", written)
    assert read_recipe(write_recipe(tmp_path, text)).want == wanted

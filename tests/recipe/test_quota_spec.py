from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_one_issue, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.recipe import read_recipe

# Text of the recipe, its replacement ("" appends it), the line of the issue, and phrases of its sentence.
BROKEN = [
    ("{label: 5,", "{lable: 5,", 18, ["by 'lable'", "did you mean 'label'?"]),
    ("label*tone", "label*mood", 18, ["by 'mood', which no generator varies", "tone"]),
    (
        "{label: 5,",
        "{refund: 5,",
        18,
        ["'refund' is one of the labels", "labels: {refund: {description: …, want: 20}}"],
    ),
    (
        "{label: 5,",
        "{refnd: 5,",
        18,
        ["by 'refnd'", "did you mean the label 'refund'? Its quota is written with the label"],
    ),
    ("label*tone", "label*label", 18, ["found 'label*label'"]),
    (
        "{label: 5,",
        "{label: {refund: 5},",
        18,
        ["found a map of refund; a label's own quota is written with the label"],
    ),
    ("{label: 5,", "{label: 0,", 18, ["want.label takes a whole number above 0", "found 0"]),
    (
        "{label: 5, label*tone: 1}",
        "{label: 5, total: 9}",
        18,
        ["total is 9, but the quotas of the labels add up to 10", "--limit"],
    ),
    ("{label: 5, label*tone: 1}", "many", 18, ["want takes a whole number", "found 'many'"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN)
def test_a_wrong_quota_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def test_the_quota_of_one_label_counts_against_the_total(tmp_path: Path) -> None:
    own = RECIPE.replace("refund: asks for money back", "refund: {description: asks for money back, want: 30}")
    assert read_recipe(write_recipe(tmp_path, own.replace("{label: 5, label*tone: 1}", "30"))).want == {(): 30}
    with pytest.raises(RecipeError, match="the total is 29, but the quotas of the labels add up to 30"):
        read_recipe(write_recipe(tmp_path, own.replace("{label: 5, label*tone: 1}", "29")))


def test_with_several_labels_per_text_the_total_may_be_below_the_sum_of_the_labels(tmp_path: Path) -> None:
    text = RECIPE.replace("{label: 5, label*tone: 1}", "{label: 5, total: 6}")
    assert read_recipe(write_recipe(tmp_path, text + "multi_label: true\n")).want == {("label",): 5, (): 6}


@pytest.mark.parametrize(
    ("text", "quotas"),
    [
        ("200", {(): 200}),
        ("25k", {(): 25_000}),
        ("{total: 5000}", {(): 5000}),
        ("{label: 200, tone: 500, label*tone: 20}", {("label",): 200, ("tone",): 500, ("label", "tone"): 20}),
        ("{label * tone: 20}", {("label", "tone"): 20}),
    ],
)
def test_quotas_are_read_by_their_keys(tmp_path: Path, text: str, quotas: dict[tuple[str, ...], int]) -> None:
    recipe = RECIPE.replace("{label: 5, label*tone: 1}", text)
    assert read_recipe(write_recipe(tmp_path, recipe)).want == quotas

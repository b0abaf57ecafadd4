from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import MEANS, RECIPE, assert_broken, write_recipe
from textsynth.recipe import Label, read_recipe

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    (MEANS, "7", 5, ["labels.refund.means takes text", "found 7", '"7" in quotes']),
    (MEANS, "~", 5, ["labels.refund says nothing"]),
    (MEANS, '""', 5, ["labels.refund.means takes text (not empty)", "found ''"]),
    (f"  refund: {MEANS}\n  delay: asks where an order is", "  [a, b]", 4, ["labels is a map", "`parking: parking`"]),
    (MEANS, "{mean: x}", 5, ["labels.refund has no field 'mean'; did you mean 'means'?"]),
    (MEANS, "{want: 3}", 5, ["labels.refund needs 'means', which is text"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_label(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_a_label_may_have_a_quota_of_its_own_even_none_at_all(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "{means: asks for money back, want: 0}")
    text = text.replace("asks where an order is", "{means: asks where, want: 2k}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels == {"refund": Label("asks for money back", 0), "delay": Label("asks where", 2000)}

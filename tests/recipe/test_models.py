from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_broken, write_recipe
from textsynth.models.scripted import Scripted
from textsynth.recipe import read_recipe

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    ("scripted", "scriptd", 8, ["models has no item 'scriptd'; did you mean 'scripted'?"]),
    ("judge: generator", "judge: generatr", 9, ["no item is called 'generatr'; did you mean 'generator'?"]),
    ("judge: generator", "judge: other\n  other: judge", 9, ["models.judge stands for itself: judge → other → judge"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_model(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_names_may_stand_for_names(tmp_path: Path) -> None:
    text = RECIPE.replace("judge: generator", "judge: other\n  other: generator\n  scripted: scripted")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert list(recipe.models) == ["generator", "judge", "other", "scripted"]
    assert recipe.models["judge"] is recipe.models["other"] is recipe.models["generator"]
    assert recipe.models["scripted"] == Scripted()

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import END, assert_broken

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    ("version: 1", "version: 2", 1, ["version takes 1, found 2"]),
    ("name: bank", "name: ../bank", 2, ["name", "letters", "found '../bank'"]),
    ("task: classification", "task: clasification", 3, ["task takes 'classification', 'paraphrase' or"]),
    ("", "seed: -1", END, ["seed takes a whole number (at least 0), found -1"]),
    ("", "seed: 1.5", END, ["seed takes a whole number", "found 1.5"]),
    ("", 'seed: "7"', END, ["seed takes a whole number", "found '7': write 7 without quotes"]),
    ("", "oversample: 0.5", END, ["pool takes a number (at least 1", "found 0.5"]),
    ("", "language: english", END, ["language", "such as en", "found 'english'"]),
    ("25k", "25q", 19, ["budget.requests takes a whole number such as 300, 25k or 3M", "found '25q'"]),
    ("minutes: 90", "minuts: 90", 19, ["budget has no field 'minuts'; did you mean 'minutes'?"]),
    ("validation: 0.1", "validation: 0.2", 20, ["shares of all splits make 1, these make 1.1"]),
    ("validation: 0.1", "va lid: 0.1", 20, ["a split has letters", "'va lid'"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_setting(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)

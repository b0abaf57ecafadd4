from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import LINE_AFTER, assert_one_issue

# Text of the recipe, its replacement ("" appends it), the line of the issue, and phrases of its sentence.
BROKEN = [
    ("version: 1", "version: 2", 1, ["version takes 1, found 2"]),
    ("name: bank", "name: ../bank", 2, ["name", "letters", "found '../bank'"]),
    (
        "task: classification",
        "task: clasification",
        3,
        ["task has no", "'clasification'; did you mean 'classification'?"],
    ),
    ("", "seed: -1", LINE_AFTER, ["seed takes a whole number (at least 0), found -1"]),
    ("", "seed: 1.5", LINE_AFTER, ["seed takes a whole number", "found 1.5"]),
    ("", 'seed: "7"', LINE_AFTER, ["seed takes a whole number", "found '7': write 7 without quotes"]),
    ("", "oversample: 0.5", LINE_AFTER, ["oversample takes a number (at least 1", "found 0.5"]),
    ("", "language: english", LINE_AFTER, ["language", "such as en", "found 'english'"]),
    ("25k", "25q", 19, ["budget.requests takes a whole number such as 300, 25k or 3M", "found '25q'"]),
    ("minutes: 90", "minuts: 90", 19, ["budget has no field 'minuts'; did you mean 'minutes'?"]),
    ("validation: 0.1", "validation: 0.2", 20, ["shares of all splits must add up to 1, these add up to 1.1"]),
    ("validation: 0.1", "va lid: 0.1", 20, ["a split has letters", "'va lid'"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN)
def test_a_wrong_setting_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import END, MEANS, assert_broken

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    (MEANS, "asks: when", 5, ["a ':' stands where none can", "quotes"]),
    (MEANS, "@home", 5, ["may not begin with @", "quotes"]),
    (MEANS, '"asks', 5, ["a quote is opened and never closed"]),
    (MEANS, '"\\q"', 5, ["escape", "single quotes"]),
    ("", " seed: 1", END, ["does not line up", "indentation"]),
    ("  refund", "\trefund", 5, ["a tab indents this line"]),
    ("[hello]", "[${HELLO}]", 8, ['"${NAME}"', "quotes"]),
    ("hello]}}", "hello]", 9, ["closing bracket", "line 8"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_what_is_no_yaml_is_a_sentence_that_helps(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert_broken(tmp_path, old, new, line, words)

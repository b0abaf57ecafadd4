from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_one_issue, write_recipe
from textsynth.recipe import read_recipe

# Text of the recipe, its replacement ("" appends it), the line of the issue, and phrases of its sentence.
BROKEN = [
    ("exact_duplicate", "exact_dupliate", 16, ["filter has no component 'exact_dupliate'", "mean 'exact_duplicate'?"]),
    ("- exact_duplicate", "- choice", 16, ["filter has no component 'choice'", "label has a component of that name"]),
    ("- exact_duplicate", "- exact_duplicate: 3", 16, ["'exact_duplicate' takes a map of its options, found 3"]),
    ("- exact_duplicate", "- exact_duplicate:", 16, ["there is no value after 'exact_duplicate:'"]),
    ("- exact_duplicate", "- near_duplicate:\n    similarity: 0.8", 16, ["there is no value after 'near_duplicate:'"]),
    ("- exact_duplicate", "- {exact_duplicate: {}, length: {}}", 16, ["one name with its options", "found a map of"]),
    ("- exact_duplicate", "- 7", 16, ["give the name of a component", "found 7"]),
    ("min_words", "minwords", 15, ["length has no field 'minwords'; did you mean 'min_words'?"]),
    ("min_words: 3", "min_words: three", 15, ["length.min_words takes a whole number", "found 'three'"]),
    ("min_words: 3", "min_words: 50", 15, ["length"]),
    ("select: []", "select: diverse", 17, ["select is a list of steps, found 'diverse'", "'- '"]),
    ("./writer.py", "./riter.py", 13, ["no file './riter.py' beside the recipe"]),
    ("./writer.py", "writer.py", 13, ["no component 'writer.py'", "./writer.py"]),
    ("./writer.py", "./../writer.py", 13, ["must be beside the recipe", "'./../writer.py'"]),
    ("- exact_duplicate", "- ./writer.py", 16, ["filter takes a Filter", "class Writer(Generator)"]),
    ("[plain, angry]", "[plain, 1]", 13, ["attributes.tone.1 takes text, found 1", '"1" in quotes']),
    ("[plain, angry]", "plain", 13, ["attributes.tone takes a list of texts, found 'plain'"]),
    ("angry]}", "angry]}, times: 10", 13, ["times takes a whole number (at least 1, at most 9), found 10"]),
    ("angry]}", "angry]}, model: judg", 13, ["model is 'judg'", "did you mean 'judge'?"]),
    ("seeds.csv", "seed.csv", 11, ["sources.seeds", "seed.csv", "did you mean 'seeds.csv'?"]),
    ("{rows: {path: seeds.csv}}", "{row: {path: seeds.csv}}", 11, ["sources has no component 'row'", "mean 'rows'?"]),
    (
        "{rows: {path: seeds.csv}}",
        "{path: seeds.csv}",
        11,
        ["the name of the component is missing: write {hub or rows: {path: …}}"],
    ),
    (
        "{rows: {path: seeds.csv}}",
        "{path: s.csv, text: q}",
        11,
        ["the name of the component is missing: write {hub or rows: {path"],
    ),
    (
        "{rows: {path: seeds.csv}}",
        "{file: seeds.csv}",
        11,
        ["sources has no component 'file'; there are: hub, in_memory, rows"],
    ),
    ("path: seeds.csv", "path: seeds.csv, pth: x", 11, ["rows has no field 'pth'; did you mean 'path'?"]),
    ("{rows: {path: seeds.csv}}", "{rows: {}}", 11, ["rows needs 'path', which is a path"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN)
def test_a_wrong_step_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def test_the_second_step_of_a_component_is_numbered(tmp_path: Path) -> None:
    text = RECIPE.replace("- exact_duplicate", "- exact_duplicate\n  - length\n  - length: {max_words: 9}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert [item.name for item in recipe.filter] == ["length", "exact_duplicate", "length-2", "length-3"]

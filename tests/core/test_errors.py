from __future__ import annotations

import inspect
import re

import pytest

from textsynth.core import errors
from textsynth.core.errors import MissingExtra, RecipeError, RecipeIssue, TextSynthError, did_you_mean, require_extra

TREE = [
    (len(indent), name, int(code))
    for indent, name, code in re.findall(r"^([ │├└─]*)(\w+) +(\d)", inspect.getdoc(errors) or "", re.MULTILINE)
]
CLASSES = {
    name: one
    for name, one in vars(errors).items()
    if inspect.isclass(one) and issubclass(one, TextSynthError) and one.__module__ == errors.__name__
}


def test_the_tree_drawn_at_the_head_is_the_tree() -> None:
    assert {name for _, name, _ in TREE} == set(CLASSES)
    above: list[tuple[int, str]] = []
    for depth, name, code in TREE:
        above = [one for one in above if one[0] < depth]
        parent = CLASSES[above[-1][1]] if above else Exception
        assert CLASSES[name].__bases__ == (parent,)
        assert CLASSES[name].exit_code == code
        above.append((depth, name))


def test_all_mistakes_of_a_recipe_are_told_in_their_order() -> None:
    told = RecipeError([RecipeIssue("recipe.yaml:3", "one"), RecipeIssue("recipe.yaml:9", "two")])
    assert str(told) == "recipe.yaml:3: one\nrecipe.yaml:9: two"
    assert [one.where for one in told.mistakes] == ["recipe.yaml:3", "recipe.yaml:9"]


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("lenght", ["length", "refusal"], "; did you mean 'length'?"),
        ("va", ["validate", "evaluate"], "; did you mean 'validate'?"),
        ("xyz", ["length", "refusal"], "; there are: length, refusal"),
        ("xyz", [], ""),
        ("xyz", [f"item{n}" for n in range(30)], "; there are: " + ", ".join(f"item{n}" for n in range(24)) + ", …"),
    ],
)
def test_the_nearest_name_or_all_of_them(name: str, known: list[str], told: str) -> None:
    assert did_you_mean(name, known) == told


def test_a_missing_package_names_its_extra() -> None:
    require_extra("embed", "json", "os.path", why="this")
    with pytest.raises(MissingExtra, match=r"agreement needs the package 'no_such_package.inner'.*textsynth\[embed\]"):
        require_extra("embed", "json", "no_such_package.inner", why="agreement")

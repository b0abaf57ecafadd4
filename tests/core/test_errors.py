from __future__ import annotations

import inspect
import re

import pytest

from textsynth.core import errors
from textsynth.core.errors import MissingExtra, RecipeError, RecipeIssue, TextSynthError, did_you_mean, require_extra

# (indent, name, exit code) of each line of the tree in the module's docstring
TREE = [
    (len(indent), name, int(code))
    for indent, name, code in re.findall(r"^([ │├└─]*)(\w+) +(\d)", inspect.getdoc(errors) or "", re.MULTILINE)
]
CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, TextSynthError) and value.__module__ == errors.__name__
}


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert {name for _, name, _ in TREE} == set(CLASSES)
    ancestors: list[tuple[int, str]] = []
    for depth, name, code in TREE:
        ancestors = [ancestor for ancestor in ancestors if ancestor[0] < depth]
        parent = CLASSES[ancestors[-1][1]] if ancestors else Exception
        assert CLASSES[name].__bases__ == (parent,)
        assert CLASSES[name].exit_code == code
        ancestors.append((depth, name))


def test_the_message_of_a_recipe_error_has_all_issues_in_order() -> None:
    error = RecipeError([RecipeIssue("recipe.yaml:3", "one"), RecipeIssue("recipe.yaml:9", "two")])
    assert str(error) == "recipe.yaml:3: one\nrecipe.yaml:9: two"
    assert [issue.where for issue in error.issues] == ["recipe.yaml:3", "recipe.yaml:9"]
    assert str(RecipeError([RecipeIssue("", "Length has no field 'x'")])) == "Length has no field 'x'"


@pytest.mark.parametrize(
    ("name", "allowed", "hint"),
    [
        ("lenght", ["length", "refusal"], "; did you mean 'length'?"),
        ("va", ["validate", "evaluate"], "; did you mean 'validate'?"),
        ("xyz", ["length", "refusal"], "; there are: length, refusal"),
        ("text", ["utterance", "intent"], "; there are: utterance, intent"),
        ("xyz", [], ""),
        ("xyz", [f"item{n}" for n in range(30)], "; there are: " + ", ".join(f"item{n}" for n in range(24)) + ", …"),
    ],
)
def test_a_hint_is_the_nearest_name_or_all_of_them(name: str, allowed: list[str], hint: str) -> None:
    assert did_you_mean(name, allowed) == hint


def test_a_missing_package_is_an_error_with_its_extra() -> None:
    require_extra("embed", "json", "os.path", why="this")
    with pytest.raises(MissingExtra, match=r"agreement needs the package 'no_such_package.inner'.*textsynth\[embed\]"):
        require_extra("embed", "json", "no_such_package.inner", why="agreement")

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.recipe import read_recipe
from textsynth.recipe.env_vars import expand_variables
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.yaml_tree import parse_yaml

SECRET = "hunter2-very-secret"
NAME = "TEXTSYNTH_TEST_OF_RECIPES"


@pytest.fixture
def secret() -> Iterator[str]:
    os.environ[NAME] = SECRET
    yield SECRET
    del os.environ[NAME]


def test_a_variable_is_put_in_after_parsing(tmp_path: Path, secret: str) -> None:
    text = RECIPE.replace("asks for money back", f'"about ${{{NAME}}} and ${{{NAME}}}"')
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.label_descriptions["refund"] == f"about {secret} and {secret}"


def test_what_a_variable_says_is_not_in_text_or_hash(tmp_path: Path, secret: str) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("asks for money back", f'"${{{NAME}}}"'))
    first = read_recipe(path)
    assert secret not in first.text
    os.environ[NAME] = "something else"
    assert read_recipe(path).hash == first.hash


def test_a_mistake_shows_the_variable_and_not_its_value(tmp_path: Path, secret: str) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("min_words: 3", f'min_words: "${{{NAME}}}"'))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert secret not in str(caught.value)
    assert f"found '${{{NAME}}}'" in str(caught.value)


def test_a_variable_that_is_not_set_is_one_mistake(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("name: bank", 'name: "${TEXTSYNTH_NOT_SET}"'))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (mistake,) = caught.value.issues
    assert mistake.where == f"{path}:2"
    assert "the environment has no variable 'TEXTSYNTH_NOT_SET'" in mistake.sentence


def test_a_key_is_named_by_its_variable_and_never_put_in(tmp_path: Path, secret: str) -> None:
    engine = f'{{http: {{base_url: "http://localhost:1/v1", model: m, api_key_env: "${{{NAME}}}"}}}}'
    path = write_recipe(tmp_path, RECIPE.replace("{scripted: {answers: [hello]}}", engine))
    with pytest.raises(RecipeError, match=f"key_env takes the name of a variable, not its value: write {NAME}"):
        read_recipe(path)


def test_keys_and_odd_forms_are_left_alone() -> None:
    mistakes = IssueCollector()
    node = parse_yaml('"${A}": ["${A}", "$A", "${}", "${a b}", "${A"]', lambda line: Position(line, "here"), mistakes)
    assert node is not None
    assert expand_variables(node, {"A": "${A}"}, mistakes) == {"${A}": ["${A}", "$A", "${}", "${a b}", "${A"]}
    assert len(mistakes) == 0


def test_a_variable_that_is_no_text_is_a_mistake() -> None:
    mistakes = IssueCollector()
    node = parse_yaml('a: "${A}"', lambda line: Position(line, "here"), mistakes)
    assert node is not None
    expand_variables(node, {"A": "\udc80"}, mistakes)
    assert [one.sentence for one in mistakes.listed()] == ["the environment variable 'A' is not UTF-8"]

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


def test_a_variable_is_substituted_after_parsing(tmp_path: Path, secret: str) -> None:
    text = RECIPE.replace("asks for money back", f'"about ${{{NAME}}} and ${{{NAME}}}"')
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.label_descriptions["refund"] == f"about {secret} and {secret}"


def test_the_value_of_a_variable_is_neither_in_text_nor_hash(tmp_path: Path, secret: str) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("asks for money back", f'"${{{NAME}}}"'))
    first = read_recipe(path)
    assert secret not in first.text
    os.environ[NAME] = "something else"
    assert read_recipe(path).hash == first.hash


def test_an_issue_shows_the_variable_and_not_its_value(tmp_path: Path, secret: str) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("min_words: 3", f'min_words: "${{{NAME}}}"'))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert secret not in str(caught.value)
    assert f"found '${{{NAME}}}'" in str(caught.value)


def test_a_variable_that_is_not_set_is_one_issue(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("name: bank", 'name: "${TEXTSYNTH_NOT_SET}"'))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (issue,) = caught.value.issues
    assert issue.where == f"{path}:2"
    assert "the environment has no variable 'TEXTSYNTH_NOT_SET'" in issue.sentence


def test_a_field_that_names_a_variable_is_not_substituted(tmp_path: Path, secret: str) -> None:
    engine = f'{{http: {{base_url: "http://localhost:1/v1", model: m, api_key_env: "${{{NAME}}}"}}}}'
    path = write_recipe(tmp_path, RECIPE.replace("{scripted: {answers: [hello]}}", engine))
    with pytest.raises(RecipeError, match=f"api_key_env takes the name of a variable, not its value: write {NAME}"):
        read_recipe(path)


def test_keys_and_other_forms_are_not_substituted() -> None:
    issues = IssueCollector()
    node = parse_yaml('"${A}": ["${A}", "$A", "${}", "${a b}", "${A"]', lambda line: Position(line, "r:1"), issues)
    assert node is not None
    assert expand_variables(node, {"A": "${A}"}, issues) == {"${A}": ["${A}", "$A", "${}", "${a b}", "${A"]}
    assert len(issues) == 0


def test_a_variable_that_is_not_utf_8_is_an_issue() -> None:
    issues = IssueCollector()
    node = parse_yaml('a: "${A}"', lambda line: Position(line, "r:1"), issues)
    assert node is not None
    expand_variables(node, {"A": "\udc80"}, issues)
    assert [issue.sentence for issue in issues.sorted_issues()] == ["the environment variable 'A' is not UTF-8"]

from __future__ import annotations

from pathlib import Path

import pytest

from tests.push.runs import make_run
from textsynth.core.errors import UsageError
from textsynth.push.before import unpublishable, wish_of
from textsynth.recipe import read_recipe

WRONG = {
    "no repository": (
        "export.hub=null",
        "tickets.yaml:11: --push needs the repository; write export: ",
    ),
    "no licence": ("export.license=null", "cannot be pushed: the recipe gives the data set no licence"),
    "no leak check": ("filter=[exact_duplicate]", "cannot be pushed: nothing has compared the texts with a test set"),
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("recipe")).parent / "tickets.yaml"


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_pushed_is_told_before_the_run(recipe: Path, name: str) -> None:
    change, told = WRONG[name]
    with pytest.raises(UsageError) as caught:
        wish_of(read_recipe(recipe, [change]))
    assert told in str(caught.value)


def test_a_recipe_says_where_to_and_what_is_waived(recipe: Path) -> None:
    wish = wish_of(read_recipe(recipe, ["export.private=true"]))
    assert (wish.repo, wish.private, wish.waive) == ("anna/tickets", True, ())
    waived = read_recipe(recipe, ["filter=[exact_duplicate]", "export.license=null", "export.waive=[leak, license]"])
    assert wish_of(waived).waive == ("leak", "license")


def test_an_evaluation_to_come_counts_as_a_leak_check(recipe: Path) -> None:
    assert wish_of(read_recipe(recipe, ["filter=[exact_duplicate]", "evaluate={test: test}"])).waive == ()


def test_validate_says_so_where_a_repository_is_named(recipe: Path) -> None:
    assert unpublishable(read_recipe(recipe)) == unpublishable(read_recipe(recipe, ["export.hub=null"])) == []
    (told,) = unpublishable(read_recipe(recipe, ["export.license=null"]))
    assert "cannot be pushed: the recipe gives the data set no licence" in told

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import Server
from textsynth.core.errors import UsageError
from textsynth.hub.options import PushOptions, options_from_recipe, release_blockers
from textsynth.recipe import read_recipe

pytest_plugins = ("tests.hub_fixtures",)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["tickets"], "'tickets' is no repository; it is owner/name"),
        (["anna/x", "--create-pr", "--revision", "dev"], "leave --revision out"),
        (["anna/x", "--create-pr", "--tag", "v1"], "set the tag once it is merged"),
        (["anna/x", "--timeout", "0"], "0"),
    ],
)
def test_a_push_that_contradicts_itself_asks_nobody(
    client: Client, server: Server, finished: Path, args: list[str], told: str
) -> None:
    said = client.textsynth("push", finished, *args)
    assert said.code == 2
    assert told in said.err
    assert server.asked == []


@pytest.mark.parametrize("repo", ["tickets", "a/b/c", "-a/b", "a/b.git", "a/ b", "https://hf.co/a/b", "", "/"])
def test_a_repository_is_owner_and_name(repo: str) -> None:
    with pytest.raises(UsageError, match="is no repository; it is owner/name"):
        PushOptions(repo).check()


def test_a_plain_wish_is_fine() -> None:
    PushOptions("acme/bank-intents", private=True, tag="v1", waive=("leak",)).check()


@pytest.mark.parametrize(
    "name", ["", "bad tag", "-v1", "v1..2", "v1.lock", "a//b", ".v1", "v1.", "v1/", "a:b", "a@{1}", "v\n"]
)
def test_a_tag_or_branch_that_git_does_not_take_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--tag .* is no name that git takes"):
        PushOptions("acme/tickets", tag=name).check()
    with pytest.raises(UsageError, match=r"^--revision .* is no name that git takes"):
        PushOptions("acme/tickets", revision=name).check()


@pytest.mark.parametrize("name", ["v1", "v1.2-rc.1", "release/2026", "refs/pr/3", "dev_x", "größe"])
def test_a_tag_or_branch_that_git_takes_is_fine(name: str) -> None:
    PushOptions("acme/tickets", tag=name, revision=name).check()


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
        options_from_recipe(read_recipe(recipe, [change]))
    assert told in str(caught.value)


def test_a_recipe_says_where_to_and_what_is_waived(recipe: Path) -> None:
    wish = options_from_recipe(read_recipe(recipe, ["export.private=true"]))
    assert (wish.repo, wish.private, wish.waive) == ("anna/tickets", True, ())
    waived = read_recipe(recipe, ["filter=[exact_duplicate]", "export.license=null", "export.waive=[leak, license]"])
    assert options_from_recipe(waived).waive == ("leak", "license")


def test_an_evaluation_to_come_counts_as_a_leak_check(recipe: Path) -> None:
    assert options_from_recipe(read_recipe(recipe, ["filter=[exact_duplicate]", "evaluate={test: test}"])).waive == ()


def test_validate_says_so_where_a_repository_is_named(recipe: Path) -> None:
    assert release_blockers(read_recipe(recipe)) == release_blockers(read_recipe(recipe, ["export.hub=null"])) == []
    (told,) = release_blockers(read_recipe(recipe, ["export.license=null"]))
    assert "cannot be pushed: the recipe gives the data set no licence" in told

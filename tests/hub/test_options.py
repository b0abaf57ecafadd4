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
    ("args", "message"),
    [
        (["acme/tickets", "--timeout", "nan"], "--timeout takes seconds up to 86,400, found nan"),
        (["acme/tickets", "--max-retry", "inf"], "--max-retry takes seconds up to 86,400, found inf"),
        (["tickets"], "'tickets' is not a repository name; write owner/name"),
        (["anna/x", "--create-pr", "--revision", "dev"], "leave --revision out"),
        (["anna/x", "--create-pr", "--tag", "v1"], "set the tag after merging it"),
        (["anna/x", "--timeout", "0"], "0"),
    ],
)
def test_invalid_options_are_refused_without_a_request(
    client: Client, server: Server, finished_run: Path, args: list[str], message: str
) -> None:
    result = client.textsynth("push", finished_run, *args)
    assert result.code == 2
    assert message in result.err
    assert server.requests == []


@pytest.mark.parametrize(
    "repo", ["tickets", "a/b/c", "-a/b", "a/b.git", "a/b--c", "a/b..c", "a/bé", "a/ b", "https://hf.co/a/b", "", "/"]
)
def test_a_repository_is_owner_and_name(repo: str) -> None:
    with pytest.raises(UsageError, match="is not a repository name; write owner/name"):
        PushOptions(repo).check()


def test_valid_options_pass() -> None:
    PushOptions("acme/bank-intents", private=True, tag="v1", waive=("leak",)).check()


@pytest.mark.parametrize(
    "name", ["", "bad tag", "-v1", "v1..2", "v1.lock", "a//b", ".v1", "v1.", "v1/", "a:b", "a@{1}", "v\n"]
)
def test_a_tag_or_branch_that_git_refuses_is_refused_without_a_request(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--tag .* is not a valid git name"):
        PushOptions("acme/tickets", tag=name).check()
    with pytest.raises(UsageError, match=r"^--revision .* is not a valid git name"):
        PushOptions("acme/tickets", revision=name).check()


@pytest.mark.parametrize("name", ["v1", "v1.2-rc.1", "release/2026", "refs/pr/3", "dev_x", "größe"])
def test_a_tag_or_branch_that_git_accepts_passes(name: str) -> None:
    PushOptions("acme/tickets", tag=name, revision=name).check()


BLOCKED = {
    "no repository": ("export.hub=null", "tickets.yaml:11: --push needs a repository; write export: "),
    "no license": (
        "export.license=null",
        "cannot be pushed: the recipe gives the data set no license; write export: {license: …} and run again, or "
        "waive the check with export: {waive: [license]}",
    ),
    "no leak check": ("filter=[exact_duplicate]", "cannot be pushed: the texts were not compared with a test set"),
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("recipe")).parent / "tickets.yaml"


@pytest.mark.parametrize("name", BLOCKED)
def test_what_blocks_a_push_is_reported_before_the_run(recipe: Path, name: str) -> None:
    change, message = BLOCKED[name]
    with pytest.raises(UsageError) as caught:
        options_from_recipe(read_recipe(recipe, [change]))
    assert message in str(caught.value)


def test_the_recipe_sets_the_repository_and_the_waived_checks(recipe: Path) -> None:
    options = options_from_recipe(read_recipe(recipe, ["export.private=true"]))
    assert (options.repo, options.private, options.waive) == ("anna/tickets", True, ())
    waived = read_recipe(recipe, ["filter=[exact_duplicate]", "export.license=null", "export.waive=[leak, license]"])
    assert options_from_recipe(waived).waive == ("leak", "license")


def test_an_evaluation_after_the_run_counts_as_a_leak_check(recipe: Path) -> None:
    assert options_from_recipe(read_recipe(recipe, ["filter=[exact_duplicate]", "evaluate={test: test}"])).waive == ()


def test_blockers_are_listed_only_if_the_recipe_has_a_repository(recipe: Path) -> None:
    assert release_blockers(read_recipe(recipe)) == release_blockers(read_recipe(recipe, ["export.hub=null"])) == []
    (blocker,) = release_blockers(read_recipe(recipe, ["export.license=null"]))
    assert "cannot be pushed: the recipe gives the data set no license" in blocker

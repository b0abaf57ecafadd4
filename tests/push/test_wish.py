from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub_client import Client
from tests.hub_server import Server
from textsynth.core.errors import UsageError
from textsynth.push.wish import Wish

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
        Wish(repo).check()


def test_a_plain_wish_is_fine() -> None:
    Wish("acme/bank-intents", private=True, tag="v1", waive=("leak",)).check()


@pytest.mark.parametrize(
    "name", ["", "bad tag", "-v1", "v1..2", "v1.lock", "a//b", ".v1", "v1.", "v1/", "a:b", "a@{1}", "v\n"]
)
def test_a_tag_or_branch_that_git_does_not_take_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--tag .* is no name that git takes"):
        Wish("acme/tickets", tag=name).check()
    with pytest.raises(UsageError, match=r"^--revision .* is no name that git takes"):
        Wish("acme/tickets", revision=name).check()


@pytest.mark.parametrize("name", ["v1", "v1.2-rc.1", "release/2026", "refs/pr/3", "dev_x", "größe"])
def test_a_tag_or_branch_that_git_takes_is_fine(name: str) -> None:
    Wish("acme/tickets", tag=name, revision=name).check()

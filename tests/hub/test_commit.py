"""The commit under faults of every kind, and beside commits of others: complete or not made, and never made twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hub_client import Client
from tests.hub_server import HubFault, Server
from tests.hub_store import Store

pytest_plugins = ("tests.hub_fixtures",)
PUSHED = ["README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"]
PUSHED += ["figures/funnel.svg", "figures/labels.svg", "manifest.json", "recipe.yaml"]


def commit_by_others(repo: str, path: str, data: bytes) -> Callable[[Store], object]:
    return lambda store: store.put(repo, {path: data})


COMMIT = "POST .*/commit/main"
TEMPORARY_FAULTS = {
    "the connection is reset before the commit": HubFault(COMMIT, "reset", times=2),
    "the request of the commit is cut off": HubFault(COMMIT, "cut", times=1),
    "the commit is made and its response lost": HubFault(COMMIT, "lost", times=1),
    "the commit is made and a gateway responds": HubFault(COMMIT, "html", times=1),
    "500 at the commit": HubFault(COMMIT, 500, times=2),
    "503 at the refs": HubFault("GET .*/refs", 503, times=1),
    "429 with a time to wait": HubFault(COMMIT, 429, times=1, retry_after="1"),
    "409 at the commit": HubFault(COMMIT, 409, times=1),
    "an upload is cut off": HubFault("PUT /lfs", "cut", times=1),
    "500 at an upload": HubFault("PUT /lfs", 500, times=1),
    "a slow commit": HubFault(COMMIT, "slow", times=1, seconds=1.5),
}


@pytest.mark.parametrize("name", TEMPORARY_FAULTS)
def test_a_temporary_fault_ends_in_one_complete_commit(
    client: Client, server: Server, repo: str, finished_run: Path, name: str
) -> None:
    server.faults.append(replace(TEMPORARY_FAULTS[name]))
    check_pushed_once(client, server, repo, finished_run)


def test_a_repository_that_another_push_creates_meanwhile_gets_the_commit(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.faults.append(HubFault("POST /api/repos", "", times=1, before=lambda store: store.create(repo, "hf_anna")))
    check_pushed_once(client, server, repo, finished_run)


def check_pushed_once(client: Client, server: Server, repo: str, run: Path) -> None:
    result = client.textsynth("push", run, repo, "--timeout", 1)
    assert result.code == 0, result.err
    assert server.faults[0].times == 0
    titles = [commit.title for commit in server.store.repos[repo].history()]
    assert titles == ["20 texts of tickets", "initial commit"]
    assert list(server.store.files(repo)) == PUSHED
    assert "Traceback" not in result.err


LASTING_FAULTS = {
    "401": (
        HubFault(COMMIT, 401),
        "the Hub rejected the token (fault 401 of the test); log in with `hf auth login`",
    ),
    "403": (HubFault(COMMIT, 403), "the token has no permission for this (fault 403 of the test)"),
    "413": (HubFault(COMMIT, 413), "the Hub answered with status 413"),
    "409": (HubFault(COMMIT, 409), "another commit has changed the repository"),
    "429 for an hour": (HubFault(COMMIT, 429, retry_after="3600"), "too many requests; it asks to wait 3600 s"),
    "500": (HubFault(COMMIT, 500), "the Hub answered with status 500"),
    "reset": (HubFault(COMMIT, "reset"), "the connection to the Hub at http://127.0.0.1"),
    "slow": (HubFault(COMMIT, "slow", seconds=20), "no answer in time"),
    "a proxy's page": (HubFault("GET .*/refs", "html"), "does not come from the Hub; is there a proxy in between?"),
    "400 for the card": (HubFault("POST /api/validate-yaml", 400), "Invalid metadata in README.md"),
}


@pytest.mark.parametrize("name", LASTING_FAULTS)
def test_a_lasting_fault_ends_in_one_sentence_and_no_partial_data_set(
    client: Client, server: Server, repo: str, finished_run: Path, name: str
) -> None:
    fault, message = LASTING_FAULTS[name]
    server.faults.append(replace(fault))
    result = client.textsynth("push", finished_run, repo, "--max-retry", 1, "--timeout", 0.5)
    assert result.code == 1
    *retries, last = result.err.splitlines()
    assert message in last
    assert last.startswith(f"{repo}: ")
    assert all(line.endswith(" s") and "; retrying in " in line for line in retries)
    assert result.out == ""
    assert server.store.files(repo) == {}


def test_a_commit_whose_outcome_is_unknown_is_reported_as_such(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.faults += [HubFault(COMMIT, "lost", times=1), HubFault(f"GET /api/datasets/{repo}$", "reset", skip=1)]
    result = client.textsynth("push", finished_run, repo, "--max-retry", 1)
    assert result.code == 1
    assert "it is unknown whether the commit was made: the same command checks that first" in result.err
    server.faults.clear()
    assert "nothing was sent" in client.textsynth("push", finished_run, repo).out
    assert len(server.store.repos[repo].history()) == 2


def test_a_pull_request_whose_response_is_lost_is_not_opened_twice(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.faults.append(HubFault(COMMIT, "lost", times=1))
    result = json.loads(client.textsynth("push", finished_run, repo, "--create-pr", "--json").out)
    assert result["pull_request"] == "1"
    assert list(server.store.repos[repo].pull_requests) == ["refs/pr/1"]


def test_a_commit_of_others_to_other_files_is_kept(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.faults.append(HubFault(COMMIT, "", times=1, before=commit_by_others(repo, "notes.txt", b"mine, changed")))
    result = client.textsynth("push", finished_run, repo)
    assert result.code == 0
    assert "another commit has changed the repository" in result.err
    assert server.store.files(repo)["notes.txt"] == b"mine, changed"
    assert list(server.store.files(repo)) == sorted(["notes.txt", *PUSHED])


def test_a_commit_of_others_to_the_same_files_is_not_overwritten(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.faults.append(HubFault(COMMIT, "", times=1, before=commit_by_others(repo, "README.md", b"# by hand")))
    result = client.textsynth("push", finished_run, repo)
    assert result.code == 1
    assert f"{repo}: not pushed: another commit (" in result.err
    assert ") changed README.md during this push" in result.err
    assert server.store.files(repo) == {"README.md": b"# by hand", "notes.txt": b"mine"}


@pytest.mark.slow
def test_uploads_that_always_fail_end_in_one_sentence(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    """Slow: huggingface_hub itself tries an upload six times, with waits of 23 seconds in all, and we once more."""
    server.faults.append(HubFault("PUT /lfs", 500))
    result = client.textsynth("push", finished_run, repo, "--max-retry", 1)
    assert result.code == 1
    assert "not pushed: the Hub answered with status 500" in result.err.splitlines()[-1]
    assert server.store.files(repo) == {}

"""The commit under faults of every kind, and beside the commits of others: whole or not there, never twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub_client import Client
from tests.hub_server import Server, Slip
from tests.hub_store import Store

pytest_plugins = ("tests.hub_fixtures",)
SENT = ["README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"]
SENT += ["figures/funnel.svg", "figures/labels.svg", "manifest.json", "recipe.yaml"]


def someone(repo: str, path: str, data: bytes) -> Callable[[Store], object]:
    return lambda store: store.put(repo, {path: data})


COMMIT = "POST .*/commit/main"
PASSING = {
    "the connection is reset before the commit": Slip(COMMIT, "reset", times=2),
    "the commit is cut in the middle": Slip(COMMIT, "cut", times=1),
    "the commit is made and its answer lost": Slip(COMMIT, "lost", times=1),
    "the commit is made and a gateway gives up": Slip(COMMIT, "html", times=1),
    "500 at the commit": Slip(COMMIT, 500, times=2),
    "503 at the refs": Slip("GET .*/refs", 503, times=1),
    "429 with a time to wait": Slip(COMMIT, 429, times=1, after="1"),
    "409 at the commit": Slip(COMMIT, 409, times=1),
    "the repository is made by another push meanwhile": Slip("", ""),
    "an upload is cut": Slip("PUT /lfs", "cut", times=1),
    "500 at an upload": Slip("PUT /lfs", 500, times=1),
    "a slow commit": Slip(COMMIT, "slow", times=1, seconds=1.5),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_ends_in_one_whole_commit(
    client: Client, server: Server, repo: str, finished: Path, name: str
) -> None:
    if "meanwhile" in name:
        server.slips.append(Slip("POST /api/repos", "", times=1, act=lambda store: store.create(repo, "hf_anna")))
    else:
        server.slips.append(_fresh(PASSING[name]))
    said = client.textsynth("push", finished, repo, "--timeout", 1)
    assert said.code == 0, said.err
    assert server.slips[0].times == 0
    assert [one.title for one in server.store.repos[repo].history()] == ["20 texts of tickets", "initial commit"]
    assert list(server.store.files(repo)) == SENT
    assert "Traceback" not in said.err


def _fresh(slip: Slip) -> Slip:
    return Slip(slip.at, slip.kind, slip.times, slip.skip, slip.after, slip.seconds)


LASTING = {
    "401": (Slip(COMMIT, 401), "the Hub does not take the token (fault 401 of the test); log in with `hf auth login`"),
    "403": (Slip(COMMIT, 403), "the token may not do this (fault 403 of the test)"),
    "413": (Slip(COMMIT, 413), "the Hub refuses with status 413"),
    "409": (Slip(COMMIT, 409), "somebody else has changed the repository meanwhile"),
    "429 for an hour": (Slip(COMMIT, 429, after="3600"), "too many requests; it asks to wait 3600 s"),
    "500": (Slip(COMMIT, 500), "the Hub failed with status 500"),
    "reset": (Slip(COMMIT, "reset"), "the connection was lost"),
    "slow": (Slip(COMMIT, "slow", seconds=20), "no answer in time"),
    "a proxy's page": (Slip("GET .*/refs", "html"), "answers what the Hub would not; is it a proxy's page?"),
    "400 for the card": (Slip("POST /api/validate-yaml", 400), "Invalid metadata in README.md"),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_ends_in_one_sentence_and_no_half_data_set(
    client: Client, server: Server, repo: str, finished: Path, name: str
) -> None:
    slip, told = LASTING[name]
    server.slips.append(_fresh(slip))
    said = client.textsynth("push", finished, repo, "--patience", 1, "--timeout", 0.5)
    assert said.code == 1
    *tries, last = said.err.splitlines()
    assert told in last
    assert last.startswith(f"{repo}: ")
    assert all(line.endswith(" s") and "; trying again in " in line for line in tries)
    assert said.out == ""
    assert server.store.files(repo) == {}


def test_an_answer_that_is_lost_for_good_is_said_to_be_unknown(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.slips += [Slip(COMMIT, "lost", times=1), Slip(f"GET /api/datasets/{repo}$", "reset", skip=1)]
    said = client.textsynth("push", finished, repo, "--patience", 1)
    assert said.code == 1
    assert "whether the commit has arrived is not known, the same command again looks first" in said.err
    server.slips.clear()
    assert "nothing was sent" in client.textsynth("push", finished, repo).out
    assert len(server.store.repos[repo].history()) == 2


def test_a_pull_request_whose_answer_is_lost_is_not_opened_twice(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.slips.append(Slip(COMMIT, "lost", times=1))
    told = json.loads(client.textsynth("push", finished, repo, "--create-pr", "--json").out)
    assert told["pull_request"] == "1"
    assert list(server.store.repos[repo].pulls) == ["refs/pr/1"]


def test_somebody_elses_commit_beside_it_is_kept(client: Client, server: Server, repo: str, finished: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    act = someone(repo, "notes.txt", b"mine, changed")
    server.slips.append(Slip(COMMIT, "", times=1, act=act))
    said = client.textsynth("push", finished, repo)
    assert said.code == 0
    assert "somebody else has changed the repository meanwhile" in said.err
    assert server.store.files(repo)["notes.txt"] == b"mine, changed"
    assert list(server.store.files(repo)) == sorted(["notes.txt", *SENT])


def test_somebody_elses_commit_to_the_same_files_is_not_overwritten(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    server.slips.append(Slip(COMMIT, "", times=1, act=someone(repo, "README.md", b"# by hand")))
    said = client.textsynth("push", finished, repo)
    assert said.code == 1
    assert f"{repo}: not pushed: somebody else changed README.md while this push was under way" in said.err
    assert server.store.files(repo) == {"README.md": b"# by hand", "notes.txt": b"mine"}


@pytest.mark.slow
def test_uploads_that_always_fail_end_in_one_sentence(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    """Slow: huggingface_hub itself tries an upload six times, with waits of 23 seconds in all, and we once more."""
    server.slips.append(Slip("PUT /lfs", 500))
    said = client.textsynth("push", finished, repo, "--patience", 1)
    assert said.code == 1
    assert "not pushed: the Hub failed with status 500" in said.err.splitlines()[-1]
    assert server.store.files(repo) == {}

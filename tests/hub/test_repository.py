"""The repository as a push sees it: who may, what stands there, what is made."""

from __future__ import annotations

from pathlib import Path

from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import Server, Slip

pytest_plugins = ("tests.hub_fixtures",)


def test_whose_token_it_is_decides(client: Client, server: Server, repo: str, finished: Path) -> None:
    none = client.textsynth("push", finished, repo, token=None)
    assert (none.code, none.err) == (
        1,
        f"{repo}: there is no token for the Hub; log in with `hf auth login`, or set HF_TOKEN\n",
    )
    assert server.asked == []
    for token, told in (
        ("hf_nobody", "the Hub does not take the token"),
        ("hf_reader", "the token of anna may only read"),
        ("hf_bob", "making the repository: the token may not do this"),
    ):
        said = client.textsynth("push", finished, repo, token=token)
        assert (said.code, told in said.err) == (1, True), said.err
    assert repo not in server.store.repos


def test_a_gated_data_set_is_one_sentence(client: Client, server: Server, repo: str, finished: Path) -> None:
    assert client.textsynth("push", finished, repo).code == 0
    server.slips.append(Slip("GET .*/resolve", "gated"))
    said = client.textsynth("push", finished, repo, "--patience", 1)
    assert said.code == 1
    assert "access to this repository must be asked for on its page" in said.err


def test_offline_is_said_at_once(server: Server, finished: Path, tmp_path: Path) -> None:
    """Asked in a process of its own, which reads HF_HUB_OFFLINE when it begins."""
    offline = Client(server, tmp_path, HF_HUB_OFFLINE="1")
    said = offline.textsynth("push", finished, "anna/x")
    offline.close()
    assert (said.code, said.err) == (2, "anna/x: HF_HUB_OFFLINE is set, so that nothing can be pushed; unset it\n")
    assert server.asked == []


def test_an_upload_by_xet_fails_cleanly(server: Server, repo: str, finished: Path, tmp_path: Path) -> None:
    """The server has no Xet, and what the real one does with it cannot be shown here: only that it ends well."""
    with_xet = Client(server, tmp_path, HF_HUB_DISABLE_XET="0")
    said = with_xet.textsynth("push", finished, repo)
    with_xet.close()
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert "the upload by Xet failed" in said.err
    assert "HF_HUB_DISABLE_XET=1 does without it" in said.err
    assert server.store.files(repo) == {}


def test_data_that_is_no_parquet_is_not_compared_with(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    card = b"---\nconfigs:\n- config_name: default\n  data_files: all.csv\n---\n"
    server.store.put(repo, {"README.md": card, "all.csv": b"text\nx\n"})
    said = client.textsynth("push", finished, repo)
    assert said.code == 1
    assert "holds all.csv, which is no parquet file" in said.err
    assert client.textsynth("push", finished, repo, "--replace").code == 0


def test_a_data_set_without_a_card_is_compared_by_its_files(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    data = (finished / "dataset/provenance/train-00000-of-00001.parquet").read_bytes()
    server.store.put(repo, {"train.parquet": data})
    said = client.textsynth("push", finished, repo)
    assert said.code == 2
    assert "the column 'request' is gone" in said.err


def test_a_pull_request_is_pushed_to_again_and_a_tag_is_no_branch(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    assert client.textsynth("push", run, repo, "--create-pr").code == 0
    make_run(run.parent, seed=5)
    assert client.textsynth("push", run, repo, "--revision", "refs/pr/1").code == 0
    assert list(server.store.repos[repo].pulls) == ["refs/pr/1"]
    assert b'"seed": 5' in server.store.files(repo, "refs/pr/1")["manifest.json"]
    assert list(server.store.files(repo)) == ["notes.txt"]
    server.store.repos[repo].tags["v1"] = server.store.repos[repo].branches["main"]
    for revision in ("v1", "0" * 40):
        said = client.textsynth("push", run, repo, "--revision", revision)
        assert (said.code, f"{revision} is no branch; a push goes to a branch, such as main" in said.err) == (2, True)


def test_the_login_of_hf_auth_login_is_used(server: Server, repo: str, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_anna")
    own = Client(server, tmp_path, HF_HUB_DISABLE_IMPLICIT_TOKEN="1")
    said = own.textsynth("push", finished, repo, token=None)
    own.close()
    assert said.code == 0, said.err

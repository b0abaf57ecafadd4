"""The repository during a push: access, its state, and what is created."""

from __future__ import annotations

from pathlib import Path

from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import HubFault, Server

pytest_plugins = ("tests.hub_fixtures",)


def test_a_push_needs_a_token_with_write_access(client: Client, server: Server, repo: str, finished_run: Path) -> None:
    without_token = client.textsynth("push", finished_run, repo, token=None)
    message = f"{repo}: there is no token for the Hub; log in with `hf auth login`, or set HF_TOKEN\n"
    assert (without_token.code, without_token.err) == (1, message)
    assert server.requests == []
    for token, message in (
        ("hf_nobody", "the Hub rejected the token"),
        ("hf_reader", "the token of anna is read-only"),
        ("hf_bob", "creating the repository: the token has no permission for this"),
    ):
        result = client.textsynth("push", finished_run, repo, token=token)
        assert (result.code, message in result.err) == (1, True), result.err
    assert repo not in server.store.repos


def test_a_gated_data_set_is_reported_in_one_sentence(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    assert client.textsynth("push", finished_run, repo).code == 0
    server.faults.append(HubFault("GET .*/resolve", "gated"))
    result = client.textsynth("push", finished_run, repo, "--max-retry", 1)
    assert result.code == 1
    assert f"request access at {server.url}/datasets/{repo}" in result.err


def test_a_dry_run_without_a_network_shows_what_it_would_send(
    server: Server, finished_run: Path, tmp_path: Path
) -> None:
    environments = ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"})
    reasons = ("HF_HUB_OFFLINE is set", "the connection to the Hub at http://127.0.0.1:9 failed")
    for environment, reason in zip(environments, reasons, strict=True):
        offline = Client(server, tmp_path, **environment)
        result = offline.textsynth("push", finished_run, "anna/x", "--dry-run", "--max-retry", "0.1")
        offline.close()
        assert result.code == 0
        assert "unknown" in next(line for line in result.out.splitlines() if line.endswith("recipe.yaml"))
        assert f"nothing was sent, and the Hub was not asked ({reason}" in result.out
        assert "a push would send up to 7 files: which of them anna/x has already is not known" in result.out


def test_offline_mode_is_reported_at_once(server: Server, finished_run: Path, tmp_path: Path) -> None:
    """In a process of its own, because HF_HUB_OFFLINE is read at the start."""
    offline = Client(server, tmp_path, HF_HUB_OFFLINE="1")
    result = offline.textsynth("push", finished_run, "anna/x")
    offline.close()
    assert (result.code, result.err) == (2, "anna/x: HF_HUB_OFFLINE is set, so nothing can be pushed; unset it\n")
    assert server.requests == []


def test_a_failed_upload_through_xet_is_one_sentence(
    server: Server, repo: str, finished_run: Path, tmp_path: Path
) -> None:
    """The server has no Xet. How the real one behaves cannot be tested here, only that the failure is reported."""
    with_xet = Client(server, tmp_path, HF_HUB_DISABLE_XET="0")
    result = with_xet.textsynth("push", finished_run, repo)
    with_xet.close()
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "the upload through Xet failed" in result.err
    assert "set HF_HUB_DISABLE_XET=1 to upload without it" in result.err
    assert server.store.files(repo) == {}


def test_data_in_another_format_is_not_compared(client: Client, server: Server, repo: str, finished_run: Path) -> None:
    card = b"---\nconfigs:\n- config_name: default\n  data_files: all.csv\n---\n"
    server.store.put(repo, {"README.md": card, "all.csv": b"text\nx\n"})
    result = client.textsynth("push", finished_run, repo)
    assert result.code == 1
    assert "contains all.csv, which is not a parquet file" in result.err
    assert client.textsynth("push", finished_run, repo, "--replace").code == 0


def test_a_data_set_without_a_card_is_compared_by_its_files(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    data = (finished_run / "dataset/provenance/train-00000-of-00001.parquet").read_bytes()
    server.store.put(repo, {"train.parquet": data})
    result = client.textsynth("push", finished_run, repo)
    assert result.code == 2
    assert "the column 'request_key' is removed" in result.err


def test_a_pull_request_can_be_pushed_to_again_and_a_tag_is_not_a_branch(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    assert client.textsynth("push", run, repo, "--create-pr").code == 0
    make_run(run.parent, seed=5)
    assert client.textsynth("push", run, repo, "--revision", "refs/pr/1").code == 0
    assert list(server.store.repos[repo].pull_requests) == ["refs/pr/1"]
    assert b'"seed": 5' in server.store.files(repo, "refs/pr/1")["manifest.json"]
    assert list(server.store.files(repo)) == ["notes.txt"]
    server.store.repos[repo].tags["v1"] = server.store.repos[repo].branches["main"]
    for revision in ("v1", "0" * 40):
        result = client.textsynth("push", run, repo, "--revision", revision)
        message = f"{revision} is not a branch; push to a branch, such as main"
        assert (result.code, message in result.err) == (2, True)


def test_the_login_of_hf_auth_login_is_used(server: Server, repo: str, finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_anna")
    client = Client(server, tmp_path, HF_HUB_DISABLE_IMPLICIT_TOKEN="1")
    result = client.textsynth("push", finished_run, repo, token=None)
    client.close()
    assert result.code == 0, result.err

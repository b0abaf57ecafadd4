"""`textsynth run --push`; the push itself is tested in tests/test_hub.py."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hub_client import Client, CommandResult
from tests.hub_server import HubFault, Server

pytest_plugins = ("tests.hub_fixtures",)


def run_push(client: Client, run: Path, repo: str, *args: str) -> CommandResult:
    recipe = run.parent / "tickets.yaml"
    options = ("--out", run, "--push", "--set", f"export.hub={repo}", *args)
    return client.textsynth("run", recipe, *options)


def test_a_run_publishes_its_result(client: Client, server: Server, repo: str, run: Path) -> None:
    code, out, err = run_push(client, run, repo, "--set", "export.private=true")
    assert (code, "Traceback" in err) == (0, False), err
    assert out.index("the quota is met") < out.index(f"pushed 20 texts to {repo}, in one commit")
    assert server.store.repos[repo].private
    code, out, _ = run_push(client, run, repo, "--json")
    assert (code, json.loads(out)["pushed"]["commit"]) == (0, None) or json.loads(out)["pushed"]["commit"]
    assert json.loads(out)["manifest"]["counts"]["selected"] == 20


def test_a_failed_push_is_exit_code_1_and_the_result_of_the_run_is_printed(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    server.faults.append(HubFault("POST .*/commit/main", 403))
    code, out, err = run_push(client, run, repo)
    assert code == 1
    assert "the quota is met" in out
    assert f"{repo}: not pushed: the token has no permission for this" in err
    code, out, err = run_push(client, run, repo, "--json")
    summary = json.loads(out)
    assert (code, summary["exit_code"], summary["pushed"]) == (1, 0, None)
    assert "the token has no permission for this" in summary["not_pushed"]


def test_what_blocks_a_push_is_reported_before_the_run(client: Client, server: Server, repo: str, run: Path) -> None:
    before = (run / "manifest.json").stat().st_mtime_ns
    for change, message in (
        ("export.license=null", "gives the data set no license"),
        ("filter=[]", "the texts were not compared with a test set"),
    ):
        result = run_push(client, run, repo, "--set", change)
        assert (result.code, message in result.err) == (2, True), result.err
    assert "--push needs a repository" in run_push(client, run, "null").err
    without_token = client.textsynth("run", run.parent / "tickets.yaml", "--out", run, "--push", token=None)
    assert (without_token.code, "there is no token for the Hub" in without_token.err) == (1, True)
    assert (run / "manifest.json").stat().st_mtime_ns == before
    assert not server.writes()


def test_a_run_that_missed_its_quota_is_not_published(client: Client, server: Server, repo: str, run: Path) -> None:
    code, out, err = run_push(client, run, repo, "--set", "budget.requests=2", "--set", "want.label=40", "--fresh")
    assert code == 3
    assert f"not pushed, because the quota was not met; textsynth push {run} {repo}" in err
    assert "refund" in out
    assert repo not in server.store.repos


def test_a_source_on_the_hub_is_in_the_manifest_with_its_commit_and_its_license_is_checked(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    rows = b"text,label\nplease send back my money,refund\nwhere has the parcel gone,delivery\n"
    card = b"---\nlicense: cc-by-sa-4.0\nconfigs: [{config_name: default, data_files: rows.csv}]\n---\n"
    sha = server.store.put(f"{repo}-seeds", {"rows.csv": rows, "README.md": card}).sha
    source = ("--set", f"sources.seeds={{hub: {{path: {repo}-seeds}}}}")
    code, out, err = run_push(client, run, repo, *source, "--json")
    manifest = json.loads(out)["manifest"]
    assert manifest["sources"]["seeds"] == {"path": f"{repo}-seeds", "split": "train", "revision": sha}
    assert (code, manifest["licenses"]["sources"]) == (1, {"seeds": "cc-by-sa-4.0"})
    assert "the source seeds is under cc-by-sa-4.0, which demands the same license for what is made from it" in err
    assert repo not in server.store.repos
    assert run_push(client, run, repo, *source, "--set", "export.license=cc-by-sa-4.0").code == 0
    assert f"{repo}-seeds at {sha}" in server.store.files(repo)["README.md"].decode().replace("\\", "")
    moved = server.store.put(f"{repo}-seeds", {"rows.csv": rows + b"one more row,refund\n"}).sha
    err = run_push(client, run, repo, *source, "--set", "export.license=cc-by-sa-4.0").err
    assert f"sources.seeds has changed on the Hub since the last run here: {sha[:8]} is now {moved[:8]}" in err

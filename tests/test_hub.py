"""Pushes of a finished run to a server with the Hub's protocol, and loading the result with the unmodified `datasets`.

Not tested are parts of the real Hub: its validator of cards, its Xet storage, and its limits of rate and size.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.hub.runs import SEED, TEST_ROW, make_run
from tests.hub_client import Client
from tests.hub_server import Server
from tests.store.evaluations import CONTAMINATION, evaluation_content
from textsynth.store.dataset_hash import dataset_hash
from textsynth.store.evaluation import write_evaluation
from textsynth.store.manifest import read_manifest

pytest_plugins = ("tests.hub_fixtures",)
PUSHED = ["README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"]
PUSHED += ["figures/funnel.svg", "figures/labels.svg", "manifest.json", "recipe.yaml"]
OPTIONAL = ["dropped/train-00000-of-00001.parquet", "provenance/train-00000-of-00001.parquet"]
LOAD_REMOTE = """
    from datasets import load_dataset
    loaded = load_dataset(repo, config, revision=revision, streaming=streaming)
    rows = {split: list(rows) for split, rows in loaded.items()}
    features = {split: str(rows.features) for split, rows in loaded.items()}
    result = rows, features
"""
LOAD_LOCAL = LOAD_REMOTE.replace("revision=revision, ", "")


def load_remote(
    client: Client, repo: str, *, config: str = "default", revision: str | None = None, streaming: bool = False
) -> Any:
    return client.python(LOAD_REMOTE, repo=repo, config=config, revision=revision, streaming=streaming)


def data_files(run: Path) -> dict[str, bytes]:
    return {f"data/{path.name}": path.read_bytes() for path in (run / "dataset" / "data").iterdir()}


def test_a_push_is_one_commit_that_loads_back_row_for_row(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    result = client.textsynth("push", finished_run, repo)
    assert (result.code, result.err) == (0, "")
    assert f"pushed 20 texts to {repo}, in one commit" in result.out
    commits = server.store.repos[repo].history()
    assert [commit.title for commit in commits] == ["20 texts of tickets", "initial commit"]
    files = server.store.files(repo)
    assert list(files) == PUSHED
    assert {path: data for path, data in files.items() if path.startswith("data/")} == data_files(finished_run)
    local = client.python(LOAD_LOCAL, repo=finished_run / "dataset", config="default", streaming=False)
    assert load_remote(client, repo) == local
    assert "ClassLabel(names=['refund', 'delivery'])" in local[1]["train"]
    assert client.python("from datasets import get_dataset_config_names as g; result = g(repo)", repo=repo) == [
        "default"
    ]


def test_a_pushed_data_set_can_be_streamed(client: Client, server: Server, repo: str, finished_run: Path) -> None:
    assert client.textsynth("push", finished_run, repo).code == 0
    assert load_remote(client, repo, streaming=True) == load_remote(client, repo)


def test_provenance_and_dropped_texts_are_pushed_on_request_and_deleted_by_the_next_push(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    assert client.textsynth("push", finished_run, repo, "--with-provenance").code == 0
    assert list(server.store.files(repo)) == sorted([*PUSHED, *OPTIONAL])
    provenance = client.python(LOAD_LOCAL, repo=finished_run / "dataset", config="provenance", streaming=False)
    assert load_remote(client, repo, config="provenance") == provenance
    dropped, _ = load_remote(client, repo, config="dropped")
    assert len(dropped["train"]) == sum(1 for _ in pq.read_table(finished_run / "dataset/dropped")["id"])
    result = client.textsynth("push", finished_run, repo)
    assert result.out.count("deleted") == 2
    files = server.store.files(repo)
    assert list(files) == PUSHED
    card = files["README.md"].decode()
    assert "config_name: provenance" not in card
    assert "| `dropped` |" not in card
    assert "The configs `provenance` and `dropped` were not published" in card


def test_seeds_test_rows_paths_and_secrets_are_not_pushed(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    dropped = pq.read_table(finished_run / "dataset/dropped").to_pylist()
    assert {f"{SEED}!", TEST_ROW} <= {row["text"] for row in dropped}
    assert client.textsynth("push", finished_run, repo, "--with-provenance").code == 0
    files = server.store.files(repo)
    content_hash = hashlib.sha256(b"train\0" + files[OPTIONAL[0]]).hexdigest()
    assert f"sha256 of the content: {content_hash}" in files["README.md"].decode()
    for path, data in files.items():
        text = str(pq.read_table(_file(data)).to_pylist()) if path.endswith(".parquet") else data.decode()
        for secret in (SEED, TEST_ROW, str(finished_run.parent), "hf_anna"):
            assert secret not in text, path
    assert "path: seeds.csv" in server.store.files(repo)["recipe.yaml"].decode()
    manifest = json.loads(server.store.files(repo)["manifest.json"])
    assert "path" not in manifest["recipe"]
    assert manifest["checked_for_leaks"] == ["test"]


def _file(data: bytes) -> Any:
    import pyarrow as pa

    return pa.BufferReader(data)


def test_pushing_the_same_data_set_again_makes_no_commit(client: Client, server: Server, repo: str, run: Path) -> None:
    assert client.textsynth("push", run, repo).code == 0
    make_run(run.parent)  # the same data set, other durations and numbers of requests
    server.requests.clear()
    result = client.textsynth("push", run, repo)
    assert result.code == 0
    assert f"{repo} already has this data set: nothing was sent" in result.out
    assert server.writes() == []
    assert len(server.store.repos[repo].history()) == 2


def test_a_dry_run_shows_files_and_sizes_and_writes_nothing(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    result = client.textsynth("push", finished_run, repo, "--dry-run", "--private", "--with-provenance", "--tag", "v1")
    assert result.code == 0
    size = (finished_run / "dataset/data/train-00000-of-00001.parquet").stat().st_size
    assert f"  {size / 1000:.1f} kB  data/train-00000-of-00001.parquet" in result.out
    assert "the repository would be created, private" in result.out
    assert "nothing was sent; a push would write 9 files and delete 0" in result.out
    assert server.writes() == []
    assert repo not in server.store.repos
    summary = json.loads(client.textsynth("push", finished_run, repo, "--dry-run", "--json", token=None).out)
    assert summary["dry_run"] is True
    assert {"path": "data/train-00000-of-00001.parquet", "size": size, "what": "new"} in summary["files"]


def update_hash(run: Path) -> None:
    """Write the hash of the data set as it is now into the manifest."""
    manifest = read_manifest(run)
    manifest["dataset"]["sha256"] = dataset_hash(run)
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_changed_number_of_shards_leaves_no_old_files(client: Client, server: Server, repo: str, run: Path) -> None:
    assert client.textsynth("push", run, repo).code == 0
    data, card = run / "dataset" / "data", run / "dataset" / "README.md"
    single_file, text = data / "train-00000-of-00001.parquet", card.read_text(encoding="utf-8")
    table = pq.read_table(single_file)
    shards = [f"data/train-{shard:05}-of-00003.parquet" for shard in range(3)]
    for shard, path in enumerate(shards):
        pq.write_table(table.slice(shard * 5, 5 if shard < 2 else table.num_rows), run / "dataset" / path)
    single_file.rename(run / "single.parquet")
    card.write_text(text.replace("path: data/train-00000-of-00001.parquet", "path: data/train-*"), encoding="utf-8")
    update_hash(run)
    before = load_remote(client, repo)
    assert client.textsynth("push", run, repo).code == 0
    assert [path for path in server.store.files(repo) if "train" in path] == shards
    assert load_remote(client, repo) == before
    for path in shards:
        (run / "dataset" / path).unlink()
    (run / "single.parquet").rename(single_file)
    card.write_text(text, encoding="utf-8")
    update_hash(run)
    assert client.textsynth("push", run, repo).code == 0
    assert list(server.store.files(repo)) == PUSHED
    assert load_remote(client, repo) == before


def test_other_files_in_the_repository_stay(client: Client, server: Server, repo: str, finished_run: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine", "data/notes.txt": b"mine too", "figures/a.parquet": b"no parquet"})
    server.store.put(repo, {"README.md": b"---\nconfigs: []\n---\n"})
    assert client.textsynth("push", finished_run, repo, "--replace").code == 0
    assert {"notes.txt", "data/notes.txt", "figures/a.parquet"} <= set(server.store.files(repo))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"labels__other": "anything else"}, "the labels of 'label' change: 'other' added"),
        ({"texts_per_label": 3}, "it has 6 texts instead of 20"),
        ({"export__splits": "{train: 1}"}, "the split 'validation' is removed"),
    ],
)
def test_other_features_and_fewer_texts_are_refused_without_replace(
    client: Client, server: Server, repo: str, run: Path, sets: dict[str, Any], message: str
) -> None:
    assert client.textsynth("push", run, repo).code == 0
    make_run(run.parent, **sets)
    server.requests.clear()
    for options in ((), ("--dry-run",)):
        result = client.textsynth("push", run, repo, *options)
        assert result.code == 2
        assert f"{repo}: not pushed, because the data set there would change for its users: " in result.err
        assert message in result.err
        assert result.err.endswith("; push with --replace to accept this\n")
        assert server.writes() == []
    assert client.textsynth("push", run, repo, "--replace").code == 0
    local = client.python(LOAD_LOCAL, repo=run / "dataset", config="default", streaming=False)
    assert load_remote(client, repo) == local


def test_a_card_that_a_person_edited_is_not_replaced_without_replace(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    assert client.textsynth("push", run, repo).code == 0
    make_run(run.parent, texts_per_label=12)
    assert client.textsynth("push", run, repo).code == 0  # another card than before, but both are of a push
    pushed = server.store.files(repo)["README.md"]
    server.store.put(repo, {"README.md": pushed + b"\nWe checked 200 rows by hand.\n"})
    make_run(run.parent, texts_per_label=13)
    for options in ((), ("--dry-run",)):
        result = client.textsynth("push", run, repo, *options)
        assert result.code == 2
        assert "its card (README.md) was edited on the Hub and would be replaced" in result.err
    assert b"by hand" in server.store.files(repo)["README.md"]
    assert client.textsynth("push", run, repo, "--replace").code == 0
    assert b"by hand" not in server.store.files(repo)["README.md"]


@pytest.mark.parametrize(("card", "code"), [(b"---\nlicense: mit\n---\n", 0), (b"# Parcels\nmy notes", 2), (b"", 0)])
def test_a_card_that_was_there_before_the_first_push_stays_if_it_has_a_text(
    client: Client, server: Server, repo: str, finished_run: Path, card: bytes, code: int
) -> None:
    server.store.put(repo, {"README.md": card})
    result = client.textsynth("push", finished_run, repo)
    assert result.code == code, result.err
    assert (server.store.files(repo)["README.md"] == card) is (code == 2)


def test_private_has_an_effect_only_when_the_repository_is_created(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    assert client.textsynth("push", finished_run, repo, "--private").code == 0
    assert server.store.repos[repo].private
    again = client.textsynth("push", finished_run, repo, "--private")
    assert f"private has an effect only when the repository is created; {repo} is private already" in again.out
    server.store.repos[repo].private = False
    result = client.textsynth("push", finished_run, repo, "--private", "--replace")
    assert result.code == 2
    assert "private has an effect only when the repository is created, and this one is public" in result.err


def test_a_pull_request_does_not_change_main(client: Client, server: Server, repo: str, finished_run: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    summary = json.loads(client.textsynth("push", finished_run, repo, "--create-pr", "--json").out)
    assert (summary["pull_request"], summary["revision"]) == ("1", "refs/pr/1")
    assert summary["url"].endswith(f"/datasets/{repo}/discussions/1")
    assert list(server.store.files(repo)) == ["notes.txt"]
    assert len(load_remote(client, repo, revision="refs/pr/1")[0]["train"]) > 0


def test_a_branch_is_created_and_a_tag_is_set_on_the_commit(
    client: Client, server: Server, repo: str, finished_run: Path
) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    options = ("--revision", "next/1", "--tag", "v1")
    summary = json.loads(client.textsynth("push", finished_run, repo, *options, "--json").out)
    remote = server.store.repos[repo]
    assert remote.branches["next/1"] == remote.tags["v1"] == summary["commit"]
    assert list(server.store.files(repo)) == ["notes.txt"]
    assert load_remote(client, repo, revision="v1") == load_remote(client, repo, revision="next/1")
    again = client.textsynth("push", finished_run, repo, *options)
    assert "nothing was sent" in again.out
    taken = client.textsynth("push", finished_run, repo, "--tag", "v1")
    assert taken.code == 2
    assert "the tag v1 is already set on another commit" in taken.err


def test_a_run_with_a_check_neither_made_nor_waived_is_not_pushed(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    make_run(run.parent, license_="null", filter="[exact_duplicate]")
    result = client.textsynth("push", run, repo)
    assert result.code == 2
    assert "the texts were not compared with a test set" in result.err
    assert "the recipe gives the data set no license" in result.err
    assert server.requests == []
    assert client.textsynth("push", run, repo, "--waive", "leek").err.count("did you mean 'leak'?") == 1
    one_waived = client.textsynth("push", run, repo, "--waive", "leak")
    assert (one_waived.code, one_waived.err.count("\n")) == (2, 1)
    waived = client.textsynth("push", run, repo, "--waive", "leak", "--waive", "license")
    assert waived.code == 0
    assert "note: not checked: leak, license (waived)" in waived.out
    assert "Waived: leak, license." in server.store.repos[repo].history()[0].description
    assert json.loads(server.store.files(repo)["manifest.json"])["waived"] == ["leak", "license"]


def test_a_run_with_leaks_in_the_evaluation_is_not_pushed(client: Client, server: Server, repo: str, run: Path) -> None:
    make_run(run.parent, filter="[exact_duplicate]")
    contamination: dict[str, Any] = {**CONTAMINATION, "counts": {"selected-test": 2}}
    write_evaluation(run, evaluation_content(contamination=contamination))
    result = client.textsynth("push", run, repo)
    assert result.code == 2
    assert "the evaluation found that 2 selected texts copy a test row" in result.err
    contamination["counts"]["selected-test"] = 0
    write_evaluation(run, evaluation_content(contamination=contamination))
    assert client.textsynth("push", run, repo).code == 0


def test_a_run_in_python_with_its_own_rows_is_pushed(client: Client, server: Server, repo: str, tmp_path: Path) -> None:
    code = """
        import textsynth as ts
        import textsynth.hub
        seeds = [{"text": text, "label": label} for label in labels for text in (f"I wrote about {label} today",)]
        recipe = ts.make_recipe(
            name="made", labels=labels, sources={"seeds": seeds}, generate=[ts.generate.Labelled(source="seeds")],
            models={"generator": ts.models.Scripted(answers=answers)}, filter=["exact_duplicate"], want={"total": 3},
            select=[], export=ts.Export(license="mit"),
        )
        run = ts.run(recipe, out=out, quiet=True)
        pushed = ts.push(run, repo, with_provenance=True, waive=["leak"], quiet=True)
        again = ts.push(str(out), repo, waive=["leak"], dry_run=True, quiet=True)
        result = pushed.sentence, pushed.commit, again.sentence
    """
    answers = ["1. one and two\n2. three and four\n3. I wrote about refund today\n4. five and six"]
    variables = {"labels": {"refund": "money", "delivery": "parcel"}, "answers": answers, "out": tmp_path / "run"}
    sentence, commit, again = client.python(code, repo=repo, **variables)
    assert sentence == f"pushed 3 texts to {repo}, in one commit"
    assert commit == server.store.repos[repo].branches["main"]
    assert again.startswith("nothing was sent; a push would write 2 files and delete 2")

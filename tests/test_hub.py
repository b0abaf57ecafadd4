"""Pushes of a finished run to a server that speaks the Hub's protocol, and back with the unmodified `datasets`.

What this cannot show is how the real Hub answers: its validator of cards, its Xet storage, its limits of rate and size.
A push that would go by Xet fails cleanly here (see the last test), as at a mirror that has no Xet.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.hub.runs import SEED, TESTED, make_run
from tests.hub_client import Client
from tests.hub_server import Server
from tests.store.evaluations import CONTAMINATION, evaluation_content
from textsynth.store.evaluation import write_evaluation

pytest_plugins = ("tests.hub_fixtures",)
SENT = ["README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"]
SENT += ["figures/funnel.svg", "figures/labels.svg", "manifest.json", "recipe.yaml"]
ASIDE = ["dropped/train-00000-of-00001.parquet", "provenance/train-00000-of-00001.parquet"]
LOAD = """
    from datasets import load_dataset
    loaded = load_dataset(repo, config, revision=revision, streaming=streaming)
    rows = {split: list(rows) for split, rows in loaded.items()}
    features = {split: str(rows.features) for split, rows in loaded.items()}
    found = rows, features
"""
LOCAL = LOAD.replace("revision=revision, ", "")


def loaded(
    client: Client, repo: str, *, config: str = "default", revision: str | None = None, streaming: bool = False
) -> Any:
    return client.python(LOAD, repo=repo, config=config, revision=revision, streaming=streaming)


def data_of(run: Path) -> dict[str, bytes]:
    return {f"data/{path.name}": path.read_bytes() for path in (run / "dataset" / "data").iterdir()}


def test_a_push_is_one_commit_that_loads_back_row_for_row(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    said = client.textsynth("push", finished, repo)
    assert (said.code, said.err) == (0, "")
    assert f"pushed 20 texts to {repo}, in one commit" in said.out
    commits = server.store.repos[repo].history()
    assert [one.title for one in commits] == ["20 texts of tickets", "initial commit"]
    files = server.store.files(repo)
    assert list(files) == SENT
    assert {path: data for path, data in files.items() if path.startswith("data/")} == data_of(finished)
    here = client.python(LOCAL, repo=finished / "dataset", config="default", streaming=False)
    assert loaded(client, repo) == here
    assert "ClassLabel(names=['refund', 'delivery'])" in here[1]["train"]
    assert client.python("from datasets import get_dataset_config_names as g; found = g(repo)", repo=repo) == [
        "default"
    ]


def test_what_was_pushed_streams(client: Client, server: Server, repo: str, finished: Path) -> None:
    assert client.textsynth("push", finished, repo).code == 0
    assert loaded(client, repo, streaming=True) == loaded(client, repo)


def test_passports_and_dropped_texts_go_only_if_asked_for_and_leave_with_the_next_push(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    assert client.textsynth("push", finished, repo, "--with-provenance").code == 0
    assert list(server.store.files(repo)) == sorted([*SENT, *ASIDE])
    passports = client.python(LOCAL, repo=finished / "dataset", config="provenance", streaming=False)
    assert loaded(client, repo, config="provenance") == passports
    dropped, _ = loaded(client, repo, config="dropped")
    assert len(dropped["train"]) == sum(1 for _ in pq.read_table(finished / "dataset/dropped")["id"])
    said = client.textsynth("push", finished, repo)
    assert said.out.count("deleted") == 2
    files = server.store.files(repo)
    assert list(files) == SENT
    card = files["README.md"].decode()
    assert "config_name: provenance" not in card
    assert "| `dropped` |" not in card
    assert "The configs `provenance` and `dropped` were not published" in card


def test_seeds_test_rows_places_and_keys_stay_at_home(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    told = pq.read_table(finished / "dataset/dropped").to_pylist()
    assert {f"{SEED}!", TESTED} <= {row["text"] for row in told}
    assert client.textsynth("push", finished, repo, "--with-provenance").code == 0
    files = server.store.files(repo)
    hashed = hashlib.sha256(b"train\0" + files[ASIDE[0]]).hexdigest()
    assert f"sha256 of the content: {hashed}" in files["README.md"].decode()
    for path, data in files.items():
        text = str(pq.read_table(_file(data)).to_pylist()) if path.endswith(".parquet") else data.decode()
        for secret in (SEED, TESTED, str(finished.parent), "hf_anna"):
            assert secret not in text, path
    assert "path: seeds.csv" in server.store.files(repo)["recipe.yaml"].decode()
    manifest = json.loads(server.store.files(repo)["manifest.json"])
    assert "path" not in manifest["recipe"]
    assert manifest["checked_for_leaks"] == ["test"]


def _file(data: bytes) -> Any:
    import pyarrow as pa

    return pa.BufferReader(data)


def test_the_same_data_set_again_makes_no_commit_and_says_so(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    assert client.textsynth("push", run, repo).code == 0
    make_run(run.parent)  # again: the same data set, other times and counts of requests
    server.asked.clear()
    said = client.textsynth("push", run, repo)
    assert said.code == 0
    assert f"{repo} holds this very data set: nothing was sent" in said.out
    assert server.writes() == []
    assert len(server.store.repos[repo].history()) == 2


def test_a_dry_run_shows_files_and_sizes_and_sends_nothing_that_writes(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    said = client.textsynth("push", finished, repo, "--dry-run", "--private", "--with-provenance", "--tag", "v1")
    assert said.code == 0
    size = (finished / "dataset/data/train-00000-of-00001.parquet").stat().st_size
    assert f"  {size / 1000:.1f} kB  data/train-00000-of-00001.parquet" in said.out
    assert "the repository would be made, private" in said.out
    assert "nothing was sent; a push would write 9 files and delete 0" in said.out
    assert server.writes() == []
    assert repo not in server.store.repos
    told = json.loads(client.textsynth("push", finished, repo, "--dry-run", "--json", token=None).out)
    assert told["dry_run"] is True
    assert {"path": "data/train-00000-of-00001.parquet", "size": size, "what": "new"} in told["files"]


def test_more_shards_and_fewer_again_leave_no_stale_file(client: Client, server: Server, repo: str, run: Path) -> None:
    assert client.textsynth("push", run, repo).code == 0
    data, card = run / "dataset" / "data", run / "dataset" / "README.md"
    whole, text = data / "train-00000-of-00001.parquet", card.read_text(encoding="utf-8")
    table = pq.read_table(whole)
    shards = [f"data/train-{shard:05}-of-00003.parquet" for shard in range(3)]
    for shard, path in enumerate(shards):
        pq.write_table(table.slice(shard * 5, 5 if shard < 2 else table.num_rows), run / "dataset" / path)
    whole.rename(run / "whole.parquet")
    card.write_text(text.replace("path: data/train-00000-of-00001.parquet", "path: data/train-*"), encoding="utf-8")
    before = loaded(client, repo)
    assert client.textsynth("push", run, repo).code == 0
    assert [path for path in server.store.files(repo) if "train" in path] == shards
    assert loaded(client, repo) == before
    for path in shards:
        (run / "dataset" / path).unlink()
    (run / "whole.parquet").rename(whole)
    card.write_text(text, encoding="utf-8")
    assert client.textsynth("push", run, repo).code == 0
    assert list(server.store.files(repo)) == SENT
    assert loaded(client, repo) == before


def test_what_others_put_beside_it_stays(client: Client, server: Server, repo: str, finished: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine", "data/notes.txt": b"mine too", "figures/a.parquet": b"no parquet"})
    server.store.put(repo, {"README.md": b"---\nconfigs: []\n---\n"})
    assert client.textsynth("push", finished, repo, "--replace").code == 0
    assert {"notes.txt", "data/notes.txt", "figures/a.parquet"} <= set(server.store.files(repo))


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"labels__other": "anything else"}, "the labels of 'label': it also has 'other'"),
        ({"want__label": 3}, "it has 6 texts where there are 20"),
        ({"export__splits": "{train: 1}"}, "the split 'validation' is gone"),
    ],
)
def test_other_features_and_fewer_texts_are_refused_without_replace(
    client: Client, server: Server, repo: str, run: Path, sets: dict[str, Any], told: str
) -> None:
    assert client.textsynth("push", run, repo).code == 0
    make_run(run.parent, **sets)
    server.asked.clear()
    for more in ((), ("--dry-run",)):
        said = client.textsynth("push", run, repo, *more)
        assert said.code == 2
        assert f"{repo}: not pushed, as the data set there would change under its users: " in said.err
        assert told in said.err
        assert said.err.endswith("; --replace pushes all the same\n")
        assert server.writes() == []
    assert client.textsynth("push", run, repo, "--replace").code == 0
    here = client.python(LOCAL, repo=run / "dataset", config="default", streaming=False)
    assert loaded(client, repo) == here


def test_private_counts_only_when_the_repository_is_made(
    client: Client, server: Server, repo: str, finished: Path
) -> None:
    assert client.textsynth("push", finished, repo, "--private").code == 0
    assert server.store.repos[repo].private
    again = client.textsynth("push", finished, repo, "--private")
    assert f"private counts only when a repository is made; {repo} is private already" in again.out
    server.store.repos[repo].private = False
    said = client.textsynth("push", finished, repo, "--private", "--replace")
    assert said.code == 2
    assert "private counts only when a repository is made, and this one is public" in said.err


def test_a_pull_request_leaves_main_as_it_is(client: Client, server: Server, repo: str, finished: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    said = client.textsynth("push", finished, repo, "--create-pr", "--json")
    told = json.loads(said.out)
    assert (told["pull_request"], told["revision"]) == ("1", "refs/pr/1")
    assert told["url"].endswith(f"/datasets/{repo}/discussions/1")
    assert list(server.store.files(repo)) == ["notes.txt"]
    assert len(loaded(client, repo, revision="refs/pr/1")[0]["train"]) > 0


def test_a_branch_is_made_and_a_tag_names_the_commit(client: Client, server: Server, repo: str, finished: Path) -> None:
    server.store.put(repo, {"notes.txt": b"mine"})
    told = json.loads(client.textsynth("push", finished, repo, "--revision", "next/1", "--tag", "v1", "--json").out)
    kept = server.store.repos[repo]
    assert kept.branches["next/1"] == kept.tags["v1"] == told["commit"]
    assert list(server.store.files(repo)) == ["notes.txt"]
    assert loaded(client, repo, revision="v1") == loaded(client, repo, revision="next/1")
    again = client.textsynth("push", finished, repo, "--revision", "next/1", "--tag", "v1")
    assert "nothing was sent" in again.out
    taken = client.textsynth("push", finished, repo, "--tag", "v1")
    assert taken.code == 2
    assert "the tag v1 names another commit already" in taken.err


def test_what_was_neither_checked_nor_waived_by_name_is_not_pushed(
    client: Client, server: Server, repo: str, run: Path
) -> None:
    make_run(run.parent, license_="null", filter="[exact_duplicate]")
    said = client.textsynth("push", run, repo)
    assert said.code == 2
    assert "nothing has compared the texts with a test set" in said.err
    assert "the recipe gives the data set no licence" in said.err
    assert server.asked == []
    assert client.textsynth("push", run, repo, "--waive", "leek").err.count("did you mean 'leak'?") == 1
    half = client.textsynth("push", run, repo, "--waive", "leak")
    assert (half.code, half.err.count("\n")) == (2, 1)
    waived = client.textsynth("push", run, repo, "--waive", "leak", "--waive", "license")
    assert waived.code == 0
    assert "note: not checked: leak, license (waived)" in waived.out
    assert "Waived: leak, license." in server.store.repos[repo].history()[0].description
    assert json.loads(server.store.files(repo)["manifest.json"])["waived"] == ["leak", "license"]


def test_leaks_that_an_evaluation_found_are_not_pushed(client: Client, server: Server, repo: str, run: Path) -> None:
    make_run(run.parent, filter="[exact_duplicate]")
    contamination: dict[str, Any] = {**CONTAMINATION, "counts": {"selected-test": 2}}
    write_evaluation(run, evaluation_content(contamination=contamination))
    said = client.textsynth("push", run, repo)
    assert said.code == 2
    assert "the evaluation found that 2 selected texts copy a test row" in said.err
    contamination["counts"]["selected-test"] = 0
    write_evaluation(run, evaluation_content(contamination=contamination))
    assert client.textsynth("push", run, repo).code == 0


def test_a_run_of_python_is_pushed_with_its_own_rows(client: Client, server: Server, repo: str, tmp_path: Path) -> None:
    code = """
        import textsynth as ts
        import textsynth.hub
        seeds = [{"text": text, "label": label} for label in labels for text in (f"I wrote about {label} today",)]
        recipe = ts.make_recipe(
            name="made", labels=labels, sources={"seeds": seeds}, generate=[ts.generate.Labelled(from_="seeds")],
            models={"generator": ts.models.Scripted(answers=answers)}, filter=["exact_duplicate"], want={"total": 3},
            select=[], export=ts.Export(license="mit"),
        )
        run = ts.run(recipe, out=out, quiet=True)
        done = ts.push(run, repo, with_passports=True, waive=["leak"], quiet=True)
        found = done.sentence, done.commit, ts.push(str(out), repo, waive=["leak"], dry_run=True, quiet=True).sentence
    """
    answers = ["1. one and two\n2. three and four\n3. I wrote about refund today\n4. five and six"]
    given = {"labels": {"refund": "money", "delivery": "parcel"}, "answers": answers, "out": tmp_path / "run"}
    sentence, commit, again = client.python(code, repo=repo, **given)
    assert sentence == f"pushed 3 texts to {repo}, in one commit"
    assert commit == server.store.repos[repo].branches["main"]
    assert again.startswith("nothing was sent; a push would write 1 file and delete 2")

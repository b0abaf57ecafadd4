"""Data sets that `load_dataset` reads: local folders, and those of a test Hub, read by a process of its own."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.hub_client import Client
from tests.hub_server import HubFault, Server
from textsynth.core.errors import SourceError
from textsynth.core.records import Record
from textsynth.sources.hub import Hub

pytest_plugins = ("tests.hub_fixtures",)
ROWS = {"text": ["where is my card", "I lost it", "nothing"], "intent": [1, 0, 1], "tone": ["plain", "angry", "plain"]}
FEATURES = Features(text=Value("string"), intent=ClassLabel(names=["lost", "arrival"]), tone=Value("string"))
CONFIGS = (
    b"---\nlicense: cc-by-sa-4.0\nconfigs:\n"
    b"- {config_name: small, data_files: [{split: train, path: train.parquet}, {split: test, path: test.parquet}]}\n"
    b"- {config_name: large, data_files: [{split: train, path: train.parquet}]}\n---\n"
)
READ = """
    import json
    from pathlib import Path
    from textsynth.core.errors import SourceError
    from textsynth.sources.hub import Hub
    source = Hub.model_validate_json(json.dumps(options))
    try:
        pinned = source.pin_revision(Path(), name="seeds")
        rows = pinned.read(Path(), name="seeds", seed=7)
        result = [[row.text, row.label] for row in rows], pinned.revision, pinned.publisher_license
    except SourceError as error:
        result = str(error)
"""


def parquet(rows: dict[str, list[Any]], features: Features = FEATURES) -> bytes:
    sink = io.BytesIO()
    Dataset.from_dict(rows, features).to_parquet(sink)
    return sink.getvalue()


def read_in_client(client: Client, token: str | None = "hf_anna", **options: object) -> Any:
    return client.python(READ, options=options, token=token)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a data set `cards` of one split, with integer labels."""
    (tmp_path / "cards").mkdir()
    Dataset.from_dict(ROWS, FEATURES).to_parquet(tmp_path / "cards" / "train.parquet")
    return tmp_path


def read(base: Path, **options: object) -> list[Record]:
    return Hub.model_validate_json(json.dumps(options)).read(base, name="seeds", seed=7)


def test_a_folder_next_to_the_recipe_is_read_and_integer_labels_get_their_names(folder: Path) -> None:
    records = read(folder, path="cards", label="intent", fields=["tone"])
    assert [(record.text, record.label, record.fields["tone"]) for record in records] == [
        ("where is my card", "arrival", "plain"),
        ("I lost it", "lost", "angry"),
        ("nothing", "arrival", "plain"),
    ]
    assert {record.provenance.step for record in records} == {"seeds"}


def test_a_limit_and_a_sample_work_as_for_a_file(folder: Path) -> None:
    assert len(read(folder, path="cards", label="intent", limit=2)) == 2
    assert len(read(folder, path="cards", label="intent", limit=200)) == 3
    sample = read(folder, path="cards", label="intent", per_label=1)
    assert sorted(record.label or "" for record in sample) == ["arrival", "lost"]


def test_a_changed_folder_is_not_read_from_the_cache(folder: Path) -> None:
    """`load_dataset` would return the old rows: its cache depends on the card alone."""
    card = "---\nconfigs:\n- config_name: default\n  data_files: [{split: train, path: train.parquet}]\n---\n"
    (folder / "cards" / "README.md").write_text(card, encoding="utf-8")
    assert len(read(folder, path="cards")) == 3
    Dataset.from_dict({**ROWS, "text": ["a", "b", "c"]}, FEATURES).to_parquet(folder / "cards" / "train.parquet")
    assert [record.text for record in read(folder, path="cards")] == ["a", "b", "c"]


INVALID = {
    "offline": ({"path": "PolyAI/banking77"}, "'PolyAI/banking77', split 'train': Couldn't reach"),
    "split": ({"path": "cards", "split": "trian"}, "it has no split 'trian'; did you mean 'train'?"),
    "config": ({"path": "cards", "config": "big"}, "it has no config 'big'; there are: default"),
    "no name": ({"path": "a b c"}, "'a b c'"),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_loading_error_is_one_sentence_that_shows_how_to_read_a_file_instead(name: str, folder: Path) -> None:
    options, message = INVALID[name]
    with pytest.raises(SourceError) as caught:
        read(folder, **options)
    assert str(caught.value).startswith("sources.seeds: cannot load the data set")
    assert message in str(caught.value)
    assert str(caught.value).endswith("; to read a file instead: --set 'sources.seeds=FILE.csv'")
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_reported_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"cards, split train: no column 'txt' for the text; did you mean 'text'"):
        read(folder, path="cards", text="txt")


def test_the_hub_is_not_contacted_before_the_run(tmp_path: Path) -> None:
    assert Hub(path="PolyAI/banking77").missing_file(tmp_path) is None


@pytest.fixture
def published(server: Server, repo: str) -> str:
    """A data set with two configs on the Hub, one of them with two splits."""
    test_split = parquet({"text": ["a test row"], "intent": [0], "tone": ["plain"]})
    server.store.put(repo, {"README.md": CONFIGS, "train.parquet": parquet(ROWS), "test.parquet": test_split})
    return repo


def test_the_hub_is_read_at_the_commit_of_the_revision(client: Client, server: Server, published: str) -> None:
    first = server.store.repos[published].commit("main").sha
    rows, revision, license_ = read_in_client(client, path=published, config="small", label="intent")
    assert rows == [["where is my card", "arrival"], ["I lost it", "lost"], ["nothing", "arrival"]]
    assert (revision, license_) == (first, "cc-by-sa-4.0")
    changed = server.store.put(published, {"train.parquet": parquet({**ROWS, "text": ["a", "b", "c"]})}).sha
    rows, revision, _ = read_in_client(client, path=published, config="small", label="intent")
    assert ([text for text, _ in rows], revision) == (["a", "b", "c"], changed)
    rows, revision, _ = read_in_client(client, path=published, config="small", revision=first)
    assert (rows[0][0], revision) == ("where is my card", first)
    server.store.repos[published].tags["v1"] = first
    assert read_in_client(client, path=published, config="small", revision="v1")[1] == first


def test_a_stream_gives_the_same_rows_and_reads_no_other_split(client: Client, server: Server, published: str) -> None:
    downloaded = read_in_client(client, path=published, config="small", label="intent", split="test")
    server.requests.clear()
    streamed = read_in_client(client, path=published, config="small", label="intent", split="test", streaming=True)
    assert streamed == downloaded
    assert not [
        request for request in server.requests if "train.parquet" in request and request.startswith("GET /datasets")
    ]
    assert len(read_in_client(client, path=published, config="small", limit=2, streaming=True)[0]) == 2


def test_a_downloaded_data_set_is_read_offline_with_its_commit(server: Server, published: str, tmp_path: Path) -> None:
    """In processes of their own, because HF_HUB_OFFLINE is read at the start."""
    online, offline = Client(server, tmp_path), Client(server, tmp_path, HF_HUB_OFFLINE="1")
    rows, revision, _ = read_in_client(online, path=published, config="small", label="intent")
    server.requests.clear()
    assert read_in_client(offline, path=published, config="small", label="intent")[:2] == [rows, revision]
    other_revision = read_in_client(offline, path=published, config="small", revision="0" * 40)
    assert f"HF_HUB_OFFLINE is set, and only the commit {revision!r} of it was downloaded" in other_revision
    assert "Couldn't reach" in read_in_client(offline, path="anna/nothing-of-it")
    assert server.requests == []
    online.close()
    offline.close()


WRONG_NAMES: dict[str, tuple[dict[str, str], str]] = {
    "config": ({"config": "smal"}, "it has no config 'smal'; did you mean 'small'?"),
    "no config": ({}, "it has several configs; set one of them: config: small | large"),
    "split": ({"config": "small", "split": "tset"}, "it has no split 'tset'; did you mean 'test'?"),
    "revision": ({"config": "small", "revision": "mian"}, "it has no revision 'mian'; did you mean 'main'?"),
    "column": ({"config": "small", "text": "txt"}, "split train: no column 'txt' for the text; did you mean 'text'?"),
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_wrong_name_is_reported_with_the_nearest_one(client: Client, published: str, name: str) -> None:
    options, message = WRONG_NAMES[name]
    assert message in read_in_client(client, path=published, **options)


def test_missing_access_is_reported_with_the_reason(client: Client, server: Server, published: str) -> None:
    server.store.repos[published].private = True
    message = read_in_client(client, token="hf_bob", path=published, config="small")
    assert "the Hub has no such data set, or this login has no access to it; log in with `hf auth login`" in message
    assert "the Hub has no such data set" in read_in_client(client, path=f"{published}-not")
    server.store.repos[published].private = False
    server.store.repos[published].gated = True
    assert "gated" in read_in_client(client, path=published, config="small")


def test_temporary_faults_are_retried_and_lasting_ones_reported(client: Client, server: Server, published: str) -> None:
    server.faults += [HubFault("GET /api/datasets", 503, times=1)]
    assert len(read_in_client(client, path=published, config="small")[0]) == 3
    server.faults[:] = [HubFault("GET /api/datasets", 503)]
    assert "the Hub answered with status 503 (fault 503 of the test)" in read_in_client(client, path=published)
    server.faults[:] = [HubFault("GET /api/datasets", "reset")]
    message = read_in_client(client, path=published)
    assert f"the connection to the Hub at {server.url} failed (" in message
    assert "set HF_HUB_OFFLINE=1 to read a copy downloaded earlier" in message

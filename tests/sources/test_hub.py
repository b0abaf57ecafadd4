"""Data sets that `load_dataset` reads: folders here, and a Hub that speaks its protocol, asked by another process."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.hub_client import Client
from tests.hub_server import Server, Slip
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
        found = [[one.text, one.label] for one in rows], pinned.revision, pinned.known_license
    except SourceError as fault:
        found = str(fault)
"""


def parquet(rows: dict[str, list[Any]], features: Features = FEATURES) -> bytes:
    sink = io.BytesIO()
    Dataset.from_dict(rows, features).to_parquet(sink)
    return sink.getvalue()


def read_there(client: Client, token: str | None = "hf_anna", **options: object) -> Any:
    return client.python(READ, options=options, token=token)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a data set `cards` of one split, its labels as codes."""
    (tmp_path / "cards").mkdir()
    Dataset.from_dict(ROWS, FEATURES).to_parquet(tmp_path / "cards" / "train.parquet")
    return tmp_path


def read(base: Path, **options: object) -> list[Record]:
    return Hub.model_validate_json(json.dumps(options)).read(base, name="seeds", seed=7)


def test_a_folder_beside_the_recipe_is_read_and_codes_get_their_names(folder: Path) -> None:
    found = read(folder, path="cards", label="intent", fields=["tone"])
    assert [(one.text, one.label, one.fields["tone"]) for one in found] == [
        ("where is my card", "arrival", "plain"),
        ("I lost it", "lost", "angry"),
        ("nothing", "arrival", "plain"),
    ]
    assert {one.provenance.step for one in found} == {"seeds"}


def test_limit_and_sample_hold_here_too(folder: Path) -> None:
    assert len(read(folder, path="cards", label="intent", limit=2)) == 2
    assert len(read(folder, path="cards", label="intent", limit=200)) == 3
    assert sorted(one.label or "" for one in read(folder, path="cards", label="intent", per_label=1)) == [
        "arrival",
        "lost",
    ]


def test_a_folder_that_changed_is_read_as_it_is_now(folder: Path) -> None:
    """`load_dataset` would serve the rows of before: its cache goes by the words of the card."""
    card = "---\nconfigs:\n- config_name: default\n  data_files: [{split: train, path: train.parquet}]\n---\n"
    (folder / "cards" / "README.md").write_text(card, encoding="utf-8")
    assert len(read(folder, path="cards")) == 3
    Dataset.from_dict({**ROWS, "text": ["a", "b", "c"]}, FEATURES).to_parquet(folder / "cards" / "train.parquet")
    assert [one.text for one in read(folder, path="cards")] == ["a", "b", "c"]


WRONG = {
    "offline": ({"path": "PolyAI/banking77"}, "'PolyAI/banking77', split 'train': Couldn't reach"),
    "split": ({"path": "cards", "split": "trian"}, "it has no split 'trian'; did you mean 'train'?"),
    "config": ({"path": "cards", "config": "big"}, "it has no config 'big'; there are: default"),
    "no name": ({"path": "a b c"}, "'a b c'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_loaded_is_one_sentence_that_shows_how_a_file_takes_its_place(name: str, folder: Path) -> None:
    options, told = WRONG[name]
    with pytest.raises(SourceError) as caught:
        read(folder, **options)
    assert str(caught.value).startswith("sources.seeds: cannot load the data set")
    assert told in str(caught.value)
    assert str(caught.value).endswith("; a file can take its place: --set 'sources.seeds=FILE.csv'")
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_told_with_the_nearest(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"cards, split train: no column 'txt' for the text; did you mean 'text'"):
        read(folder, path="cards", text="txt")


def test_nothing_is_looked_for_before_the_run(tmp_path: Path) -> None:
    assert Hub(path="PolyAI/banking77").missing_file(tmp_path) is None


@pytest.fixture
def published(server: Server, repo: str) -> str:
    """A data set of two configs on the Hub, one of two splits."""
    other = parquet({"text": ["a test row"], "intent": [0], "tone": ["plain"]})
    server.store.put(repo, {"README.md": CONFIGS, "train.parquet": parquet(ROWS), "test.parquet": other})
    return repo


def test_the_hub_is_read_at_the_commit_that_the_revision_names(client: Client, server: Server, published: str) -> None:
    first = server.store.repos[published].commit("main").sha
    rows, revision, license_ = read_there(client, path=published, config="small", label="intent")
    assert rows == [["where is my card", "arrival"], ["I lost it", "lost"], ["nothing", "arrival"]]
    assert (revision, license_) == (first, "cc-by-sa-4.0")
    changed = server.store.put(published, {"train.parquet": parquet({**ROWS, "text": ["a", "b", "c"]})}).sha
    rows, revision, _ = read_there(client, path=published, config="small", label="intent")
    assert ([text for text, _ in rows], revision) == (["a", "b", "c"], changed)
    rows, revision, _ = read_there(client, path=published, config="small", revision=first)
    assert (rows[0][0], revision) == ("where is my card", first)
    server.store.repos[published].tags["v1"] = first
    assert read_there(client, path=published, config="small", revision="v1")[1] == first


def test_a_stream_gives_the_same_rows_and_leaves_the_rest(client: Client, server: Server, published: str) -> None:
    whole = read_there(client, path=published, config="small", label="intent", split="test")
    server.asked.clear()
    streamed = read_there(client, path=published, config="small", label="intent", split="test", streaming=True)
    assert streamed == whole
    assert not [one for one in server.asked if "train.parquet" in one and one.startswith("GET /datasets")]
    assert len(read_there(client, path=published, config="small", limit=2, streaming=True)[0]) == 2


def test_what_was_downloaded_is_read_offline_and_its_commit_is_known(
    server: Server, published: str, tmp_path: Path
) -> None:
    """In processes of their own, which read HF_HUB_OFFLINE when they begin."""
    online, offline = Client(server, tmp_path), Client(server, tmp_path, HF_HUB_OFFLINE="1")
    rows, revision, _ = read_there(online, path=published, config="small", label="intent")
    server.asked.clear()
    assert read_there(offline, path=published, config="small", label="intent")[:2] == [rows, revision]
    other = read_there(offline, path=published, config="small", revision="0" * 40)
    assert f"HF_HUB_OFFLINE is set, and of this data set only commit {revision!r} was downloaded" in other
    assert "Couldn't reach" in read_there(offline, path="anna/nothing-of-it")
    assert server.asked == []
    online.close()
    offline.close()


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "config": ({"config": "smal"}, "it has no config 'smal'; did you mean 'small'?"),
    "no config": ({}, "it has several configs; name one: config: small | large"),
    "split": ({"config": "small", "split": "tset"}, "it has no split 'tset'; did you mean 'test'?"),
    "revision": ({"config": "small", "revision": "mian"}, "it has no revision 'mian'; did you mean 'main'?"),
    "column": ({"config": "small", "text": "txt"}, "split train: no column 'txt' for the text; did you mean 'text'?"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_name_is_told_with_the_nearest_right_one(client: Client, published: str, name: str) -> None:
    options, told = FAULTS[name]
    assert told in read_there(client, path=published, **options)


def test_who_may_not_read_is_told_why(client: Client, server: Server, published: str) -> None:
    server.store.repos[published].private = True
    told = read_there(client, token="hf_bob", path=published, config="small")
    assert "the Hub has no such data set, or not for this login (`hf auth login`, HF_TOKEN)" in told
    assert "the Hub has no such data set" in read_there(client, path=f"{published}-not")
    server.store.repos[published].private = False
    server.store.repos[published].gated = True
    assert "gated" in read_there(client, path=published, config="small")


def test_faults_that_pass_and_faults_that_last(client: Client, server: Server, published: str) -> None:
    server.slips += [Slip("GET /api/datasets", 503, times=1)]
    assert len(read_there(client, path=published, config="small")[0]) == 3
    server.slips[:] = [Slip("GET /api/datasets", 503)]
    assert "the Hub answers with status 503 (fault 503 of the test)" in read_there(client, path=published)
    server.slips[:] = [Slip("GET /api/datasets", "reset")]
    told = read_there(client, path=published)
    assert f"the Hub at {server.url} cannot be reached (" in told
    assert "with HF_HUB_OFFLINE=1 what was downloaded before is read" in told

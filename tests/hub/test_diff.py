from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub.hf_api import RepoFile

from tests.hub.runs import make_run
from tests.hub_store import Blob
from textsynth.hub.diff import Change, changes
from textsynth.hub.payload import Contents, read_contents
from textsynth.hub.repository import There


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return read_contents(make_run(tmp_path_factory.mktemp("changes")))


def there(**files: bytes) -> There:
    named = {name.replace("__", "/").replace("_parquet", ".parquet"): data for name, data in files.items()}
    blobs = {path: Blob(data, path.endswith(".parquet")) for path, data in named.items()}
    return There(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})


def test_an_empty_repository_gets_everything(contents: Contents) -> None:
    assert {one.what for one in changes(contents, There())} == {"new"}
    assert [one.path for one in changes(contents, There())] == sorted(contents.items)


def test_the_same_files_are_told_from_others_whether_large_or_not(contents: Contents) -> None:
    sent = {path: item.content for path, item in contents.items.items()}
    blobs = {
        path: Blob(one.read_bytes() if isinstance(one, Path) else one, path.endswith(".parquet"))
        for path, one in sent.items()
    }
    same = There(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})
    assert {one.what for one in changes(contents, same)} == {"same"}
    blobs["README.md"] = Blob(b"other")
    other = There(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})
    assert [one.path for one in changes(contents, other) if one.what == "changed"] == ["README.md"]


def test_only_parquet_files_in_our_folders_go(contents: Contents) -> None:
    files = {"data__old_parquet": b"12", "dropped__x_parquet": b"3", "mine_parquet": b"4", "data__notes": b"5"}
    files |= {"figures__old.svg": b"6", "figures__mine.png": b"7"}
    gone = [one for one in changes(contents, there(**files)) if one.what == "deleted"]
    assert gone == [
        Change("data/old.parquet", 2, "deleted"),
        Change("dropped/x.parquet", 1, "deleted"),
        Change("figures/old.svg", 1, "deleted"),
    ]

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub.hf_api import RepoFile

from tests.hub.runs import make_run
from tests.hub_store import Blob
from textsynth.hub.diff import FileChange, file_changes
from textsynth.hub.payload import PushPayload, read_payload
from textsynth.hub.repository import RemoteState


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> PushPayload:
    return read_payload(make_run(tmp_path_factory.mktemp("changes")))


def there(**files: bytes) -> RemoteState:
    named = {name.replace("__", "/").replace("_parquet", ".parquet"): data for name, data in files.items()}
    blobs = {path: Blob(data, path.endswith(".parquet")) for path, data in named.items()}
    return RemoteState(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})


def test_an_empty_repository_gets_everything(contents: PushPayload) -> None:
    assert {one.what for one in file_changes(contents, RemoteState())} == {"new"}
    assert [one.path for one in file_changes(contents, RemoteState())] == sorted(contents.items)


def test_the_same_files_are_told_from_others_whether_large_or_not(contents: PushPayload) -> None:
    sent = {path: item.content for path, item in contents.items.items()}
    blobs = {
        path: Blob(one.read_bytes() if isinstance(one, Path) else one, path.endswith(".parquet"))
        for path, one in sent.items()
    }
    same = RemoteState(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})
    assert {one.what for one in file_changes(contents, same)} == {"same"}
    blobs["README.md"] = Blob(b"other")
    other = RemoteState(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})
    assert [one.path for one in file_changes(contents, other) if one.what == "changed"] == ["README.md"]


def test_only_parquet_files_in_our_folders_go(contents: PushPayload) -> None:
    files = {"data__old_parquet": b"12", "dropped__x_parquet": b"3", "mine_parquet": b"4", "data__notes": b"5"}
    files |= {"figures__old.svg": b"6", "figures__mine.png": b"7"}
    gone = [one for one in file_changes(contents, there(**files)) if one.what == "deleted"]
    assert gone == [
        FileChange("data/old.parquet", 2, "deleted"),
        FileChange("dropped/x.parquet", 1, "deleted"),
        FileChange("figures/old.svg", 1, "deleted"),
    ]

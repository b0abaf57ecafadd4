from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from huggingface_hub.hf_api import RepoFile

from tests.hub.runs import make_run
from tests.hub_store import Blob
from textsynth.hub.diff import FileChange, file_changes
from textsynth.hub.payload import PushPayload, read_payload
from textsynth.hub.repository import RemoteState


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> PushPayload:
    return read_payload(make_run(tmp_path_factory.mktemp("changes")))


def remote_state(files: Mapping[str, bytes]) -> RemoteState:
    blobs = {path: Blob(data, path.endswith(".parquet")) for path, data in files.items()}
    return RemoteState(head="0" * 40, files={path: RepoFile(**blob.entry(path)) for path, blob in blobs.items()})


def test_all_files_are_new_in_an_empty_repository(payload: PushPayload) -> None:
    changes = file_changes(payload, RemoteState())
    assert {file.what for file in changes} == {"new"}
    assert [file.path for file in changes] == sorted(payload.files)


def test_equal_files_are_recognized_whether_large_or_not(payload: PushPayload) -> None:
    contents = {path: file.content for path, file in payload.files.items()}
    files = {path: content.read_bytes() if isinstance(content, Path) else content for path, content in contents.items()}
    assert {file.what for file in file_changes(payload, remote_state(files))} == {"same"}
    changes = file_changes(payload, remote_state({**files, "README.md": b"other"}))
    assert [file.path for file in changes if file.what == "changed"] == ["README.md"]


def test_only_parquet_files_and_figures_in_our_folders_are_deleted(payload: PushPayload) -> None:
    files = {"data/old.parquet": b"12", "dropped/x.parquet": b"3", "mine.parquet": b"4", "data/notes": b"5"}
    files |= {"figures/old.svg": b"6", "figures/mine.png": b"7"}
    deleted = [file for file in file_changes(payload, remote_state(files)) if file.what == "deleted"]
    assert deleted == [
        FileChange("data/old.parquet", 2, "deleted"),
        FileChange("dropped/x.parquet", 1, "deleted"),
        FileChange("figures/old.svg", 1, "deleted"),
    ]

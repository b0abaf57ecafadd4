"""What a push would change in a repository, file by file, and whether its users would trip over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import UsageError
from textsynth.hub.payload import DATA, FIGURES, NOT_PUSHED, PushPayload
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.hub.schema_diff import read_schema, schema_changes, split_of

# what a push fills: folder → suffix of its files
FOLDERS = {**dict.fromkeys((DATA, *NOT_PUSHED), ".parquet"), FIGURES: ".svg"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a push: its path, its bytes, and what becomes of it."""

    path: str
    size: int
    what: Literal["new", "changed", "same", "deleted"]


def file_changes(contents: PushPayload, there: RemoteState) -> list[FileChange]:
    """Return what becomes of each file: ours in the order of their paths, then the stale ones that go.

    Stale are the parquet files and pictures in the folders that a push fills; whatever else stands there stays.
    """
    found = []
    for path, item in contents.items.items():
        old = there.files.get(path)
        like = old is not None and item.is_like(old.blob_id, old.lfs.sha256 if old.lfs else None)
        found.append(FileChange(path, item.size, "new" if old is None else "same" if like else "changed"))
    for path, old in sorted(there.files.items()):
        suffix = FOLDERS.get(path.split("/")[0])
        if path not in contents.items and suffix is not None and path.endswith(suffix):
            found.append(FileChange(path, old.size, "deleted"))
    return found


def refuse_differences(contents: PushPayload, hub: HubRepository, there: RemoteState) -> None:
    """Raise UsageError if the data set there has other features, or more texts or splits, than the one pushed."""
    import pyarrow.parquet as pq

    if there.head is None:
        return
    old = hub.shape(there)
    if old is None:
        return
    new = read_schema((split_of(path), pq.ParquetFile(file)) for path, file in contents.tables)
    told = schema_changes(new, old) if new is not None else []
    if told:
        raise UsageError(
            f"{hub.repo}: not pushed, as the data set there would change under its users: {'; '.join(told)}; "
            "--replace pushes all the same"
        )

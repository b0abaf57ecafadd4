"""The changes that a push makes to a repository, file by file, and whether they would break its users' code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import UsageError
from textsynth.hub.payload import DATA, FIGURES, OPTIONAL_CONFIGS, PushPayload
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.hub.schema_diff import read_schema, schema_changes, split_of

SUFFIX_BY_FOLDER = {**dict.fromkeys((DATA, *OPTIONAL_CONFIGS), ".parquet"), FIGURES: ".svg"}
"""The folders that a push writes, and the suffix of their files."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a push: its path, its size in bytes, and its change (`unknown` where the Hub was not asked)."""

    path: str
    size: int
    what: Literal["new", "changed", "same", "deleted", "unknown"]


def file_changes(payload: PushPayload, remote: RemoteState) -> list[FileChange]:
    """Return the change of each file: first the files of the payload in the order of their paths, then deleted files.

    A parquet file or figure that is not in the payload is deleted if it is in a folder that a push writes. Every other
    file in the repository stays.
    """
    changes = []
    for path, file in payload.files.items():
        old = remote.files.get(path)
        same = old is not None and file.has_content(old.blob_id, old.lfs.sha256 if old.lfs else None)
        changes.append(FileChange(path, file.size, "new" if old is None else "same" if same else "changed"))
    for path, old in sorted(remote.files.items()):
        suffix = SUFFIX_BY_FOLDER.get(path.split("/")[0])
        if path not in payload.files and suffix is not None and path.endswith(suffix):
            changes.append(FileChange(path, old.size, "deleted"))
    return changes


def refuse_differences(payload: PushPayload, repository: HubRepository, remote: RemoteState) -> None:
    """Raise UsageError if the data set on the Hub has other features, or more texts or splits, than the payload."""
    import pyarrow.parquet as pq

    if remote.head is None:
        return
    old = repository.schema(remote)
    if old is None:
        return
    new = read_schema((split_of(path), pq.ParquetFile(file)) for path, file in payload.tables)
    differences = schema_changes(new, old) if new is not None else []
    if differences:
        raise UsageError(
            f"{repository.repo}: not pushed, because the data set there would change for its users: "
            f"{'; '.join(differences)}; push with --replace to accept this"
        )

"""The changes that a push makes to a repository, file by file, and whether they would break its users' code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import UsageError
from textsynth.export.card.metadata import read_card
from textsynth.hub.payload import CARD, CARD_HASH, DATA, FIGURES, OPTIONAL_CONFIGS, PushPayload, card_hash
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.hub.schema_diff import read_schema, schema_changes, split_of
from textsynth.store.manifest import FILE

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


def refuse_edited_card(payload: PushPayload, repository: HubRepository, remote: RemoteState) -> None:
    """Raise UsageError if the push would replace a card on the Hub that a person wrote or edited.

    A card is a push's own if the manifest beside it has its hash. Metadata without a text may be replaced, because the
    Hub itself writes such a card.
    """
    old = remote.files.get(CARD)
    if old is None or payload.files[CARD].has_content(old.blob_id, old.lfs.sha256 if old.lfs else None):
        return
    card = repository.read_file(remote, CARD) or b""
    pushed = _pushed_card_hash(repository.read_file(remote, FILE))
    if pushed == card_hash(card) or (not pushed and not _has_text(card)):
        return
    raise UsageError(
        f"{repository.repo}: not pushed, because its card (README.md) was {'edited' if pushed else 'written'} on the"
        " Hub and would be replaced: copy what should stay into `export` of the recipe (description, intended_use,"
        " tags, …), run it again, and push with --replace"
    )


def _pushed_card_hash(manifest: bytes | None) -> str:
    """Return the hash of the card that was pushed together with a manifest; "" where it has none."""
    try:
        values = json.loads(manifest or b"{}")
    except (ValueError, RecursionError):
        return ""
    value = values.get(CARD_HASH) if isinstance(values, dict) else None
    return value if isinstance(value, str) else ""


def _has_text(card: bytes) -> bool:
    """Return whether a card has more than its metadata."""
    try:
        return bool(read_card(card.decode("utf-8", "replace")).body.strip())
    except UsageError:
        return bool(card.strip())

"""The hash of a data set's content: the manifest names it, and every reader of a run compares it.

It covers the parquet files of all configs, each with its path. The card and its figures are not part of it, as a later
evaluation changes them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from textsynth.store.owned_files import file_hash

DATASET = "dataset"
CONFIG_FOLDERS = ("data", "dropped", "provenance")


def dataset_hash(run: Path) -> str:
    """Return the sha256 of the content of a run's data set; "" where there is none."""
    return content_hash({name: file_hash(run / DATASET / name) for name in parquet_files(run / DATASET)})


def parquet_files(dataset: Path) -> list[str]:
    """Return the paths of the parquet files of all configs, relative to the data set's folder, sorted."""
    return sorted(
        path.relative_to(dataset).as_posix()
        for config in CONFIG_FOLDERS
        for path in (dataset / config).glob("*.parquet")
    )


def content_hash(hashes: dict[str, str]) -> str:
    """Return the hash of a data set from those of its parquet files by path; "" without any."""
    if not hashes:
        return ""
    lines = "".join(f"{name}\0{value}\n" for name, value in sorted(hashes.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()

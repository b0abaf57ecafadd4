"""Models that lie in a folder: which names mean one, and what tells its contents apart from another's."""

from __future__ import annotations

import hashlib
from pathlib import Path

SMALL_BYTES = 100_000


def folder_named(model: str, recipe: Path) -> Path | None:
    """Return the folder that a model's name means, beside the recipe's (./…) or not; None for a name of the Hub.

    What begins like a path is one, whether it exists or not; another name is one where a model lies there.
    """
    path = recipe / Path(model).expanduser()
    named = model.startswith((".", "/", "~"))
    return path if named or (path / "config.json").is_file() else None


def fingerprint(folder: Path) -> str:
    """Return twelve hex digits for the contents of a model's folder: its small files, and the sizes of the large."""
    told = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file():
            size = path.stat().st_size
            told.update(f"{path.name}\x1f{size}\x1f".encode())
            if size < SMALL_BYTES:
                told.update(path.read_bytes())
    return told.hexdigest()[:12]

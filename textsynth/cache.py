"""The user's cache folder: models, environments and what evaluations of files have computed are kept in there."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder for TextSynth: `$XDG_CACHE_HOME/textsynth`, else `~/.cache/textsynth`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "textsynth"

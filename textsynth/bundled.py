"""Where the prompts and recipes that come with TextSynth lie on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from textsynth.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


def bundled(folder: Literal["prompts", "recipes"]) -> Path:
    """Return the folder of the bundled prompts or recipes: inside an installed wheel, or beside the package.

    An editable install has no copy inside the package, so the repository's own folder is taken. Raises UsageError
    when there is neither, which means that the installation is broken.
    """
    inside, beside = PACKAGE / "bundled" / folder, PACKAGE.parent / folder
    for place in (inside, beside):
        if place.is_dir():
            return place
    raise UsageError(
        f"the bundled {folder} are missing, looked for {inside} and {beside}: install TextSynth again"
    )  # fmt: skip

"""What a push came to, as text for a person and as JSON for a script."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from textsynth.core.formatting import visible
from textsynth.push import Pushed

UNITS = ("bytes", "kB", "MB", "GB")


def pushed_text(done: Pushed) -> str:
    """Return the files with their sizes and what becomes of each, the notes, and one sentence with the address."""
    sizes = [size_told(one.size) for one in done.files]
    width = max(map(len, sizes), default=0)
    lines = [
        f"{one.what:<7}  {size:>{width}}  {visible(one.path)}" for one, size in zip(done.files, sizes, strict=True)
    ]
    notes = [f"note: {note}" for note in done.notes]
    notes += [f"note: not checked: {', '.join(done.waived)} (waived)"] if done.waived else []
    tagged = [f"tagged {done.tag}"] if done.tag is not None else []
    return "\n".join([*lines, "", *notes, done.sentence, *tagged, done.url])


def pushed_json(done: Pushed) -> dict[str, Any]:
    """Return everything for a script; sizes are in bytes."""
    return asdict(done)


def size_told(size: int) -> str:
    """Return a size as `512 bytes` or `1.2 MB` (a kB has 1,000 bytes)."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {UNITS[unit]}" if unit == 0 else f"{value:,.1f} {UNITS[unit]}"

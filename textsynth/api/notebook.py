"""The progress of a run in a notebook cell, updated while the run works, and the result of a run as HTML."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any

from textsynth.console.progress import ProgressDisplay, open_display, progress_line, render_progress
from textsynth.core.formatting import escape_control, pluralize, waiting_for_review
from textsynth.core.progress import ProgressSnapshot
from textsynth.store.manifest import Manifest

FRAME_SECONDS = 0.5
WIDTH = 100
MAX_ROWS = 12


def open_watch(name: str, *, quiet: bool) -> ProgressDisplay:
    """Return the progress display that suits where Python runs: a notebook cell, a terminal, plain lines, or none."""
    if not quiet and _in_notebook():
        return NotebookDisplay(name)
    return open_display(name, quiet=quiet)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code; IPython in a terminal has none. Loads nothing."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookDisplay(ProgressDisplay):
    """One output of a notebook cell, updated at most twice a second; at the end of the run one line remains."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._latest: ProgressSnapshot | None = None
        self._drawn_at = 0.0
        self._messages: list[str] = []
        self._handle: Any = None

    def update(self, snapshot: ProgressSnapshot) -> None:
        """Show the snapshot, if the last update is old enough."""
        self._latest = snapshot
        if time.monotonic() - self._drawn_at >= FRAME_SECONDS:
            self._draw(_render_text(self._name, snapshot))

    def log(self, message: str) -> None:
        """Show a message above the progress."""
        self._messages.append(message)
        self._draw(_render_text(self._name, self._latest) if self._latest is not None else "")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the messages and the last state of the run."""
        self._draw(progress_line(self._latest) if self._latest is not None else "")

    def _draw(self, text: str) -> None:
        display: Any = importlib.import_module("IPython.display")  # installed wherever a notebook runs

        self._drawn_at = time.monotonic()
        page = display.HTML(preformatted("\n".join((*self._messages, text)).strip()))
        if self._handle is None:
            self._handle = display.display(page, display_id=True)
        else:
            self._handle.update(page)


def _render_text(name: str, snapshot: ProgressSnapshot) -> str:
    from rich.console import Console

    console = Console(width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        console.print(render_progress(name, snapshot))
    return captured.get()


def run_html(manifest: Manifest, folder: Path) -> str:
    """Return the result of a run as HTML: why it stopped, its quota, and what was dropped for which reason."""
    counts = manifest["counts"]
    head = f"{manifest['name']}: {manifest['stopped']['sentence']}"
    numbers = (
        f"{counts['selected']:,} selected of {pluralize(counts['candidates'], 'candidate')} · {folder / 'dataset'}"
    )
    if counts["review"]:
        numbers = f"{numbers} · {waiting_for_review(counts['review'])}: textsynth review {folder}"
    quota = [
        (", ".join(row["cell"].values()) or "total", row["wanted"], row["selected"], row["missing"] or "")
        for row in sorted(manifest["quota"], key=lambda row: -row["missing"])
    ]
    drops = [(drop["count"], f"{drop['section']} {drop['step']}", drop["reason"]) for drop in manifest["drops"]]
    return "".join(
        (
            f"<p><b>{_escape(head)}</b><br>{_escape(numbers)}</p>",
            _table(("quota", "wanted", "selected", "missing"), quota),
            _table(("dropped", "by", "because"), drops),
            *(f"<p>note: {_escape(note)}</p>" for note in manifest["notes"]),
        )
    )


def preformatted(text: str) -> str:
    """Return text as HTML that looks as on a terminal."""
    return f'<pre style="line-height:1.3">{_escape(text)}</pre>'


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of at most MAX_ROWS rows, with the number of those that are left out."""
    if not rows:
        return ""
    left_out = len(rows) - MAX_ROWS
    last_row = f"<tr><td colspan={len(head)}>and {left_out:,} more</td></tr>" if left_out > 0 else ""
    body = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows[:MAX_ROWS])
    return f"<table><tr>{_cells(head, 'th')}</tr>{body}{last_row}</table>"


def _cells(row: Iterable[object], tag: str) -> str:
    cells = [(f"{cell:,}" if isinstance(cell, int) else str(cell), isinstance(cell, int)) for cell in row]
    return "".join(
        f'<{tag} style="text-align:{"right" if is_number else "left"}">{_escape(text)}</{tag}>'
        for text, is_number in cells
    )


def _escape(text: str) -> str:
    return escape(escape_control(text), quote=True)

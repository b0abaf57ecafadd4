"""The picture of a run in a notebook's cell, which renews itself while the run works."""

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


def open_watch(name: str, *, quiet: bool) -> ProgressDisplay:
    """Return the display that suits where Python runs: a notebook's cell, a terminal, plain lines, or none."""
    if not quiet and _in_notebook():
        return NotebookCell(name)
    return open_display(name, quiet=quiet)


def _in_notebook() -> bool:
    """Whether a kernel runs this; a plain IPython in a terminal has none. Loads nothing."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class NotebookCell(ProgressDisplay):
    """One output of a cell, drawn anew at most twice a second; when it ends, one line stays."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._newest: ProgressSnapshot | None = None
        self._drawn_at = 0.0
        self._messages: list[str] = []
        self._handle: Any = None

    def update(self, snapshot: ProgressSnapshot) -> None:
        """Draw the snapshot, if the last picture is old enough."""
        self._newest = snapshot
        if time.monotonic() - self._drawn_at >= FRAME_SECONDS:
            self._draw(_as_text(self._name, snapshot))

    def log(self, message: str) -> None:
        """Show a message above the progress."""
        self._messages.append(message)
        self._draw(_as_text(self._name, self._newest) if self._newest is not None else "")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was said and where the run ended."""
        self._draw(progress_line(self._newest) if self._newest is not None else "")

    def _draw(self, text: str) -> None:
        shown: Any = importlib.import_module("IPython.display")  # a notebook has it

        self._drawn_at = time.monotonic()
        page = shown.HTML(preformatted("\n".join((*self._messages, text)).strip()))
        if self._handle is None:
            self._handle = shown.display(page, display_id=True)
        else:
            self._handle.update(page)


def _as_text(name: str, snapshot: ProgressSnapshot) -> str:
    from rich.console import Console

    console = Console(width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        console.print(render_progress(name, snapshot))
    return captured.get()


ROWS_SHOWN = 12


def run_html(told: Manifest, folder: Path) -> str:
    """Return a run's account: why it stopped, its quota, and what was dropped for which reason."""
    counts = told["counts"]
    head = f"{told['name']}: {told['stopped']['sentence']}"
    numbers = (
        f"{counts['selected']:,} selected of {pluralize(counts['candidates'], 'candidate')} · {folder / 'dataset'}"
    )
    if counts["review"]:
        numbers = f"{numbers} · {waiting_for_review(counts['review'])}: textsynth review {folder}"
    quota = [
        (", ".join(row["cell"].values()) or "total", row["wanted"], row["selected"], row["missing"] or "")
        for row in sorted(told["quota"], key=lambda row: -row["missing"])
    ]
    drops = [(one["count"], f"{one['section']} {one['step']}", one["reason"]) for one in told["drops"]]
    return "".join(
        (
            f"<p><b>{_safe(head)}</b><br>{_safe(numbers)}</p>",
            _table(("quota", "wanted", "selected", "missing"), quota),
            _table(("dropped", "by", "because"), drops),
            *(f"<p>note: {_safe(note)}</p>" for note in told["notes"]),
        )
    )


def preformatted(text: str) -> str:
    """Return text as it would stand in a terminal."""
    return f'<pre style="line-height:1.3">{_safe(text)}</pre>'


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    rest = len(rows) - ROWS_SHOWN
    more = f"<tr><td colspan={len(head)}>and {rest:,} more</td></tr>" if rest > 0 else ""
    body = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows[:ROWS_SHOWN])
    return f"<table><tr>{_cells(head, 'th')}</tr>{body}{more}</table>"


def _cells(row: Iterable[object], tag: str) -> str:
    cells = [(f"{cell:,}" if isinstance(cell, int) else str(cell), isinstance(cell, int)) for cell in row]
    return "".join(
        f'<{tag} style="text-align:{"right" if number else "left"}">{_safe(text)}</{tag}>' for text, number in cells
    )


def _safe(text: str) -> str:
    return escape(escape_control(text), quote=True)

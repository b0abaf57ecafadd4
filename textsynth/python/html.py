"""What a notebook shows of a run: small tables, every text of a model escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from textsynth.manifest import Manifest
from textsynth.wording import counted, visible, waiting

ROWS_SHOWN = 12


def run_html(told: Manifest, folder: Path) -> str:
    """Return a run's account: why it stopped, its quota, and what was dropped for which reason."""
    counts = told["counts"]
    head = f"{told['name']}: {told['stopped']['sentence']}"
    numbers = f"{counts['selected']:,} selected of {counted(counts['candidates'], 'candidate')} · {folder / 'dataset'}"
    if counts["review"]:
        numbers = f"{numbers} · {waiting(counts['review'])}: textsynth review {folder}"
    quota = [
        (", ".join(row["match"].values()) or "total", row["want"], row["selected"], row["missing"] or "")
        for row in sorted(told["quota"], key=lambda row: -row["missing"])
    ]
    drops = [(one["count"], f"{one['section']} {one['item']}", one["reason"]) for one in told["drops"]]
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
    return escape(visible(text), quote=True)

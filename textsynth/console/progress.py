"""Display the progress of a run: live on a terminal, as plain lines elsewhere, or not at all.

Everything is written to stderr. The live display redraws itself four times a second from the newest snapshot, so
updates cost the run next to nothing. Plain lines are timed by the run's own seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from textsynth.console.streams import message_stream
from textsynth.core.formatting import escape_control, format_duration, pluralize
from textsynth.core.progress import CellProgress, ProgressSnapshot

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

SECONDS_PER_LINE = 5.0
FRAMES_PER_SECOND = 4
MAX_CELLS = 8
MAX_REASONS = 6
BAR_WIDTH = 24
MAX_NAME_WIDTH = 32
MAX_TEXT_CHARACTERS = 500
# The stage of the last snapshot of a run.
DONE = "done"


class ProgressDisplay:
    """A display that shows nothing, for `--quiet`; the base class of the others."""

    def __enter__(self) -> Self:
        """Start the display."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display, also after an error."""

    def update(self, snapshot: ProgressSnapshot) -> None:
        """Take the newest snapshot; cheap enough to be called for every answer."""

    def log(self, message: str) -> None:
        """Show a message at once."""


class PlainProgress(ProgressDisplay):
    """Plain lines: the first snapshot, then at most one every `every_seconds` of the run, and the last snapshot.

    After the first `every_seconds` a new stage gets a short line at once: an evaluation, for example, may run for
    minutes without any other progress to show.
    """

    def __init__(self, stream: TextIO, *, every_seconds: float = SECONDS_PER_LINE) -> None:
        self._stream = stream
        self._every_seconds = every_seconds
        self._shown: ProgressSnapshot | None = None
        self._newest: ProgressSnapshot | None = None
        self._stage = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last snapshot, unless it was written already."""
        if self._newest is not None and self._newest is not self._shown:
            self.log(progress_line(self._newest))

    def update(self, snapshot: ProgressSnapshot) -> None:
        """Write a line if one is due."""
        self._newest = snapshot
        previous_stage, self._stage = self._stage, snapshot.stage
        if self._shown is None or (
            snapshot.seconds - self._shown.seconds >= self._every_seconds and self._stage == previous_stage
        ):
            self._shown = snapshot
            self.log(progress_line(snapshot))
        elif self._stage not in (previous_stage, DONE) and snapshot.seconds >= self._every_seconds:
            self._shown = snapshot
            self.log(f"{format_duration(snapshot.seconds)} · {snapshot.stage}")

    def log(self, message: str) -> None:
        """Write one line."""
        self._stream.write(escape_control(message) + "\n")
        self._stream.flush()


class LiveProgress(ProgressDisplay):
    """A live display that redraws itself on a terminal and leaves one plain line when it ends."""

    def __init__(self, name: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._name = name
        self._newest: ProgressSnapshot | None = None
        self._updated_at = time.monotonic()
        self._console = Console(file=stream, highlight=False, markup=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._frame,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        """Start to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the live display and leave the last snapshot as one line, also after an error."""
        self._live.stop()
        if self._newest is not None:
            self._console.print(progress_line(self._newest))

    def update(self, snapshot: ProgressSnapshot) -> None:
        """Keep the snapshot for the next frame."""
        self._newest = snapshot
        self._updated_at = time.monotonic()

    def log(self, message: str) -> None:
        """Write one line above the live display."""
        self._console.print(escape_control(message))

    def _frame(self) -> Group:
        snapshot = self._newest or ProgressSnapshot(stage="starting")
        return render_progress(self._name, snapshot, age_seconds=time.monotonic() - self._updated_at)


def open_display(
    name: str,
    *,
    quiet: bool = False,
    as_json: bool = False,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> ProgressDisplay:
    """Return the display that suits `stream` (stderr) and the environment; use it in a `with` statement.

    It is live only on a terminal that can redraw lines: not in CI, not with TERM=dumb, and not with `as_json`.
    """
    stream = message_stream(sys.stderr if stream is None else stream)
    environ = os.environ if environ is None else environ
    if quiet:
        return ProgressDisplay()
    can_redraw = stream.isatty() and environ.get("TERM", "") not in {"dumb", "unknown"}
    if as_json or not can_redraw or environ.get("CI", "").lower() not in {"", "0", "false"}:
        return PlainProgress(stream)
    return LiveProgress(name, stream)


def progress_line(snapshot: ProgressSnapshot) -> str:
    """Return a snapshot as one line of text."""
    parts = (quota_line(snapshot.quota, snapshot.undecided), *_status_parts(snapshot, snapshot.seconds))
    return " · ".join(part for part in parts if part)


def quota_line(quota: Sequence[CellProgress], undecided: int = 0) -> str:
    """Return `40 of 400 accepted (up to 12 more), 5 of 8 full`; records beyond the quota of their cell do not count.

    Up to `undecided` texts more may be accepted when their window is filtered.
    """
    if not quota:
        return ""
    total = _total(quota)
    full = sum(cell.accepted >= cell.wanted for cell in quota)
    cells = f", {full:,} of {len(quota):,} full" if len(quota) > 1 else ""
    more = f" (up to {undecided:,} more)" if undecided else ""
    return f"{total.accepted:,} of {total.wanted:,} accepted{more}{cells}"


def least_filled_cells(quota: Sequence[CellProgress], limit: int = MAX_CELLS) -> list[CellProgress]:
    """Return at most `limit` cells: all in the recipe's order if they fit, else the least filled ones first."""
    if len(quota) <= limit:
        return list(quota)
    unmet = [cell for cell in quota if cell.accepted < cell.wanted]
    return sorted(unmet, key=lambda cell: cell.accepted / cell.wanted)[:limit]


def render_progress(name: str, snapshot: ProgressSnapshot, *, age_seconds: float = 0.0) -> Group:
    """Return a snapshot that was taken `age_seconds` ago as a rich renderable."""
    from rich.console import Group
    from rich.text import Text

    quota = quota_line(snapshot.quota, snapshot.undecided) or "no quota yet"
    head = Text.assemble((escape_control(name), "bold"), " · ", quota)
    status = Text(" · ".join(_status_parts(snapshot, snapshot.seconds + age_seconds)), style="dim")
    bars, drops = _quota_bars(snapshot.quota), _drop_lines(snapshot.drops)
    return Group(head, bars, *drops, *_latest_text_line(snapshot.latest_text), status)


def _total(quota: Sequence[CellProgress]) -> CellProgress:
    accepted = sum(min(cell.accepted, cell.wanted) for cell in quota)
    return CellProgress(f"all {len(quota)}", accepted, sum(cell.wanted for cell in quota))


def _quota_bars(quota: Sequence[CellProgress]) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=MAX_NAME_WIDTH, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=BAR_WIDTH)
    grid.add_column(justify="right")
    for cell in [_total(quota), *least_filled_cells(quota)] if len(quota) > MAX_CELLS else quota:
        bar = ProgressBar(total=max(cell.wanted, 1), completed=min(cell.accepted, cell.wanted), width=BAR_WIDTH)
        grid.add_row(Text(escape_control(cell.name)), bar, f"{cell.accepted:,}/{cell.wanted:,}")
    return grid


def _drop_lines(drops: Mapping[str, int]) -> list[Text]:
    """Return the number of dropped texts and the most frequent reasons."""
    from rich.text import Text

    if not drops:
        return []
    by_count = sorted(drops.items(), key=lambda drop: -drop[1])
    lines = [Text(f"dropped {sum(drops.values()):,}")]
    lines += [
        Text(f"  {count:>6,}  {escape_control(reason)}", no_wrap=True, overflow="ellipsis")
        for reason, count in by_count[:MAX_REASONS]
    ]
    other_reasons = sum(count for _, count in by_count[MAX_REASONS:])
    return lines + ([Text(f"  {other_reasons:>6,}  for other reasons")] if other_reasons else [])


def _latest_text_line(text: str) -> list[Text]:
    """Return a recent text in one line, as much of it as fits."""
    from rich.text import Text

    words = escape_control(" ".join(text[:MAX_TEXT_CHARACTERS].split()))
    return [Text(f"“{words}”", style="italic", no_wrap=True, overflow="ellipsis")] if words else []


def _status_parts(snapshot: ProgressSnapshot, seconds: float) -> list[str]:
    """Return time, drops, answers, texts, answers to check, requests in flight, speed, time left and stage, if any."""
    dropped = sum(snapshot.drops.values())
    journal = f" ({snapshot.from_journal:,} from the journal)" if snapshot.from_journal else ""
    parts = (
        format_duration(seconds),
        f"{dropped:,} dropped" if dropped else "",
        f"{pluralize(snapshot.answered, 'answer')}{journal}" if snapshot.answered else "",
        pluralize(snapshot.candidates, "text") if snapshot.candidates else "",
        f"{snapshot.unchecked:,} to check" if snapshot.unchecked else "",
        f"{snapshot.in_flight:,} in flight" if snapshot.in_flight else "",
        f"{snapshot.tokens_per_second:,.0f} tokens/s" if snapshot.tokens_per_second else "",
        f"about {format_duration(snapshot.seconds_left)} left" if snapshot.seconds_left is not None else "",
        escape_control(snapshot.stage),
    )
    return [part for part in parts if part]

"""What a person sees while a run works: a live picture on a terminal, plain lines elsewhere, or nothing.

Everything here goes to stderr. The live picture draws itself four times a second from the newest snapshot, so that
watching costs a run nothing; plain lines follow the run's own seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from textsynth.core.formatting import escape_control, format_duration, pluralize
from textsynth.core.progress import CellProgress, ProgressSnapshot

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

LINE_EVERY_SECONDS = 5.0
FRAMES_A_SECOND = 4
CELLS_SHOWN = 8
REASONS_SHOWN = 6
DONE = "done"


class ProgressDisplay:
    """Shows nothing: what `--quiet` asks for, and the base of the others."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing, whatever happened."""

    def watch(self, snapshot: ProgressSnapshot) -> None:
        """Take the newest snapshot; cheap enough to be called for every answer."""

    def say(self, sentence: str) -> None:
        """Tell one sentence at once."""


class PlainProgress(ProgressDisplay):
    """Plain lines: one when at least `every_seconds` of the run have passed since the last, and one at the end.

    In a run that takes longer than that, whatever else it begins to do gets a short line at once: evaluating takes
    minutes in which nothing else would be told.
    """

    def __init__(self, stream: TextIO, *, every_seconds: float = LINE_EVERY_SECONDS) -> None:
        self._stream = stream
        self._every_seconds = every_seconds
        self._told: ProgressSnapshot | None = None
        self._newest: ProgressSnapshot | None = None
        self._doing = ""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell where the run ended, unless the last line already did."""
        if self._newest is not None and self._newest is not self._told:
            self.say(progress_line(self._newest))

    def watch(self, snapshot: ProgressSnapshot) -> None:
        """Tell a line when it is time for one; the first snapshot always gets one."""
        self._newest = snapshot
        before, self._doing = self._doing, snapshot.stage
        if self._told is None or (
            snapshot.seconds - self._told.seconds >= self._every_seconds and self._doing == before
        ):
            self._told = snapshot
            self.say(progress_line(snapshot))
        elif self._doing not in (before, DONE) and snapshot.seconds >= self._every_seconds:
            self._told = snapshot
            self.say(f"{format_duration(snapshot.seconds)} · {snapshot.stage}")

    def say(self, sentence: str) -> None:
        """Write one line."""
        self._stream.write(escape_control(sentence) + "\n")
        self._stream.flush()


class LiveProgress(ProgressDisplay):
    """A picture that renews itself on a terminal; when it ends, one plain line stays."""

    def __init__(self, name: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as Picture

        self._name = name
        self._newest: ProgressSnapshot | None = None
        self._seen_at = time.monotonic()
        self._console = Console(file=stream, highlight=False, markup=False)
        self._picture = Picture(
            console=self._console,
            get_renderable=self._frame,
            refresh_per_second=FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._picture.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the picture away and leave one line, also after an error."""
        self._picture.stop()
        if self._newest is not None:
            self._console.print(progress_line(self._newest))

    def watch(self, snapshot: ProgressSnapshot) -> None:
        """Keep the snapshot for the next frame."""
        self._newest = snapshot
        self._seen_at = time.monotonic()

    def say(self, sentence: str) -> None:
        """Write one line above the picture."""
        self._console.print(escape_control(sentence))

    def _frame(self) -> Group:
        since = time.monotonic() - self._seen_at
        return render_progress(self._name, self._newest or ProgressSnapshot(stage="starting"), since_seconds=since)


def open_display(
    name: str,
    *,
    quiet: bool = False,
    as_json: bool = False,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> ProgressDisplay:
    """Return the display that suits `stream` (stderr) and the environment; enter it with `with`.

    Live only on a terminal that can redraw: not under CI, not with TERM=dumb, and not when a script reads the result.
    """
    stream = sys.stderr if stream is None else stream
    environ = os.environ if environ is None else environ
    if quiet:
        return ProgressDisplay()
    redraws = stream.isatty() and environ.get("TERM", "") not in {"dumb", "unknown"}
    if as_json or not redraws or environ.get("CI", "").lower() not in {"", "0", "false"}:
        return PlainProgress(stream)
    return LiveProgress(name, stream)


def progress_line(snapshot: ProgressSnapshot) -> str:
    """Return the snapshot as one line of text."""
    return " · ".join(part for part in (quota_line(snapshot.quota), *_pace(snapshot, snapshot.seconds)) if part)


def quota_line(quota: tuple[CellProgress, ...]) -> str:
    """Return `40 of 400 accepted, 5 of 8 full`; texts beyond a cell's quota do not count."""
    if not quota:
        return ""
    have = sum(min(cell.accepted, cell.wanted) for cell in quota)
    full = sum(cell.accepted >= cell.wanted for cell in quota)
    cells = f", {full:,} of {len(quota):,} full" if len(quota) > 1 else ""
    return f"{have:,} of {sum(cell.wanted for cell in quota):,} accepted{cells}"


def neediest(quota: tuple[CellProgress, ...], most: int = CELLS_SHOWN) -> list[CellProgress]:
    """Return at most `most` cells: all in the recipe's order if they fit, else the emptiest first."""
    if len(quota) <= most:
        return list(quota)
    short = [cell for cell in quota if cell.accepted < cell.wanted]
    return sorted(short, key=lambda cell: cell.accepted / cell.wanted)[:most]


def render_progress(name: str, snapshot: ProgressSnapshot, *, since_seconds: float = 0.0) -> Group:
    """Return the snapshot as a rich picture; `since_seconds` have passed since it was taken."""
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble((escape_control(name), "bold"), " · ", quota_line(snapshot.quota) or "no quota yet")
    foot = Text(" · ".join(_pace(snapshot, snapshot.seconds + since_seconds)), style="dim")
    return Group(head, _bars(snapshot.quota), *_reasons(snapshot.drops), foot)


def _bars(quota: tuple[CellProgress, ...]) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=32, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=24)
    grid.add_column(justify="right")
    whole = CellProgress(
        f"all {len(quota)}", sum(min(cell.accepted, cell.wanted) for cell in quota), sum(cell.wanted for cell in quota)
    )
    for cell in [whole, *neediest(quota)] if len(quota) > CELLS_SHOWN else quota:
        bar = ProgressBar(total=max(cell.wanted, 1), completed=min(cell.accepted, cell.wanted), width=24)
        grid.add_row(Text(escape_control(cell.name)), bar, f"{cell.accepted:,}/{cell.wanted:,}")
    return grid


def _reasons(drops: Mapping[str, int]) -> list[Text]:
    from rich.text import Text

    if not drops:
        return []
    ranked = sorted(drops.items(), key=lambda drop: -drop[1])
    lines = [
        Text(f"  {count:>6,}  {escape_control(reason)}", no_wrap=True, overflow="ellipsis") for reason, count in ranked
    ]
    rest = sum(count for _, count in ranked[REASONS_SHOWN:])
    more = [Text(f"  {rest:>6,}  for other reasons")] if rest else []
    return [Text(f"dropped {sum(drops.values()):,}"), *lines[:REASONS_SHOWN], *more]


def _pace(snapshot: ProgressSnapshot, seconds: float) -> list[str]:
    dropped = sum(snapshot.drops.values())
    journal = f" ({snapshot.from_journal:,} from the journal)" if snapshot.from_journal else ""
    parts = (
        format_duration(seconds),
        f"{dropped:,} dropped" if dropped else "",
        f"{pluralize(snapshot.answered, 'answer')}{journal}" if snapshot.answered else "",
        f"{snapshot.in_flight:,} in flight" if snapshot.in_flight else "",
        f"{snapshot.tokens_per_second:,.0f} tokens/s" if snapshot.tokens_per_second else "",
        f"about {format_duration(snapshot.seconds_left)} left" if snapshot.seconds_left is not None else "",
        escape_control(snapshot.stage),
    )
    return [part for part in parts if part]

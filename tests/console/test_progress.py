"""The progress display: live, plain lines, or nothing."""

from __future__ import annotations

import errno
import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.growth import count_calls
from textsynth.console.progress import (
    LiveProgress,
    PlainProgress,
    ProgressDisplay,
    least_filled_cells,
    open_display,
    progress_line,
    quota_line,
    render_progress,
)
from textsynth.core.progress import CellProgress, ProgressSnapshot

BUSY = ProgressSnapshot(
    quota=(CellProgress("refund", 4, 10), CellProgress("delivery", 12, 10), CellProgress("other", 0, 5)),
    drops={"filter near_duplicate: too close to another text": 7, "parse: no list": 2},
    in_flight=16,
    answered=1200,
    from_journal=200,
    candidates=25,
    accepted=16,
    tokens=9000,
    tokens_per_second=214.4,
    seconds=42,
    seconds_left=130,
    stage="writing refund",
)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


class LostTerminal(Terminal):
    """A terminal that is closed while a run writes to it."""

    def write(self, _: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def render(snapshot: ProgressSnapshot, width: int = 80) -> str:
    """Return what a terminal shows of a snapshot."""
    output = io.StringIO()
    Console(file=output, width=width, highlight=False).print(render_progress("tickets", snapshot))
    return output.getvalue()


def show_then_interrupt(display: ProgressDisplay, *snapshots: ProgressSnapshot, message: str = "") -> None:
    """Show snapshots and a message, then leave the display with a KeyboardInterrupt."""
    with pytest.raises(KeyboardInterrupt), display:
        _show(display, snapshots, message)


def _show(display: ProgressDisplay, snapshots: tuple[ProgressSnapshot, ...], message: str) -> None:
    for snapshot in snapshots:
        display.update(snapshot)
    if message:
        display.log(message)
    raise KeyboardInterrupt


def test_a_line_has_every_number_of_a_snapshot() -> None:
    assert progress_line(BUSY) == (
        "14 of 25 accepted, 1 of 3 full · 42 s · 9 dropped · 1,200 answers (200 from the journal) · 25 texts"
        " · 16 in flight · 214 tokens/s · about 2:10 left · writing refund"
    )


def test_a_line_leaves_out_zeros_and_unknown_numbers() -> None:
    assert progress_line(ProgressSnapshot()) == "0 s"
    assert quota_line((CellProgress("total", 3, 8),)) == "3 of 8 accepted"


def test_undecided_texts_and_a_recent_text_are_shown() -> None:
    snapshot = replace(BUSY, undecided=31, latest_text="where is\nmy \x07card " + "x" * 300)
    assert progress_line(snapshot).startswith("14 of 25 accepted (up to 31 more), 1 of 3 full · 42 s")
    lines = render(snapshot).splitlines()
    shown = [line for line in lines if line.startswith("“")]
    assert shown[0].startswith("“where is my \\x07card xxx")
    assert len(shown[0]) <= 80
    assert len(lines) == len(render(BUSY).splitlines()) + 1


def test_records_beyond_the_quota_of_a_cell_do_not_count_for_other_cells() -> None:
    assert quota_line((CellProgress("a", 100, 10), CellProgress("b", 0, 10))) == "10 of 20 accepted, 1 of 2 full"


def test_plain_lines_are_written_every_few_seconds_and_once_at_the_end() -> None:
    output = io.StringIO()
    with PlainProgress(output, every_seconds=5) as display:
        for seconds in range(12):
            display.update(ProgressSnapshot(seconds=seconds))
    assert output.getvalue().splitlines() == ["0 s", "5 s", "10 s", "11 s"]


def test_a_new_stage_of_a_longer_run_gets_a_line_at_once() -> None:
    output = io.StringIO()
    with PlainProgress(output, every_seconds=5) as display:
        for seconds, stage in ((0, "asking"), (1, "selecting"), (6, "asking"), (8, "evaluating"), (9, "done")):
            display.update(ProgressSnapshot(seconds=seconds, stage=stage))
    assert output.getvalue().splitlines() == ["0 s · asking", "6 s · asking", "8 s · evaluating", "9 s · done"]


def test_the_last_snapshot_is_not_written_twice_and_without_snapshots_nothing_is_written() -> None:
    output = io.StringIO()
    with PlainProgress(output):
        pass
    assert output.getvalue() == ""
    with PlainProgress(output) as display:
        display.update(BUSY)
    assert len(output.getvalue().splitlines()) == 1


def test_after_an_error_the_last_line_is_written_with_control_characters_escaped() -> None:
    output = io.StringIO()
    show_then_interrupt(
        PlainProgress(output), ProgressSnapshot(seconds=1), ProgressSnapshot(seconds=2, stage="label \x1b[2J")
    )
    assert output.getvalue().splitlines()[-1] == "2 s · label \\x1b[2J"


@pytest.mark.parametrize(
    ("stream", "environ", "options", "kind"),
    [
        (Terminal(), {"TERM": "xterm-256color"}, {}, LiveProgress),
        (Terminal(), {"TERM": "xterm", "CI": "false"}, {}, LiveProgress),
        (Terminal(), {"TERM": "dumb"}, {}, PlainProgress),
        (Terminal(), {"TERM": "xterm", "CI": "true"}, {}, PlainProgress),
        (Terminal(), {"TERM": "xterm"}, {"as_json": True}, PlainProgress),
        (Terminal(), {"TERM": "xterm"}, {"quiet": True}, ProgressDisplay),
        (io.StringIO(), {"TERM": "xterm"}, {}, PlainProgress),
        (io.StringIO(), {}, {"quiet": True, "as_json": True}, ProgressDisplay),
    ],
)
def test_the_display_suits_the_stream(
    stream: io.StringIO, environ: dict[str, str], options: dict[str, bool], kind: type[ProgressDisplay]
) -> None:
    assert type(open_display("tickets", stream=stream, environ=environ, **options)) is kind


@pytest.mark.parametrize("environ", [{"TERM": "xterm"}, {"TERM": "dumb"}])
def test_progress_that_cannot_be_written_fails_no_run(environ: dict[str, str]) -> None:
    with open_display("tickets", stream=LostTerminal(), environ=environ) as display:
        display.update(BUSY)
        display.log("evaluating")


def test_the_quiet_display_accepts_snapshots_and_messages() -> None:
    with ProgressDisplay() as display:
        display.update(BUSY)
        display.log("something")


def test_few_cells_are_all_shown_in_the_recipes_order() -> None:
    assert [cell.name for cell in least_filled_cells(BUSY.quota)] == ["refund", "delivery", "other"]


def test_of_many_cells_the_least_filled_are_shown() -> None:
    quota = tuple(CellProgress(f"label {number}", number % 9, 8) for number in range(77))
    cells = least_filled_cells(quota)
    assert len(cells) == 8
    assert {cell.accepted for cell in cells} == {0}
    assert [cell.name for cell in cells][:2] == ["label 0", "label 9"]
    assert least_filled_cells(tuple(CellProgress(str(n), 8, 8) for n in range(20))) == []
    assert least_filled_cells(tuple(CellProgress(str(n), 0, 0) for n in range(20))) == []


def test_the_live_display_shows_quota_drops_and_speed() -> None:
    screen = render(BUSY)
    for part in ("tickets", "refund", "4/10", "12/10", "dropped 9", "7  filter near_duplicate"):
        assert part in screen
    assert "16 in flight · 214 tokens/s · about 2:10 left" in " ".join(screen.split())


def test_the_live_display_of_77_labels_and_many_reasons_fits_a_terminal() -> None:
    quota = tuple(CellProgress(f"a label with a rather long name [{number}]", 0, 8) for number in range(77))
    drops = {f"filter step_{number}: " + "a long reason " * 20: number + 1 for number in range(30)}
    screen = render(ProgressSnapshot(quota=quota, drops=drops, stage="x"))
    assert len(screen.splitlines()) < 24
    assert max(map(len, screen.splitlines())) <= 80
    assert "all 77" in screen
    assert "0/616" in screen
    assert "dropped 465" in screen
    assert "for other reasons" in screen


def test_the_live_display_needs_no_snapshot() -> None:
    assert "no quota yet" in render(ProgressSnapshot())


def test_markup_in_a_label_is_shown_as_text() -> None:
    assert "[bold]x[/bold]" in render(ProgressSnapshot(quota=(CellProgress("[bold]x[/bold]", 0, 1),)))


def test_the_live_display_leaves_one_line_also_after_an_error() -> None:
    stream = Terminal()
    show_then_interrupt(LiveProgress("tickets", stream), BUSY, message="the model is loaded [1/2] \x07")
    output = stream.getvalue()
    assert "the model is loaded [1/2] \\x07" in output
    assert "14 of 25 accepted" in output.replace("\r", "").split("the model is loaded")[-1]


def test_updates_of_the_live_display_are_cheap() -> None:
    """An update notes the snapshot and the time; the thread of the display draws it."""
    with LiveProgress("tickets", Terminal()) as display:
        assert count_calls(lambda: [display.update(BUSY) for _ in range(1_000)]) <= 3 * 1_000

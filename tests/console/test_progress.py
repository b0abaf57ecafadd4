from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from textsynth.console.progress import (
    LiveProgress,
    PlainProgress,
    ProgressDisplay,
    neediest,
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
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(snapshot: ProgressSnapshot, width: int = 80) -> str:
    page = io.StringIO()
    Console(file=page, width=width, highlight=False).print(render_progress("tickets", snapshot))
    return page.getvalue()


def interrupt_after(display: ProgressDisplay, *snapshots: ProgressSnapshot, said: str = "") -> None:
    with pytest.raises(KeyboardInterrupt), display:
        _work(display, snapshots, said)


def _work(display: ProgressDisplay, snapshots: tuple[ProgressSnapshot, ...], said: str) -> None:
    for snapshot in snapshots:
        display.watch(snapshot)
    if said:
        display.say(said)
    raise KeyboardInterrupt


def test_a_line_says_everything_that_is_known() -> None:
    assert progress_line(BUSY) == (
        "14 of 25 accepted, 1 of 3 full · 42 s · 9 dropped · 1,200 answers (200 from the journal) · 16 in flight"
        " · 214 tokens/s · about 2:10 left · writing refund"
    )


def test_a_line_leaves_out_what_is_not_known() -> None:
    assert progress_line(ProgressSnapshot()) == "0 s"
    assert quota_line((CellProgress("total", 3, 8),)) == "3 of 8 accepted"


def test_texts_beyond_a_quota_do_not_hide_a_gap() -> None:
    assert quota_line((CellProgress("a", 100, 10), CellProgress("b", 0, 10))) == "10 of 20 accepted, 1 of 2 full"


def test_plain_lines_come_every_few_seconds_and_once_at_the_end() -> None:
    page = io.StringIO()
    with PlainProgress(page, every_seconds=5) as display:
        for seconds in range(12):
            display.watch(ProgressSnapshot(seconds=seconds))
    assert page.getvalue().splitlines() == ["0 s", "5 s", "10 s", "11 s"]


def test_what_a_longer_run_begins_to_do_gets_a_line_at_once() -> None:
    page = io.StringIO()
    with PlainProgress(page, every_seconds=5) as display:
        for seconds, doing in ((0, "asking"), (1, "selecting"), (6, "asking"), (8, "evaluating"), (9, "done")):
            display.watch(ProgressSnapshot(seconds=seconds, stage=doing))
    assert page.getvalue().splitlines() == ["0 s · asking", "6 s · asking", "8 s · evaluating", "9 s · done"]


def test_the_end_is_not_told_twice_and_nothing_is_told_of_nothing() -> None:
    page = io.StringIO()
    with PlainProgress(page):
        pass
    assert page.getvalue() == ""
    with PlainProgress(page) as display:
        display.watch(BUSY)
    assert len(page.getvalue().splitlines()) == 1


def test_plain_lines_survive_an_error_and_cannot_steer_the_terminal() -> None:
    page = io.StringIO()
    interrupt_after(
        PlainProgress(page), ProgressSnapshot(seconds=1), ProgressSnapshot(seconds=2, stage="label \x1b[2J")
    )
    assert page.getvalue().splitlines()[-1] == "2 s · label \\x1b[2J"


@pytest.mark.parametrize(
    ("stream", "environ", "asked", "kind"),
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
    stream: io.StringIO, environ: dict[str, str], asked: dict[str, bool], kind: type[ProgressDisplay]
) -> None:
    assert type(open_display("tickets", stream=stream, environ=environ, **asked)) is kind


def test_quiet_says_nothing() -> None:
    with ProgressDisplay() as display:
        display.watch(BUSY)
        display.say("something")


def test_few_labels_are_all_shown_in_the_recipes_order() -> None:
    assert [cell.name for cell in neediest(BUSY.quota)] == ["refund", "delivery", "other"]


def test_of_many_labels_the_emptiest_are_shown() -> None:
    quota = tuple(CellProgress(f"label {number}", number % 9, 8) for number in range(77))
    shown = neediest(quota)
    assert len(shown) == 8
    assert {cell.accepted for cell in shown} == {0}
    assert [cell.name for cell in shown][:2] == ["label 0", "label 9"]
    assert neediest(tuple(CellProgress(str(n), 8, 8) for n in range(20))) == []
    assert neediest(tuple(CellProgress(str(n), 0, 0) for n in range(20))) == []


def test_the_picture_shows_quota_reasons_and_pace() -> None:
    page = drawn(BUSY)
    for part in ("tickets", "refund", "4/10", "12/10", "dropped 9", "7  filter near_duplicate", "16 in flight"):
        assert part in page
    assert "214 tokens/s · about 2:10 left" in " ".join(page.split())


def test_the_picture_of_77_labels_and_many_reasons_fits_a_terminal() -> None:
    quota = tuple(CellProgress(f"a label with a rather long name [{number}]", 0, 8) for number in range(77))
    drops = {f"filter item_{number}: " + "a long reason " * 20: number + 1 for number in range(30)}
    page = drawn(ProgressSnapshot(quota=quota, drops=drops, stage="x"))
    assert len(page.splitlines()) < 24
    assert max(map(len, page.splitlines())) <= 80
    assert "all 77" in page
    assert "0/616" in page
    assert "dropped 465" in page
    assert "for other reasons" in page


def test_the_first_picture_needs_no_snapshot() -> None:
    assert "no quota yet" in drawn(ProgressSnapshot())


def test_markup_in_a_label_is_text() -> None:
    assert "[bold]x[/bold]" in drawn(ProgressSnapshot(quota=(CellProgress("[bold]x[/bold]", 0, 1),)))


def test_the_live_picture_ends_with_one_line_also_after_an_error() -> None:
    stream = Terminal()
    interrupt_after(LiveProgress("tickets", stream), BUSY, said="the model is loaded [1/2] \x07")
    page = stream.getvalue()
    assert "the model is loaded [1/2] \\x07" in page
    assert "14 of 25 accepted" in page.replace("\r", "").split("the model is loaded")[-1]


def test_watching_live_costs_a_run_next_to_nothing() -> None:
    with LiveProgress("tickets", Terminal()) as display:
        before = time.thread_time()
        for _ in range(10_000):
            display.watch(BUSY)
        assert time.thread_time() - before < 0.2

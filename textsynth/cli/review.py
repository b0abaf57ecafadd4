"""`textsynth review`: people decide on doubtful texts, on a local page."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from textsynth.cli.common import JSON, RUN, emit, example, notify

if TYPE_CHECKING:
    from textsynth.review.session import ReviewSession

IN_THE_TERMINAL = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})


@click.command(
    epilog=example(
        "textsynth review runs/tickets",
        "textsynth review runs/tickets --by ann --port 8123 --no-browser",
        "textsynth review runs/tickets --selected",
    )
)
@RUN
@click.option("--by", metavar="NAME", help="Who decides.  [default: the login name]")
@click.option("--port", type=click.IntRange(1, 65535), help="The port.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Open no browser; the address is printed.")
@click.option("--selected", is_flag=True, help="Then look at selected texts too, the least sure first.")
@JSON
def review(
    run: Path, by: str | None, port: int | None, no_browser: bool, selected: bool, as_json: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Decide on doubtful texts on a local page, until Ctrl-C.

    Keep, drop or relabel what a check sends to a person, with the keyboard. Every decision is at once in the run's
    review.jsonl; the next `textsynth run` of the recipe takes them in. Only this machine reaches the page, under an
    address with a random token.
    """
    import asyncio

    from textsynth.core.formatting import pluralize
    from textsynth.review.queue import read_queue
    from textsynth.review.session import ReviewSession

    queue = read_queue(run, selected=selected)
    sitting = ReviewSession(run, queue, by if by is not None else _login())
    if sitting.torn:
        notify(f"{run}: the last line of review.jsonl broke off and is passed over")
    if not queue.entries:
        hint = "" if selected else "; --selected shows the selected ones"
        emit(sitting.told() if as_json else f"{run}: no text waits for a person{hint}")
        return
    waiting = sum(one.waits for one in queue.entries.values())
    shown = len(queue.entries) - waiting
    parts = [f"{pluralize(waiting, 'text')} in the queue"]
    parts += [f"then {shown:,} of {pluralize(queue.selected, 'selected text')}"] if selected else []
    notify(f"{', '.join(parts)}; {sitting.by} decides; Ctrl-C ends it")
    asyncio.run(_work(sitting, port, browser=not no_browser and sys.stdout.isatty()))
    emit(sitting.told() if as_json else sitting.sentence())


async def _work(sitting: ReviewSession, port: int | None, *, browser: bool) -> None:
    import asyncio

    from textsynth.review.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)

    def ready(address: str, once: str) -> None:
        notify(address)
        if browser:
            _open(once)

    await serve(sitting, port=port, ready=ready, stop=stop)


def _open(address: str) -> None:
    """Open the address in the user's browser; one that would take the terminal for itself is left alone."""
    import threading
    import webbrowser

    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if Path(str(getattr(found, "name", ""))).name not in IN_THE_TERMINAL:
        # some wait until the browser ends
        threading.Thread(target=found.open, args=(address,), daemon=True).start()


def _login() -> str:
    """Return the login name, `someone` where there is none."""
    import getpass

    from textsynth.store.decisions import SOMEONE

    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return SOMEONE

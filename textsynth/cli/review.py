"""`textsynth review`: people decide on uncertain texts on a local web page."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from textsynth.cli.common import JSON, RUN, emit, example, notify

if TYPE_CHECKING:
    from textsynth.review.session import ReviewSession

TERMINAL_BROWSERS = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})


@click.command(
    epilog=example(
        "textsynth review runs/tickets",
        "textsynth review runs/tickets --by ann --port 8123 --no-browser",
        "textsynth review runs/tickets --selected",
    )
)
@RUN
@click.option("--by", "reviewer", metavar="NAME", help="The name of the reviewer.  [default: the login name]")
@click.option("--port", type=click.IntRange(1, 65535), help="The port of the page.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address; open no browser.")
@click.option("--selected", is_flag=True, help="Also show selected texts afterwards, lowest confidence first.")
@JSON
def review(
    run: Path, reviewer: str | None, port: int | None, no_browser: bool, selected: bool, as_json: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Decide on uncertain texts on a local web page, until Ctrl-C.

    Keep, drop or relabel the texts that a check left to a person, with keys or mouse. Each decision is saved at once in
    the run's review.jsonl; the next `textsynth run` of the recipe applies it. The page can be opened on this machine
    only, at an address with a random token.
    """
    from textsynth.core.formatting import pluralize
    from textsynth.review.queue import read_queue
    from textsynth.review.session import ReviewSession

    queue = read_queue(run, selected=selected)
    session = ReviewSession(run, queue, reviewer if reviewer is not None else _login_name())
    if session.truncated_file:
        notify(f"{run}: the last line of review.jsonl is incomplete and is skipped")
    if not queue.entries:
        hint = "" if selected else "; --selected shows the selected ones"
        emit(session.summary() if as_json else f"{run}: no text waits for a person{hint}")
        return
    pending = sum(entry.pending for entry in queue.entries.values())
    shown = len(queue.entries) - pending
    parts = [f"{pluralize(pending, 'text')} in the queue"]
    parts += [f"then {shown:,} of {pluralize(queue.selected, 'selected text')}"] if selected else []
    notify(f"{', '.join(parts)}; reviewer: {session.reviewer}; stop with Ctrl-C")
    _serve(session, port, open_browser=not no_browser and sys.stdout.isatty())
    emit(session.summary() if as_json else session.summary_text())


def _serve(session: ReviewSession, port: int | None, *, open_browser: bool) -> None:
    """Serve the page until SIGINT or SIGTERM."""
    import threading

    from textsynth.review.server import serve

    stop = threading.Event()

    def on_ready(address: str, one_time_address: str) -> None:
        notify(address)
        if open_browser:
            _open_browser(one_time_address)

    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        serve(session, port=port, on_ready=on_ready, stop=stop)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _open_browser(address: str) -> None:
    """Open the address in the user's browser, unless it is one that runs in the terminal."""
    import threading
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if Path(str(getattr(browser, "name", ""))).name not in TERMINAL_BROWSERS:
        # In a thread, because some controllers wait until the browser exits.
        threading.Thread(target=browser.open, args=(address,), daemon=True).start()


def _login_name() -> str:
    """Return the login name, `someone` if there is none."""
    import getpass

    from textsynth.store.decisions import UNNAMED_PERSON

    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return UNNAMED_PERSON

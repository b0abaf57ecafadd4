"""Runs a coroutine to its end, also where an event loop is running already, as in a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")
# An interrupt is noticed after this time at the latest.
INTERRUPT_POLL_SECONDS = 0.5


def run_coroutine(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Return what the coroutine returns, or raise what it raises.

    Where a loop runs in this thread, the coroutine runs in a thread of its own and this one waits for it; an interrupt
    ends both, as it does where no loop runs.
    """
    return _run_in_thread(coroutine) if _is_loop_running() else asyncio.run(coroutine)


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Treat SIGTERM as an interrupt (Ctrl-C) meanwhile, so that what it ends is closed in order and says so.

    Does nothing outside of the main thread, and where the process handles SIGTERM already.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(coroutine: Coroutine[Any, Any, Result]) -> Result:
    interrupted = threading.Event()
    tasks: list[asyncio.Task[Result]] = []

    async def cancellable() -> Result:
        tasks.append(asyncio.ensure_future(coroutine))
        if interrupted.is_set():
            tasks[0].cancel()
        return await tasks[0]

    with ThreadPoolExecutor(1, thread_name_prefix="textsynth") as thread:
        # An interrupt while a pool starts its thread would leave the thread without anyone who waits for it.
        thread.submit(int).result()
        try:
            # In a copy of the context, by which a notebook knows to which cell an output belongs.
            future = thread.submit(contextvars.copy_context().run, lambda: asyncio.run(cancellable()))
            # An interrupt just before a wait begins does not end that wait.
            while wait([future], INTERRUPT_POLL_SECONDS).not_done:
                pass
            return future.result()
        except KeyboardInterrupt:
            interrupted.set()
            for task in tasks:
                task.get_loop().call_soon_threadsafe(task.cancel)
            raise

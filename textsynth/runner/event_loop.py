"""Asynchronous work done to its end, also from a notebook, where an event loop is at work already."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

Found = TypeVar("Found")
# An interrupt is noticed no later than this.
NOTICE_SECONDS = 0.5


def run_coroutine(work: Coroutine[Any, Any, Found]) -> Found:
    """Return what `work` returns, or raise what it raises.

    Where a loop runs in this thread, the work gets a thread of its own and this one waits for it; an interrupt ends
    both, as it does where no loop runs.
    """
    return _beside(work) if _a_loop_runs() else asyncio.run(work)


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _beside(work: Coroutine[Any, Any, Found]) -> Found:
    ending = threading.Event()
    begun: list[asyncio.Task[Found]] = []

    async def held() -> Found:
        begun.append(asyncio.ensure_future(work))
        if ending.is_set():
            begun[0].cancel()
        return await begun[0]

    with ThreadPoolExecutor(1, thread_name_prefix="textsynth") as thread:
        thread.submit(int).result()  # an interrupt while a pool starts its thread leaves it with nobody to wait for it
        try:
            # in a copy of the context, by which a notebook knows to which cell an output belongs
            done = thread.submit(contextvars.copy_context().run, lambda: asyncio.run(held()))
            # an interrupt that comes just before a wait begins does not end the wait
            while wait([done], NOTICE_SECONDS).not_done:
                pass
            return done.result()
        except KeyboardInterrupt:
            ending.set()
            for task in begun:
                task.get_loop().call_soon_threadsafe(task.cancel)
            raise

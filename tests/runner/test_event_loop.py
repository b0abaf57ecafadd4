from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading

import pytest

from textsynth.runner.event_loop import run_coroutine

CELL: contextvars.ContextVar[str] = contextvars.ContextVar("CELL")


async def context_and_thread() -> tuple[str, bool]:
    await asyncio.sleep(0)
    return CELL.get("no cell"), threading.current_thread() is threading.main_thread()


async def failing() -> None:
    await asyncio.sleep(0)
    raise LookupError("as the coroutine raised it")


def test_without_a_loop_the_coroutine_runs_in_this_thread() -> None:
    assert run_coroutine(context_and_thread()) == ("no cell", True)
    with pytest.raises(LookupError, match="as the coroutine raised it"):
        run_coroutine(failing())


def test_inside_a_loop_the_coroutine_has_a_thread_and_the_context_of_its_cell() -> None:
    async def notebook() -> None:
        CELL.set("cell 3")
        assert run_coroutine(context_and_thread()) == ("cell 3", False)
        with pytest.raises(LookupError, match="as the coroutine raised it"):
            run_coroutine(failing())

    asyncio.run(notebook())


def test_an_interrupt_inside_a_loop_cancels_the_coroutine_which_cleans_up() -> None:
    ended: list[str] = []

    async def long() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            ended.append("cleaned up")

    async def notebook() -> None:
        # A notebook's kernel, unlike asyncio.run, lets an interrupt reach the code of the cell.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            run_coroutine(long())

    before = signal.getsignal(signal.SIGINT)
    try:
        asyncio.run(notebook())
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["cleaned up"]

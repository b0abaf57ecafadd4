from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.runner.recipes import served_recipe
from tests.server import serving
from textsynth.runner.event_loop import interrupt_on_sigterm, run_coroutine

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


def test_sigterm_interrupts_a_coroutine_and_is_restored() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.sleep(30)

    with pytest.raises(KeyboardInterrupt), interrupt_on_sigterm():
        run_coroutine(wait())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_sigterm_that_is_there_already_stays() -> None:
    def handler(*_: object) -> None:
        """Do nothing."""

    signal.signal(signal.SIGTERM, handler)
    try:
        with interrupt_on_sigterm():
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_outside_of_the_main_thread_sigterm_is_left_alone() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: interrupt_on_sigterm().__enter__()).result()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_terminated_says_so_and_goes_on_later(tmp_path: Path, number: signal.Signals) -> None:
    with serving(latency=0.05, varies=True) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=2)
        command = [sys.executable, "-m", "textsynth", "run", str(path), "--quiet", "--out", str(tmp_path / "run")]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while server.stats()["answered"] < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "interrupted; what was finished is stored, and the same command continues from there"

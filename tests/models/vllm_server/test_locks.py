"""Locks that the system takes back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from tests.models.vllm_server.engines import ROOT, wait_until
from textsynth.models.vllm_server.locks import acquire_lock, exclusive_lock, is_free, open_lock, release_lock


def test_alone_shared_and_let_go(tmp_path: Path) -> None:
    one, other = open_lock(tmp_path / "lock"), open_lock(tmp_path / "lock")
    assert acquire_lock(one, shared=True)
    assert acquire_lock(other, shared=True)
    assert not acquire_lock(one)
    release_lock(other)
    assert acquire_lock(one)
    assert not acquire_lock(other, shared=True, timeout=0.1)
    assert not is_free(tmp_path / "lock")
    os.close(one)
    assert is_free(tmp_path / "lock")
    os.close(other)


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom textsynth.models.vllm_server.locks import open_lock, acquire_lock\n"
        "print(acquire_lock(open_lock(Path(sys.argv[1]))), flush=True)\ntime.sleep(60)"
    )
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert not is_free(path)
        holder.kill()
    wait_until(lambda: is_free(path))


def test_who_comes_second_says_so_and_waits(tmp_path: Path) -> None:
    lock, told, order = tmp_path / "lock", list[str](), list[str]()

    def second() -> None:
        with exclusive_lock(lock, told.append, "busy"):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive_lock(lock, told.append, "never said"):
        thread.start()
        wait_until(lambda: bool(told))
        order.append("first")
    thread.join()
    assert (told, order) == (["busy"], ["first", "second"])

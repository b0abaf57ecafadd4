from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from tests.models.vllm_server.fake_vllm import ROOT, wait_until
from textsynth.models.vllm_server.locks import acquire_lock, exclusive_lock, is_free, open_lock, release_lock


def test_a_lock_is_shared_or_exclusive_and_can_be_released(tmp_path: Path) -> None:
    first, second = open_lock(tmp_path / "lock"), open_lock(tmp_path / "lock")
    assert acquire_lock(first, shared=True)
    assert acquire_lock(second, shared=True)
    assert not acquire_lock(first)
    release_lock(second)
    assert acquire_lock(first)
    assert not acquire_lock(second, shared=True, timeout=0.1)
    assert not is_free(tmp_path / "lock")
    os.close(first)
    assert is_free(tmp_path / "lock")
    os.close(second)


def test_the_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from textsynth.models.vllm_server.locks import acquire_lock, open_lock\n"
        "print(acquire_lock(open_lock(Path(sys.argv[1]))), flush=True)\ntime.sleep(60)"
    )
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert not is_free(path)
        holder.kill()
    wait_until(lambda: is_free(path))


def test_a_process_that_waits_for_an_exclusive_lock_logs_a_message(tmp_path: Path) -> None:
    path, log, order = tmp_path / "lock", list[str](), list[str]()

    def acquire_second() -> None:
        with exclusive_lock(path, log.append, "busy"):
            order.append("second")

    thread = threading.Thread(target=acquire_second)
    with exclusive_lock(path, log.append, "not logged"):
        thread.start()
        wait_until(lambda: bool(log))
        order.append("first")
    thread.join()
    assert (log, order) == (["busy"], ["first", "second"])

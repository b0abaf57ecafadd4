from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from tests.models.vllm_server.fake_vllm import is_alive, kill, wait_until
from textsynth.models.vllm_server.process import EngineProcess, free_port, is_healthy, kill_group

SLEEPER = "import subprocess, sys, time\nprint(subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)"


def test_the_whole_group_is_terminated_and_the_log_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    engine = EngineProcess([sys.executable, "-c", SLEEPER], os.environ, log)
    assert engine.log_offset == 7
    wait_until(lambda: log.read_text().count("\n") == 2)
    child = int(log.read_text().split()[1])
    assert not engine.has_exited
    assert engine.exit_reason() == "still running"
    engine.terminate()
    wait_until(lambda: not is_alive(child))
    assert engine.exit_reason() == "killed by SIGTERM"
    engine.terminate()  # a second call has no effect


def test_the_exit_reason_is_the_exit_code_or_the_signal(tmp_path: Path) -> None:
    failed = EngineProcess([sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path / "log")
    wait_until(lambda: failed.has_exited)
    assert failed.exit_reason() == "exit code 3"
    killed = EngineProcess([sys.executable, "-c", SLEEPER], os.environ, tmp_path / "log")
    kill(killed.process_group, signal.SIGKILL)
    wait_until(lambda: killed.has_exited)
    assert killed.exit_reason() == "killed by SIGKILL, as the system does when memory runs out"
    killed.terminate()
    kill_group(killed.process_group)


def test_a_preferred_port_is_used_where_it_is_free_and_a_port_without_a_server_is_not_healthy() -> None:
    port = free_port()
    assert free_port(port) == port
    assert not is_healthy(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        assert free_port(port) != port
        taken.listen()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            closed.close()
        assert not is_healthy(closed.fileno() if closed.fileno() > 0 else 1)

"""The server process: started in its own process group, checked for health, and terminated together with its group.

vLLM runs as several processes. When the first one is killed, the others survive with all their memory, so the whole
group is always terminated.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TERMINATE_TIMEOUT_SECONDS = 15.0
HEALTH_TIMEOUT_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


class EngineProcess:
    """A running server process; `log_offset` is the size of its log file when it started."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self.log_offset = output.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                start_new_session=True,
                preexec_fn=_terminate_with_parent(os.getpid()),
            )

    @property
    def process_group(self) -> int:
        """The id of its process group."""
        return self._process.pid

    @property
    def has_exited(self) -> bool:
        """Whether the first of its processes has exited."""
        return self._process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by SIGKILL; its log then does not say why."""
        return self._process.poll() == -signal.SIGKILL

    def exit_reason(self) -> str:
        """Return how it ended, in words."""
        code = self._process.poll()
        if code is None:
            return "still running"
        if self.was_killed:
            return "killed by SIGKILL, as the system does when memory runs out"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def terminate(self) -> None:
        """Terminate the process, after 15 seconds kill its group, and return when the first process has exited."""
        if not self.has_exited:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TERMINATE_TIMEOUT_SECONDS)
        kill_group(self.process_group)
        self._process.wait()


def kill_group(process_group: int) -> None:
    """Kill a process group; does nothing where there is none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_group, signal.SIGKILL)


def is_healthy(port: int) -> bool:
    """Return whether the server on a port of this machine passes its health check."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port(preferred: int = 0) -> int:
    """Return `preferred` where it is free, else a free port of this machine."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("no port of this machine is free")


def _terminate_with_parent(parent: int) -> Callable[[], None] | None:
    """Return a function for the new process that makes it end when its parent ends in any way (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def set_death_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent ended before the signal was set
            os._exit(1)

    return set_death_signal

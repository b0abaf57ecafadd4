"""The server as a process: started in a group of its own, asked whether it is well, and ended with all its children.

vLLM runs as several processes, and those behind the first outlive it when it is killed, with all their memory: so it
is always the whole group that is ended.
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

END_SECONDS = 15.0
HEALTH_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


class EngineProcess:
    """A running server process; `since` is the size of its log when it started."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self.log_offset = out.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                start_new_session=True,
                preexec_fn=_end_with(os.getpid()),
            )

    @property
    def process_group(self) -> int:
        """The number of its process group."""
        return self._process.pid

    @property
    def has_exited(self) -> bool:
        """Whether the first of its processes has ended."""
        return self._process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by SIGKILL: its log then tells nothing of why."""
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
        """End the whole group: politely, and after 15 seconds with force. Returns when the first process has ended."""
        if not self.has_exited:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        kill_group(self.process_group)
        self._process.wait()


def kill_group(group: int) -> None:
    """End a process group with force; nothing happens where there is none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def is_healthy(port: int) -> bool:
    """Whether the server on this machine's port says that it is well."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    try:
        asked.request("GET", "/health")
        return asked.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def free_port(preferred: int = 0) -> int:
    """Return `wanted` where it is free, else a free port of this machine."""
    for port in (preferred, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                tried.bind(("127.0.0.1", port))
                return int(tried.getsockname()[1])
    raise OSError("no port of this machine is free")


def _end_with(parent: int) -> Callable[[], None] | None:
    """Return what a new process does first so that it ends when its parent does, however that ends (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def asked() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before it was asked to tell
            os._exit(1)

    return asked

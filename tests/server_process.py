"""The mock server of tests/server.py in a process of its own, to be killed, restarted, started late and replaced."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from textsynth.models.vllm_server.process import free_port

SERVER = Path(__file__).parent / "server.py"


class ServerProcess:
    """A server at one port that may be started several times; `options` are those of tests/server.py."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.options: Sequence[str] = options
        self._process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        """Start it, with other options if there are any, and wait until it listens."""
        self.options = options or self.options
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.port), *self.options], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("listening")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def stats(self) -> dict[str, Any]:
        """Return the counts since the last start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as page:
            stats: dict[str, Any] = json.load(page)
        return stats

    def set_latency(self, milliseconds: int) -> None:
        """Answer later requests after this time; the counts begin again."""
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/reset?latency_ms={milliseconds}").close()

    def wait_for_answers(self, answered: int, seconds: float = 60.0) -> None:
        """Wait until so many requests were answered since the last start."""
        deadline = time.monotonic() + seconds
        while self.stats()["answered"] < answered:
            assert time.monotonic() < deadline, f"not {answered} answers within {seconds:g} s"
            time.sleep(0.01)


@contextlib.contextmanager
def server_process(*options: str, started: bool = True) -> Iterator[ServerProcess]:
    """Serve for the time of a `with` block."""
    process = ServerProcess(*options)
    try:
        if started:
            process.start()
        yield process
    finally:
        process.kill()

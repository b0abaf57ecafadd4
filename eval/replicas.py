"""Requests per second with one, two and four servers of `vllm: {replicas: …}`, and with one of four killed.

    PYTHONPATH=. python eval/replicas.py [ROUNDS]

The servers are the fake vLLM of the tests, which answers after half a second, with 8 requests in flight at each. The
time is from the first request to the last answer, without the start of the servers. Prints one line per round.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.models.model_calls import complete, requests, runtime
from tests.models.vllm_server.fake_vllm import fake_python
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder

REQUESTS = 320
IN_FLIGHT = 8
LATENCY_SECONDS = 0.5
KILL_AFTER_SECONDS = 1.0


async def seconds_of(folder: Path, python: str, replicas: int, *, kill: bool) -> float:
    """Return the seconds that the requests take; with `kill`, one server is killed a second after the first."""
    options = Vllm(
        model="small",
        python=python,
        replicas=replicas,
        concurrency=IN_FLIGHT,
        flags={"fake-latency": LATENCY_SECONDS},
    )
    model = options.open(runtime(folder))
    try:
        await complete(model, requests(1 + IN_FLIGHT * replicas, chat=False))  # starts and checks the servers
        start = time.monotonic()
        answering = asyncio.create_task(complete(model, requests(REQUESTS)))
        if kill:
            await asyncio.sleep(KILL_AFTER_SECONDS)
            state = next(iter(running_servers(servers_folder(folder / "cache")).values()))
            os.kill(state.process_group, signal.SIGKILL)
        assert len(await answering) == REQUESTS  # `complete` checks that each answer comes once
        return time.monotonic() - start
    finally:
        await model.close()


def main() -> None:
    """Measure each number of servers, and four of which one is killed, in turns."""
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        for replicas, kill in ((1, False), (2, False), (4, False), (4, True)):
            with tempfile.TemporaryDirectory() as name:
                python = fake_python(Path(name) / "env")
                seconds = asyncio.run(seconds_of(Path(name), python, replicas, kill=kill))
                while running_servers(servers_folder(Path(name) / "cache")):
                    time.sleep(0.1)
            note = ", one killed" if kill else ""
            print(f"{replicas} servers{note}: {REQUESTS / seconds:.1f} requests/s, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()

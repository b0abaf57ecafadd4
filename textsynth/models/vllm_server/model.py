"""A model behind managed servers: waits until they are ready, and resends requests after a crash.

The supervisor of each server restarts it when it crashes. Of several servers, the others answer in the meantime; where
none is left, the requests without an answer are sent again as soon as one is back. Requests whose answers have arrived
are never sent again. When every supervisor has given up, the run stops with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model, OnCompletion
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.readiness import POLL_SECONDS
from textsynth.models.vllm_server.replica import Replica, Run

CRASH_DETECTION_SECONDS = 2.0


class ManagedServerModel(Model):
    """Answers through a client of one or several servers of the same model.

    Each function of `acquire` returns a lease of a server, which it starts where it does not run; `connect` returns a
    client for the API keys of the servers by their base URLs. Acquiring and starting may take minutes, at most
    `timeout` seconds until a server is ready. The first requests wait until every server is ready or has failed, later
    ones only while none is ready.
    """

    def __init__(
        self,
        acquire: Sequence[Callable[[], ServerLease]],
        connect: Callable[[Mapping[str, str]], Model],
        *,
        log: Callable[[str], None],
        timeout: float,
    ) -> None:
        names = [f"replica {number} of {len(acquire)}: " for number in range(1, len(acquire) + 1)]
        self._replicas = {
            name: Replica(function, log=partial(_log_line, log, name if len(acquire) > 1 else ""), timeout=timeout)
            for name, function in zip(names, acquire, strict=True)
        }
        self._connect = connect
        self._log = log
        self._client: Model | None = None
        self._keys: Mapping[str, str] = {}
        self._lock = asyncio.Lock()
        self._logged_errors: set[str] = set()

    @property
    def in_flight(self) -> int | None:
        """The number of requests that the client has in flight."""
        return 0 if self._client is None else self._client.in_flight

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, across restarts of the servers; see `Model.complete`."""
        pending = _PendingRequests(requests, on_completion)
        while pending.requests:
            client, runs = await self._ready_client()
            pending.are_servers_up = partial(self._continue, runs)
            answering = asyncio.ensure_future(client.complete(list(pending.requests.values()), pending.on_completion))
            watching = asyncio.ensure_future(self._wait_for_outage(self._keys))
            try:
                await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
                if answering.done() and not (
                    isinstance(answering.exception(), ModelError) and await pending.has_server_crashed()
                ):
                    await answering
                    if self._continue(runs):
                        return
                elif watching.done():
                    await watching
            finally:
                await _cancel(answering, watching)
                await pending.finish_writes()

    async def close(self) -> None:
        """Close the client and release the servers."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        for replica in self._replicas.values():
            await replica.close()

    async def _ready_client(self) -> tuple[Model, Mapping[str, Run]]:
        """Return a client of the servers, and the present runs of those that are ready, at least one."""
        async with self._lock:
            while not (runs := self._ready_runs()):
                await asyncio.sleep(POLL_SECONDS)
            keys = self._current_keys()
            if self._client is None or keys != self._keys:
                if self._client is not None:
                    await self._client.close()
                self._client = self._connect(keys)
                self._keys = keys
            return self._client, runs

    def _ready_runs(self) -> Mapping[str, Run]:
        """Return the runs of the servers that are ready; none before the first start of all others has ended.

        Raises ModelError where all have failed.
        """
        self._keep_waiting()
        runs = {name: run for name, replica in self._replicas.items() if (run := replica.run) is not None}
        is_starting = self._client is None and any(replica.is_waiting for replica in self._replicas.values())
        return {} if is_starting else runs

    def _keep_waiting(self) -> None:
        """Let every server that is not ready be waited for, and log those that have failed, unless all have."""
        for replica in self._replicas.values():
            replica.ensure_waiting()
        errors = {name: replica.error for name, replica in self._replicas.items() if replica.error is not None}
        if len(errors) == len(self._replicas):
            raise next(iter(errors.values()))
        for name, error in errors.items():
            if name not in self._logged_errors:
                self._logged_errors.add(name)
                self._log(f"{name}{error}; it is left out")

    def _current_keys(self) -> Mapping[str, str]:
        """Return the API keys of all servers that were acquired, by their base URLs."""
        return dict(replica.address for replica in self._replicas.values() if replica.address is not None)

    async def _wait_for_outage(self, keys: Mapping[str, str]) -> None:
        """Return when no server is ready, or one has another address than before; raises ModelError as above."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._keep_waiting()
            if self._current_keys() != keys or all(replica.run is None for replica in self._replicas.values()):
                return

    def _continue(self, runs: Mapping[str, Run]) -> bool:
        """Return whether none of these servers has crashed or been restarted since."""
        return all(self._replicas[name].run == run for name, run in runs.items())


def _log_line(log: Callable[[str], None], prefix: str, line: str) -> None:
    log(prefix + line)


class _PendingRequests:
    """The requests without an answer, and the answers that are being written, which a crash does not interrupt."""

    def __init__(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        self.requests = {request.key: request for request in requests}
        self.are_servers_up: Callable[[], bool] = lambda: True
        self._on_completion = on_completion
        self._writes: set[asyncio.Future[None]] = set()

    async def on_completion(self, request: ModelRequest, completion: Completion) -> None:
        if completion.failure is not None and await self.has_server_crashed():
            return  # The crash made the request fail: it is sent again.
        write = asyncio.ensure_future(self._write(request, completion))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        await asyncio.shield(write)

    async def finish_writes(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def has_server_crashed(self) -> bool:
        """Return whether a server crashed; waits a moment, as the supervisor may notice it later than the client."""
        deadline = asyncio.get_running_loop().time() + CRASH_DETECTION_SECONDS
        while self.are_servers_up() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        return not self.are_servers_up()

    async def _write(self, request: ModelRequest, completion: Completion) -> None:
        await self._on_completion(request, completion)
        del self.requests[request.key]


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""The shards of an index at work in actors of a cluster.

What is added to a shard is also written to a temporary file in the run's folder. A shard that ends, with its node or
without, is made again on a node that is left: from this file, in the order in which its rows came.
"""

from __future__ import annotations

import pickle
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from textsynth.cluster.actor_watch import ActorWatch
from textsynth.cluster.connection import Cluster
from textsynth.cluster.placement import placement
from textsynth.cluster.worker import ShardWorker, as_error
from textsynth.core.errors import RunError
from textsynth.core.index_shards import MakeShard
from textsynth.models import WorkerNeeds

NEEDS = WorkerNeeds("node")
# The time limit of one answer, with the start of an actor.
ANSWER_SECONDS = 1800.0


class ClusterShards:
    """`count` shards of the index `name`, spread over the nodes; temporary files are in `folder`.

    `log` gets a line where a shard has ended. Used by one thread at a time; `close` may be called by another.
    """

    def __init__(
        self, cluster: Cluster, name: str, make: MakeShard, count: int, folder: Path, log: Callable[[str], None]
    ) -> None:
        """Start the shards. Raises ClusterError."""
        self._cluster = cluster
        self._make = make
        self._watch = ActorWatch(cluster, name, ANSWER_SECONDS, log)
        self._shards = [
            _Shard(number, f"{name}: shard {number + 1} of {count}", _AddedParts(folder)) for number in range(count)
        ]
        for shard in self._shards:
            self._start(shard)

    def __len__(self) -> int:
        return len(self._shards)

    def add(self, parts: Sequence[tuple[Any, ...] | None]) -> None:
        """Call `add` of each shard and do not wait for it. Raises RunError where the disk is full."""
        for shard, part in zip(self._shards, parts, strict=True):
            if part is not None:
                content = pickle.dumps(part, 5)
                shard.added.append(content)
                self._call(shard, "add", content)

    def ask(self, method: str, *arguments: object) -> list[Any]:
        """Return what this method of each shard returns, by number.

        Raises ClusterError where shards end again and again, and RunError for an error of a shard.
        """
        content = pickle.dumps((method, arguments), 5)
        for shard in self._shards:
            self._call(shard, "ask", content)
        return [self._answer(shard, content) for shard in self._shards]

    def close(self) -> None:
        """End the shards."""
        self._watch.close()
        for shard in self._shards:
            self._end(shard)

    def _call(self, shard: _Shard, method: str, content: bytes) -> None:
        """Send a call to a shard. One that has ended gets it once it is made again: see `_answer`."""
        if shard.actor is None:
            return
        try:
            shard.send(method, content)
        except self._cluster.errors as error:
            self._watch.note_end(shard.name, error)
            self._end(shard)

    def _answer(self, shard: _Shard, content: bytes) -> Any:  # noqa: ANN401 — whatever the shard returns
        """Return the result of the last call of a shard, which is `ask` with this content."""
        while True:
            try:
                if shard.actor is None:
                    self._make_again(shard)
                    shard.send("ask", content)
                answer = self._settle(shard)
            except self._cluster.errors as error:
                self._watch.note_end(shard.name, error)
                self._end(shard)
            else:
                self._watch.note_answer()
                return answer

    def _make_again(self, shard: _Shard) -> None:
        """Start a shard and add what was added to it. Raises the errors of Ray."""
        self._start(shard)
        for content in shard.added:
            self._settle(shard)
            shard.send("add", content)

    def _start(self, shard: _Shard) -> None:
        options = placement(NEEDS, shard.number, self._cluster.nodes())
        shard.actor = self._cluster.ray.remote(ShardWorker).options(enable_task_events=False, **options).remote()
        shard.send("open", pickle.dumps((self._make, shard.number, len(self._shards)), 5))

    def _settle(self, shard: _Shard) -> Any:  # noqa: ANN401
        """Wait for all calls of a shard; return the result of the last. Raises the errors of Ray and of calls."""
        deadline, result = self._watch.deadline(), None
        while shard.calls:
            self._watch.wait(shard.calls[:1], deadline)
            result, failure = pickle.loads(self._cluster.ray.get(shard.calls.pop(0)))
            if failure is not None:
                raise as_error(*failure)
        return result

    def _end(self, shard: _Shard) -> None:
        shard.calls = []
        if shard.actor is not None:
            self._cluster.ray.kill(shard.actor)
            shard.actor = None


class _Shard:
    """A shard as the run sees it: its actor while it is at work, its calls without a result, and what was added."""

    def __init__(self, number: int, name: str, added: _AddedParts) -> None:
        self.number = number
        self.name = name
        self.added = added
        self.actor: Any = None
        self.calls: list[Any] = []

    def send(self, method: str, content: bytes) -> None:
        """Call a method of the actor, which makes its calls one after the other."""
        self.calls.append(getattr(self.actor, method).remote(content))


class _AddedParts:
    """What was added to a shard, in order, in a temporary file without a name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._sizes = array("Q")

    def append(self, content: bytes) -> None:
        """Write a part. Raises RunError where the disk is full."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  open for as long as the shard
                weakref.finalize(self, self._file.close)
            self._file.seek(0, 2)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise RunError(f"{self._folder}: texts cannot be written: {error.strerror or error}") from error
        self._sizes.append(len(content))

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for size in self._sizes:
            assert self._file is not None
            self._file.seek(start)
            yield self._file.read(size)
            start += size

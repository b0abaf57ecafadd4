"""The embedder at work in actors of a cluster: the texts of one call are divided into the batches of the embedder.

A vector depends in its last digits on the texts that it is encoded with, so the batches are those that this process
would encode, whatever the number of workers. A worker that ends is started again, and its batch is encoded again.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.cluster.actor_watch import ActorWatch
from textsynth.cluster.connection import Cluster
from textsynth.cluster.package import environment_for, thread_variables
from textsynth.cluster.placement import count_workers, placement
from textsynth.cluster.worker import EncodingWorker, as_error
from textsynth.core.secrets import registered
from textsynth.models import WorkerNeeds
from textsynth.similarity.embedder import USED_BY, encoding_batches, require_embeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEEDS = WorkerNeeds("node")
# The time limit of one batch, with the start of a worker and the download of a model.
BATCH_SECONDS = 1800.0


class ClusterEncoder:
    """Encodes texts with the workers of a cluster, `workers` of them or one for each node.

    `model` is the name of the embedder; a folder must be on a file system that the nodes share. `log` gets a line where
    a worker has ended. Used by one thread at a time; `close` may be called by another.
    """

    def __init__(self, cluster: Cluster, model: str, workers: int | None, log: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._model = str(Path(model).resolve()) if Path(model).is_dir() else model
        self._workers = workers
        self._watch = ActorWatch(cluster, "embedder", BATCH_SECONDS, log)
        self._actors: list[Any] = []
        self._opening: dict[Any, int] = {}

    def load(self) -> None:
        """Start the workers, whose models load meanwhile. Raises MissingExtra, ClusterError."""
        if not self._actors:
            require_embeddings(USED_BY)
            count = count_workers(NEEDS, self._cluster.nodes(), self._workers)
            self._actors = [None] * count
            for number in range(count):
                self._start(number)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of n texts, float32 (n, dim), in order.

        Raises UsageError where the model cannot be loaded, ClusterError where workers end again and again.
        """
        import numpy as np

        self.load()
        batches = encoding_batches(texts)
        encoded = self._encode_batches([[texts[index] for index in batch] for batch in batches])
        vectors = np.empty((len(texts), encoded[0].shape[1]), np.float32)
        for batch, rows in zip(batches, encoded, strict=True):
            vectors[batch] = rows
        return vectors

    def close(self) -> None:
        """End the workers."""
        self._watch.close()
        for actor in self._actors:
            if actor is not None:
                self._cluster.ray.kill(actor)
        self._actors = []

    def _start(self, number: int) -> None:
        options = placement(NEEDS, number, self._cluster.nodes())
        actor = self._cluster.ray.remote(EncodingWorker).options(enable_task_events=False, **options).remote()
        content = pickle.dumps((self._model, environment_for(self._model), thread_variables(), registered()), 5)
        self._actors[number] = actor
        self._opening[actor.open.remote(content)] = number

    def _encode_batches(self, batches: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        queue = deque(range(len(batches)))
        encoded: dict[int, NDArray[np.float32]] = {}
        running: dict[Any, tuple[int, int]] = {}
        free = deque(number for number in range(len(self._actors)) if number not in self._opening.values())
        deadline = self._watch.deadline()
        while len(encoded) < len(batches):
            while queue and free:
                number, batch = free.popleft(), queue.popleft()
                running[self._actors[number].encode.remote(batches[batch])] = (number, batch)
            for reference in self._watch.wait([*self._opening, *running], deadline):
                number, batch = running.pop(reference, (self._opening.pop(reference, -1), -1))
                rows = self._result(reference, number, is_opening=batch < 0)
                if batch >= 0 and rows is None:
                    queue.appendleft(batch)
                elif batch >= 0 and rows is not None:
                    encoded[batch] = rows
                    deadline = self._watch.deadline()
                if number not in self._opening.values():
                    free.append(number)
        return [encoded[batch] for batch in range(len(batches))]

    def _result(self, reference: Any, number: int, *, is_opening: bool) -> NDArray[np.float32] | None:  # noqa: ANN401
        """Return the rows of a batch; None where the worker has opened, or has ended and is started again."""
        import numpy as np

        try:
            result = self._cluster.ray.get(reference)
        except self._cluster.errors as error:
            self._restart(number, error)
            return None
        rows, failure = (None, pickle.loads(result)) if is_opening else result
        if failure is not None:
            raise as_error(*failure)
        if rows is None:
            return None
        self._watch.note_answer()
        return np.array(rows)  # a copy: the array of Ray is in its object store

    def _restart(self, number: int, reason: Exception) -> None:
        self._watch.note_end(f"embedder: worker {number + 1} of {len(self._actors)}", reason)
        self._cluster.ray.kill(self._actors[number])
        self._start(number)

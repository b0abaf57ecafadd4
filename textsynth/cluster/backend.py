"""Where the models and the embedder of a run compute: in its own process, or in workers on a cluster.

Nothing else of a run changes: plan, keys, journal, filters and selection stay in its process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textsynth.core.errors import UsageError
from textsynth.models import Model, ModelOptions, ModelRuntime
from textsynth.similarity.embedder import Encoder

OpenModel = Callable[[str, ModelOptions, ModelRuntime], Model]
"""Opens the model with this name in the recipe."""


def open_here(name: str, options: ModelOptions, runtime: ModelRuntime) -> Model:
    """Open a model in this process."""
    return options.open(runtime)


@dataclass(frozen=True, slots=True)
class Backend:
    """What opens the models of a run, and what encodes its texts: None is this process."""

    open_model: OpenModel = open_here
    encoder: Encoder | None = None


def check_backend(on: str | None, workers: int | None) -> None:
    """Raise UsageError or MissingExtra for a cluster that cannot be used, without connecting to it."""
    if workers is not None and workers < 1:
        raise UsageError(f"workers is a whole number above 0, found {workers}")
    if on is None:
        if workers is not None:
            raise UsageError("workers are those of a cluster; name it with on, such as ray for Ray on this machine")
        return
    from textsynth.cluster.connection import check_address

    check_address(on)


@contextlib.contextmanager
def open_backend(on: str | None, workers: int | None, embedder: str, log: Callable[[str], None]) -> Iterator[Backend]:
    """Connect to the cluster `on`, where there is one, and end what is at work there when the block ends.

    `workers` is how many there are of each model whose number the recipe does not set, and of the embedder. Raises
    ClusterError where the cluster cannot be reached.
    """
    if on is None:
        yield Backend()
        return
    from textsynth.cluster.connection import connect
    from textsynth.cluster.embedding_pool import ClusterEncoder
    from textsynth.cluster.model_pool import ClusterModel

    with connect(on, cpus=workers or 0, log=log) as cluster:
        encoder = ClusterEncoder(cluster, embedder, workers, log)

        def open_model(name: str, options: ModelOptions, runtime: ModelRuntime) -> Model:
            return ClusterModel(cluster, name, options, runtime, workers)

        with contextlib.closing(encoder):
            yield Backend(open_model, encoder)

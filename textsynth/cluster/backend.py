"""Where the models and the embedder of a run compute: in its own process, or in workers on a cluster.

So do the indexes of accepted texts, where the command says how many shards they have. Nothing else of a run changes:
plan, keys, journal, filters and selection stay in its process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.core.index_shards import MakeShard, OpenShards, Shards
from textsynth.models import Model, ModelOptions, ModelRuntime
from textsynth.similarity.embedder import Encoder

OpenModel = Callable[[str, ModelOptions, ModelRuntime], Model]
"""Opens the model with this name in the recipe."""


def open_here(name: str, options: ModelOptions, runtime: ModelRuntime) -> Model:
    """Open a model in this process."""
    return options.open(runtime)


@dataclass(frozen=True, slots=True)
class Backend:
    """What opens the models of a run, encodes its texts and opens shards of its indexes: None is this process."""

    open_model: OpenModel = open_here
    encoder: Encoder | None = None
    open_shards: OpenShards | None = None


def check_backend(on: str | None, workers: int | None, index_shards: int | None) -> None:
    """Raise UsageError or MissingExtra for a cluster that cannot be used, without connecting to it."""
    for name, count in (("workers", workers), ("index_shards", index_shards)):
        if count is None:
            continue
        if count < 1:
            raise UsageError(f"{name} is a whole number above 0, found {count}")
        if on is None:
            raise UsageError(f"{name} are those of a cluster; name it with on, such as ray for Ray on this machine")
    if on is None:
        return
    from textsynth.cluster.connection import check_address

    check_address(on)


@contextlib.contextmanager
def open_backend(
    on: str | None,
    workers: int | None,
    index_shards: int | None,
    *,
    embedder: str,
    folder: Path,
    log: Callable[[str], None],
) -> Iterator[Backend]:
    """Connect to the cluster `on`, where there is one, and end what is at work there when the block ends.

    `workers` is how many there are of each model whose number the recipe does not set, and of the embedder;
    `index_shards` how many shards each index of accepted texts has on the cluster, None: it is in this process.
    `folder` is the run's. Raises ClusterError where the cluster cannot be reached.
    """
    if on is None:
        yield Backend()
        return
    from textsynth.cluster.connection import connect
    from textsynth.cluster.embedding_pool import ClusterEncoder
    from textsynth.cluster.index_pool import ClusterShards
    from textsynth.cluster.model_pool import ClusterModel

    with connect(on, cpus=workers or 0, log=log) as cluster, contextlib.ExitStack() as at_end:
        encoder = at_end.enter_context(contextlib.closing(ClusterEncoder(cluster, embedder, workers, log)))

        def open_model(name: str, options: ModelOptions, runtime: ModelRuntime) -> Model:
            return ClusterModel(cluster, name, options, runtime, workers)

        def open_shards(name: str, make: MakeShard) -> Shards:
            return at_end.enter_context(
                contextlib.closing(ClusterShards(cluster, name, make, index_shards or 1, folder, log))
            )

        yield Backend(open_model, encoder, None if index_shards is None else open_shards)

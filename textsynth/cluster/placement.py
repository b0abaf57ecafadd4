"""How many workers there are and on which nodes: GPUs are reserved, workers without one are spread over the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textsynth.cluster.connection import Node
from textsynth.core.errors import ClusterError
from textsynth.core.formatting import pluralize
from textsynth.models import WorkerNeeds

MAX_DEFAULT_WORKERS = 64
"""The most workers without a GPU where the command does not say how many."""


def count_workers(needs: WorkerNeeds, nodes: Sequence[Node], workers: int | None) -> int:
    """Return the number of workers: that of the recipe if it has one, else `workers`, else by nodes or CPUs."""
    if isinstance(needs.count, int) and (needs.is_fixed or workers is None):
        return needs.count
    if workers is not None:
        return workers
    usable = worker_nodes(nodes)
    count = len(usable) if needs.count == "node" else sum(int(node.cpus) for node in usable)
    return min(max(1, count), MAX_DEFAULT_WORKERS)


def check_gpus(name: str, needs: WorkerNeeds, count: int, nodes: Sequence[Node]) -> None:
    """Raise ClusterError where the nodes have fewer GPUs than the workers of the model `name` need."""
    if not needs.gpus:
        return
    servers = sum(int(node.gpus) // needs.gpus for node in nodes)
    if servers < count:
        gpus = int(sum(node.gpus for node in nodes))
        each = f"{pluralize(needs.gpus, 'GPU')}{' each' if count > 1 else ''}"
        raise ClusterError(
            f"models: {name}: {pluralize(count, 'server')} of {each} "
            f"{'needs' if count == 1 else 'need'} {pluralize(count * needs.gpus, 'GPU')}, but the cluster has"
            f" {gpus} on {pluralize(len(nodes), 'node')}, enough for {servers}; lower replicas or tensor-parallel-size"
        )


def worker_nodes(nodes: Sequence[Node]) -> Sequence[Node]:
    """Return the nodes for workers without a GPU: those with CPUs, which a head node may lack on purpose."""
    return [node for node in nodes if node.cpus >= 1] or nodes


def placement(needs: WorkerNeeds, number: int, nodes: Sequence[Node]) -> dict[str, Any]:
    """Return the options of Ray that place a worker; `number` counts them from 0.

    Workers reserve no CPU, as Ray's actors by default: several models and the embedder share those of a node. They
    reserve a byte of memory, as Ray starts what reserves nothing on a random node.
    """
    if needs.gpus:
        return {"num_cpus": 0, "num_gpus": needs.gpus, "scheduling_strategy": "SPREAD"}
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    usable = worker_nodes(nodes)
    node = usable[number % len(usable)]
    return {"num_cpus": 0, "memory": 1, "scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=True)}

from __future__ import annotations

import pytest

from textsynth.cluster.connection import Node
from textsynth.cluster.placement import MAX_DEFAULT_WORKERS, check_gpus, count_workers
from textsynth.core.errors import ClusterError
from textsynth.models import WorkerNeeds

HEAD, SMALL, LARGE = Node("h", "a", 0, 0), Node("s", "b", 4, 2), Node("l", "c", 16, 8)


@pytest.mark.parametrize(
    ("needs", "workers", "count"),
    [
        (WorkerNeeds("cpu"), None, 20),
        (WorkerNeeds("node"), None, 2),  # the head node has no CPU for workers
        (WorkerNeeds("node"), 5, 5),
        (WorkerNeeds(3, 1, is_fixed=True), 5, 3),  # the recipe says how many
        (WorkerNeeds(3), 5, 5),
        (WorkerNeeds(3), None, 3),
    ],
)
def test_workers_are_counted_by_recipe_command_nodes_and_cpus(
    needs: WorkerNeeds, workers: int | None, count: int
) -> None:
    assert count_workers(needs, [HEAD, SMALL, LARGE], workers) == count


def test_a_large_cluster_gets_a_bounded_number_of_workers_and_one_without_cpus_gets_one() -> None:
    assert count_workers(WorkerNeeds("cpu"), [Node("x", "x", 1000, 0)], None) == MAX_DEFAULT_WORKERS
    assert count_workers(WorkerNeeds("cpu"), [HEAD], None) == 1


def test_gpus_of_different_nodes_do_not_make_one_server() -> None:
    nodes = [Node("x", "x", 8, 3), Node("y", "y", 8, 3)]
    check_gpus("generator", WorkerNeeds(2, 2, is_fixed=True), 2, nodes)
    with pytest.raises(ClusterError) as error:
        check_gpus("generator", WorkerNeeds(3, 2, is_fixed=True), 3, nodes)
    assert str(error.value) == (
        "models: generator: 3 servers of 2 GPUs each need 6 GPUs, but the cluster has 6 on 2 nodes, enough for 2;"
        " lower replicas or tensor-parallel-size"
    )
    with pytest.raises(ClusterError, match=r"generator: 1 server of 4 GPUs needs 4 GPUs, but the cluster has 6 on"):
        check_gpus("generator", WorkerNeeds(1, 4, is_fixed=True), 1, nodes)

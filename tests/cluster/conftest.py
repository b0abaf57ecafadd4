"""One Ray cluster of two nodes on this machine for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Return a port of this machine that nothing uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[Any]:
    """A cluster of two nodes with a CPU each, to which this process is connected.

    `client_address` is that of its server for Ray clients.
    """
    if not os.environ.get("TEXTSYNTH_TEST_RAY"):
        pytest.skip("TEXTSYNTH_TEST_RAY=1 runs this on a Ray cluster, for which it takes half a minute")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'textsynth[ray]'")
    paths = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([paths] if paths else [])])
    folder = tempfile.mkdtemp(prefix="ts-", dir="/tmp")
    os.environ["RAY_TMPDIR"] = folder
    (Path(folder) / "ray").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        client_port = free_port()
        cluster = Cluster(initialize_head=True, head_node_args={**options, "ray_client_server_port": client_port})
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
    cluster.folder = Path(folder)
    cluster.client_address = f"ray://127.0.0.1:{client_port}"
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)

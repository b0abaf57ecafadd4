"""The connection to a Ray cluster: starts Ray on this machine or joins a cluster, and ends what it started.

Ray is imported here only, and only where a run is to use it. On this machine it starts without a dashboard and with a
temporary folder that is removed at the end. Usage statistics are off, and Ray's own log lines stay out of the terminal.

Does not catch: a cluster whose Ray or Python has another version is refused by Ray itself, with Ray's sentence.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.cluster.temporary_folder import temporary_folder
from textsynth.core.errors import ClusterError, UsageError, require_extra
from textsynth.core.formatting import pluralize

LOCAL = "ray"
"""The address that starts Ray on this machine, or joins the cluster that the variable RAY_ADDRESS names."""
ADDRESS_VARIABLE = "RAY_ADDRESS"
EXPECTED = "ray (this machine), HOST:PORT (from a node of the cluster) or ray://HOST:PORT (from anywhere)"
CONNECT_TIMEOUT_SECONDS = 10.0
# Models and vectors travel with the calls; Ray's object store keeps little. It must have at least 75 MB.
OBJECT_STORE_BYTES = 100_000_000
MAX_REASON = 300
# Paths of Ray's sockets are as long as its temporary folder and 80 characters, of 107 that Linux allows.
MAX_TEMPORARY_PATH = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster: its id and its address, and the CPUs and GPUs that Ray may use there in all."""

    id: str
    address: str
    cpus: float
    gpus: float


class Cluster:
    """A cluster in use: `ray` is the module, connected; `address` is that of the cluster, as the user wrote it.

    `errors` are those of Ray where an actor, a node or the cluster has ended.
    """

    def __init__(self, ray: Any, address: str) -> None:  # noqa: ANN401 — the module
        self.ray = ray
        self.address = address
        self.errors: tuple[type[Exception], ...] = (ray.exceptions.RayError, ConnectionError)

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive, in the order of their addresses. Raises ClusterError where Ray is gone."""
        try:
            nodes = self.ray.nodes()
        except self.errors as error:
            raise ClusterError(f"{_name(self.address)} has gone: {reason_of(error)}") from error
        alive = [
            Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                float(node["Resources"].get("CPU", 0)),
                float(node["Resources"].get("GPU", 0)),
            )
            for node in nodes
            if node["Alive"]
        ]
        return sorted(alive, key=lambda node: (node.address, node.id))

    def describe(self) -> str:
        """Return the size of the cluster: "2 nodes, 16 CPUs, 8 GPUs"."""
        nodes = self.nodes()
        parts = [pluralize(len(nodes), "node"), pluralize(int(sum(node.cpus for node in nodes)), "CPU")]
        gpus = int(sum(node.gpus for node in nodes))
        return ", ".join([*parts, *([pluralize(gpus, "GPU")] if gpus else [])])


def check_address(on: str) -> str:
    """Return the address to connect to, without connecting: "ray" for Ray on this machine, else one of a cluster.

    Raises MissingExtra where Ray is not installed, UsageError for anything that is no address.
    """
    where, address = "--on", on
    if on == LOCAL and (variable := os.environ.get(ADDRESS_VARIABLE, "").strip()):
        where, address = f"the environment variable {ADDRESS_VARIABLE}", variable
    if address != LOCAL and _host_and_port(address) is None:
        raise UsageError(f"{where} names no cluster, found {address!r}; expected {EXPECTED}")
    require_extra("ray", "ray", why=f"a run on a cluster (--on {on})")
    if address.startswith("ray://"):
        require_extra("ray", "grpc", why=f"a cluster at {address}")
    return address


@contextlib.contextmanager
def connect(
    on: str, *, cpus: int = 0, log: Callable[[str], None] = lambda _: None, object_store_bytes: int = OBJECT_STORE_BYTES
) -> Iterator[Cluster]:
    """Connect to the cluster `on` until the block ends; see `check_address` for what it may be.

    Ray on this machine gets the CPUs that Ray finds, at least `cpus`, and `object_store_bytes` of memory
    for objects. Where this process is connected to Ray already, as a notebook may be, it uses that connection.
    `log` gets one line with the size of the cluster. Raises the errors of `check_address`, and ClusterError where Ray
    does not start or the cluster cannot be reached.
    """
    address = check_address(on)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    with contextlib.ExitStack() as at_end:
        if not ray.is_initialized():
            options = _start_options(at_end, cpus, object_store_bytes) if address == LOCAL else _join_options(address)
            at_end.callback(ray.shutdown)  # also of what an interrupt or an error leaves half started
            _initialize(ray, address, options)
        cluster = Cluster(ray, address)
        log(f"{_name(address)}: {cluster.describe()}")
        yield cluster


def reason_of(error: BaseException) -> str:
    """Return what an error of Ray says in one line: its first lines, without the traceback of another process.

    Of a message with such a traceback these are what stands before it, and the error at its end.
    """
    before, traceback, _ = str(error).partition("Traceback (most recent call last)")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if traceback:
        lines = [before.strip(), lines[-1]]
    text = " ".join(lines[:3]) or type(error).__name__
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}…"


def _initialize(ray: Any, address: str, options: dict[str, Any]) -> None:  # noqa: ANN401 — the module
    in_main_thread = threading.current_thread() is threading.main_thread()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            **options, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR, namespace="textsynth"
        )
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:  # a ConnectionError is an OSError
        verb = "Ray cannot be started on this machine" if address == LOCAL else f"{_name(address)} cannot be joined"
        raise ClusterError(f"{verb}: {reason_of(error)}") from error
    finally:
        if in_main_thread:  # Ray ends the process at once; a run is to close what it has opened
            signal.signal(signal.SIGTERM, on_sigterm)


def _start_options(at_end: contextlib.ExitStack, cpus: int, object_store_bytes: int) -> dict[str, Any]:
    default = tempfile.gettempdir()
    parent = os.environ.get("RAY_TMPDIR") or (default if len(default) <= MAX_TEMPORARY_PATH else "/tmp")
    folder = at_end.enter_context(temporary_folder(Path(parent)))
    return {
        "address": "local",
        "num_cpus": max(os.cpu_count() or 1, cpus) if cpus else None,
        "include_dashboard": False,
        "object_store_memory": object_store_bytes,
        "_temp_dir": str(folder),
    }


def _join_options(address: str) -> dict[str, Any]:
    """Return the options that join a cluster. Raises ClusterError where nothing listens at the address."""
    host, port = _host_and_port(address) or ("", 0)
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ClusterError(
            f"{_name(address)} cannot be reached: {reason}; start it with `ray start --head`, or leave --on out"
        ) from error
    return {"address": address}


def _host_and_port(address: str) -> tuple[str, int] | None:
    match = re.fullmatch(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>\d{1,5})", address, re.ASCII)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        return None
    return match["host"].strip("[]"), int(match["port"])


def _name(address: str) -> str:
    return "Ray on this machine" if address == LOCAL else f"the Ray cluster at {address}"

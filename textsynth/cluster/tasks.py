"""Numbered tasks on a Ray cluster, run by Ray Data: each reads and writes files that all nodes see, and returns counts.

Ray Data starts as many tasks as there are CPUs, and starts a task again whose worker has died. What a task needs
travels as a pickle; components beside the recipe are loaded on the node before it is read.
"""

from __future__ import annotations

import functools
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from textsynth.cluster.connection import Cluster, reason_of
from textsynth.core.errors import ClusterError, RunError, TextSynthError, UsageError
from textsynth.core.registry import PLUGIN_PREFIX, load_plugin, locate_plugin_error


def run_on_cluster(
    cluster: Cluster, task: Callable[[int], dict[str, Any]], numbers: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Call `task` with each number on the cluster, and yield its results, which are JSON, in the order of the numbers.

    Raises UsageError or RunError, as the task does, for the first that fails, and ClusterError where Ray fails.
    """
    import ray.data

    content, plugins = pickle.dumps(task), tuple(_plugin_files())

    def perform(row: dict[str, Any]) -> dict[str, str]:
        return {"result": json.dumps(_perform(content, plugins, row["number"]))}

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    rows = ray.data.from_items([{"number": number} for number in numbers], override_num_blocks=max(1, len(numbers)))
    try:
        for row in rows.map(perform, num_cpus=1).iter_rows():
            yield _checked(json.loads(row["result"]))
    except ray.exceptions.RayError as error:
        raise ClusterError(f"a task on {cluster.address} failed: {reason_of(error)}") from error


def _checked(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a task; raise the error that it reports in its place."""
    if "error" in result:
        raise (UsageError if result["is_usage"] else RunError)(result["error"])
    return result


def _perform(content: bytes, plugins: tuple[str, ...], number: int) -> dict[str, Any]:
    """Return the result of a task, or the sentence of its error."""
    try:
        return _load(content, plugins)(number)
    except TextSynthError as error:
        return {"error": str(error), "is_usage": error.exit_code == UsageError.exit_code}
    except Exception as error:
        message = locate_plugin_error(error)
        if message is not None:
            return {"error": message, "is_usage": True}
        traceback.print_exc()  # Ray keeps it in the log of the worker
        return {"error": f"a task on the cluster failed: {type(error).__name__}: {error}", "is_usage": False}


@functools.lru_cache(maxsize=1)
def _load(content: bytes, plugins: tuple[str, ...]) -> Callable[[int], dict[str, Any]]:
    """Return the task; it is read once in each worker, so that a filter loads its model once."""
    for file in plugins:
        load_plugin(Path(file).name, Path(file).parent)
    task: Callable[[int], dict[str, Any]] = pickle.loads(content)
    return task


def _plugin_files() -> list[str]:
    """Return the files beside recipes that this process has loaded."""
    return [
        module.__file__
        for name, module in list(sys.modules.items())
        if name.startswith(PLUGIN_PREFIX) and module.__file__ is not None
    ]

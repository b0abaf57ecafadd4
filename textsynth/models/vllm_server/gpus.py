"""The GPUs of this machine, divided among the replicas of a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from textsynth.core.errors import ModelError
from textsynth.core.formatting import pluralize
from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.flags import FlagValue, normalize_name

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""The environment variable that names the GPUs a process uses: numbers or UUIDs, separated by commas."""
PARALLEL_SIZES = ("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size")
"""The flags of vLLM whose product is the number of GPUs of one server; each is 1 by default."""
QUERY_TIMEOUT_SECONDS = 30


def replica_variables(
    environment: VllmEnvironment, flags: Mapping[str, FlagValue], replicas: int
) -> Sequence[Mapping[str, str]]:
    """Return the environment variables of each replica, which give it GPUs of its own, in the order of the GPUs.

    They are empty for a single replica, which uses the GPUs as vLLM does, and for vLLM on the CPU. Raises ModelError
    where there are fewer GPUs than the replicas need.
    """
    if replicas == 1 or environment.is_cpu:
        return [{}] * replicas
    per_replica = gpus_per_server(flags)
    gpus, needed = visible_gpus(), replicas * per_replica
    if len(gpus) < needed:
        size = f" of {pluralize(per_replica, 'GPU')} each" if per_replica > 1 else ""
        reason = f"{VISIBLE_GPUS} names {len(gpus)}" if VISIBLE_GPUS in os.environ else f"nvidia-smi lists {len(gpus)}"
        raise ModelError(
            f"vllm: {replicas} replicas{size} need {pluralize(needed, 'GPU')}, but {reason}; lower replicas"
            + (f" or {PARALLEL_SIZES[0]}" if per_replica > 1 else "")
        )
    starts = range(0, needed, per_replica)
    return [{VISIBLE_GPUS: ",".join(gpus[start : start + per_replica])} for start in starts]


def gpus_per_server(flags: Mapping[str, FlagValue]) -> int:
    """Return how many GPUs one server with these flags uses; vLLM itself rejects a size that is no whole number."""
    sizes = {normalize_name(name): value for name, value in flags.items()}
    product = 1
    for name in PARALLEL_SIZES:
        with contextlib.suppress(ValueError):
            product *= max(1, int(str(sizes.get(name) or 1)))
    return product


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where there is no driver."""
    if VISIBLE_GPUS in os.environ:
        names = [name.strip() for name in os.environ[VISIBLE_GPUS].split(",")]
        end = next((index for index, name in enumerate(names) if name in ("", "-1")), len(names))
        return names[:end]  # CUDA ignores what follows an invalid name
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        result = subprocess.run(
            [tool, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=QUERY_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in result.stdout.splitlines() if line.strip().isdigit()]

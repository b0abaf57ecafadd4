"""Memory and threads of the process: keeps their use low between and during the stages of a run."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 20_000  # after which Python looks for unreachable ones


def limit_malloc_arenas() -> None:
    """Let Arrow, if it is not loaded yet, allocate from the heap that Python uses instead of a heap of its own.

    Memory that one of them has freed can then be used by the other. ARROW_DEFAULT_MEMORY_POOL, if set, is respected.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def limit_threads() -> None:
    """Let the threads of torch, if it is not loaded yet, sleep while they wait instead of spinning.

    Spinning costs several times the work itself as soon as filters and model, or another program, compete for the
    processors: 5.3 against 1.1 CPU seconds per decoding step, measured on two cores. OMP_WAIT_POLICY, if set, is
    respected.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Let Python look for unreachable objects after 20,000 new ones instead of 700, and restore that at the end.

    Rows stay in memory, so searching them again and again finds nothing: it took an eighth of the CPU time of a run on
    100,000 existing texts.
    """
    thresholds = gc.get_threshold()
    if thresholds[0]:  # 0: switched off
        gc.set_threshold(max(NEW_OBJECTS, thresholds[0]), *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def release_memory() -> None:
    """Collect garbage and return freed memory to the operating system.

    Arrow's pool for shared memory also trims the heap of the whole process, where the C library can (glibc).
    """
    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()

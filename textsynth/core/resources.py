"""Memory and threads of the process: keeps their use low between and during the stages of a run."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

COLLECTION_THRESHOLD = 200_000
"""New objects between two searches for garbage, in place of Python's 700: most objects live as long as their run."""


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
def rare_collections() -> Iterator[None]:
    """Let Python search for garbage rarely, and not among the objects that exist already, until the block ends.

    The modules and the records of a run are no garbage, but are searched again and again: a fifth of the CPU time of a
    row, and 0.3 s of a command's start. Objects without cycles are freed at once as always. Blocks may be nested, and
    objects that were frozen before stay frozen.
    """
    thresholds = gc.get_threshold()
    is_first = not gc.get_freeze_count()
    if thresholds[0]:  # 0: switched off
        gc.set_threshold(max(COLLECTION_THRESHOLD, thresholds[0]), *thresholds[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if is_first:
            gc.unfreeze()


def release_memory(*, cycles: bool = False) -> None:
    """Return freed memory to the operating system; with `cycles` also that of objects that refer to each other.

    Arrow's pool for shared memory also trims the heap of the whole process, where the C library can (glibc).
    """
    import pyarrow as pa

    if cycles:
        gc.collect()
    pa.default_memory_pool().release_unused()

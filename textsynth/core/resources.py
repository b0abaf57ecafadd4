"""Room: what a step of a run has freed goes back to the system, so that the next one's memory does not come on top."""

from __future__ import annotations

import gc
import os


def limit_malloc_arenas() -> None:
    """Let Arrow, if it is not loaded yet, take its memory from where Python does, instead of keeping a heap of its own.

    What one of them has freed is then the other's to use. The user's own ARROW_DEFAULT_MEMORY_POOL stays.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def limit_threads() -> None:
    """Let threads of torch, if it is not loaded yet, sleep while they wait instead of spinning.

    Spinning costs several times the work itself as soon as the checks and the model, or another program, want the
    processors at once: 5.3 against 1.1 CPU s a decoding step, measured on two cores. The user's own OMP_WAIT_POLICY
    stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def release_memory() -> None:
    """Collect what nobody needs any more, and hand freed memory back to the system, as far as Arrow shares it.

    Arrow's pool for shared memory trims the heap of the whole process, where the C library can (glibc).
    """
    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()

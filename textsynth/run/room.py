"""Room: what a step of a run has freed goes back to the system, so that the next one's memory does not come on top."""

from __future__ import annotations

import gc
import os


def share_memory() -> None:
    """Let Arrow, if it is not loaded yet, take its memory from where Python does, instead of keeping a heap of its own.

    What one of them has freed is then the other's to use. The user's own ARROW_DEFAULT_MEMORY_POOL stays.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def make_room() -> None:
    """Collect what nobody needs any more, and hand freed memory back to the system, as far as Arrow shares it.

    Arrow's pool for shared memory trims the heap of the whole process, where the C library can (glibc).
    """
    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()

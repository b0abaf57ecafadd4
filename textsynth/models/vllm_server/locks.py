"""File locks that the operating system releases when the holding process ends, even after `kill -9`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_SECONDS = 0.05


def open_lock(path: Path) -> int:
    """Return a file descriptor of the lock file, created if missing; child processes do not inherit it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def acquire_lock(descriptor: int, *, shared: bool = False, timeout: float = 0.0) -> bool:
    """Acquire the lock, shared or exclusive, within `timeout` seconds; return whether it was acquired."""
    deadline = time.monotonic() + timeout
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True


def is_free(path: Path) -> bool:
    """Return whether no process holds the lock on the file."""
    descriptor = open_lock(path)
    try:
        return acquire_lock(descriptor)
    finally:
        os.close(descriptor)


def release_lock(descriptor: int) -> None:
    """Release the lock; the descriptor stays open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def exclusive_lock(path: Path, log: Callable[[str], None], busy_message: str) -> Iterator[None]:
    """Hold an exclusive lock on the file during the block; log `busy_message` once if another process holds it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(busy_message)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

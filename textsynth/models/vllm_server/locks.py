"""Locks on files that the system takes back when their holder ends, also by `kill -9`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

EVERY_SECONDS = 0.05


def open_lock(path: Path) -> int:
    """Return a descriptor of the file, made where it is missing; no child of this process inherits it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def acquire_lock(descriptor: int, *, shared: bool = False, timeout: float = 0.0) -> bool:
    """Take the lock, shared or alone, waiting at most `seconds`; return whether it was got."""
    end = time.monotonic() + timeout
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(EVERY_SECONDS)
        else:
            return True


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock on the file."""
    descriptor = open_lock(path)
    try:
        return acquire_lock(descriptor)
    finally:
        os.close(descriptor)


def release_lock(descriptor: int) -> None:
    """Let go of the lock; the descriptor stays open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def exclusive_lock(lock: Path, say: Callable[[str], None], busy: str) -> Iterator[None]:
    """Hold the lock on the file for as long as the block takes; says `busy` once where another process has it."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(busy)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield

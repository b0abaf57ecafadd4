"""Appends lines to a file that several programs may append to: under a lock, all or nothing, and durably."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from textsynth.store.atomic import OWNER_ONLY_FILE


def append_to_file(path: Path, content: bytes, prepare_end: Callable[[int], int]) -> None:
    """Append `content` to a file, which is created for its owner only; no symbolic link is followed.

    `prepare_end` gets the descriptor of the locked file, makes its content end where a new line may begin, and returns
    its size; the file is cut back to it where writing fails. Raises OSError.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, OWNER_ONLY_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = prepare_end(descriptor)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(path.parent)


def size_if_line_ended(descriptor: int) -> int | None:
    """Return the size of a file that is empty or ends with a line break; None for one with an unfinished last line."""
    size = os.fstat(descriptor).st_size
    return size if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The temporary folder of Ray on this machine: removed at the end, or by the next run where its own was killed.

Ray's processes end with the process that started them, which holds a lock on a file in the folder until it ends, in
whatever way. A folder whose lock is free is one that a killed process left.

Does not catch: folders of earlier versions of TextSynth, which have no such file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from textsynth.models.vllm_server.locks import acquire_lock, is_free, open_lock

PREFIX = "textsynth-ray-"
LOCK = "textsynth.lock"


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Create a folder in `parent`, and remove it when the block ends; before, remove those of killed processes."""
    for abandoned in abandoned_folders(parent):
        shutil.rmtree(abandoned, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    # The lock is held before the file has its name: a file of this name that is not locked is a killed process's.
    unnamed = folder / f"{LOCK}.new"
    lock = open_lock(unnamed)
    try:
        acquire_lock(lock)
        unnamed.rename(folder / LOCK)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def abandoned_folders(parent: Path) -> list[Path]:
    """Return the folders that killed processes of this user left: with our lock file, which no process holds.

    A folder in which Ray still answers is none of them.
    """
    return sorted(folder for folder in parent.glob(f"{PREFIX}*") if _is_abandoned(folder))


def _is_abandoned(folder: Path) -> bool:
    try:
        is_ours = all(
            is_type(status.st_mode) and status.st_uid == os.getuid()
            for status, is_type in (
                (folder.lstat(), stat.S_ISDIR),
                ((folder / LOCK).lstat(), stat.S_ISREG),
            )
        )
        return is_ours and is_free(folder / LOCK) and not any(map(_answers, folder.glob("session_*/sockets/*")))
    except OSError:  # there is no such file, or the folder has just been removed
        return False


def _answers(path: Path) -> bool:
    """Whether a process listens at a socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True

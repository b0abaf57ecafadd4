"""What a killed process leaves is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from textsynth.cluster.temporary_folder import LOCK, PREFIX, abandoned_folders, temporary_folder

HOLDS = """
import sys, time
from pathlib import Path
from textsynth.cluster.temporary_folder import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "session").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder with a path that is short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="ts-", dir="/tmp") as folder:
        yield Path(folder)


def killed_folder(parent: Path) -> Path:
    """Return the folder of a process that was killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        folder = Path(process.stdout.readline().decode().strip() if process.stdout else "")
        assert abandoned_folders(parent) == []  # it is at work
        process.send_signal(signal.SIGKILL)
    return folder


def test_a_folder_is_removed_at_the_end_and_that_of_a_killed_process_by_the_next_one(parent: Path) -> None:
    left = killed_folder(parent)
    assert (left / "session").is_dir()
    assert abandoned_folders(parent) == [left]
    with temporary_folder(parent) as folder, temporary_folder(parent) as other:
        assert sorted(parent.iterdir()) == sorted([folder, other])
    assert list(parent.iterdir()) == []


def test_what_is_not_ours_or_in_use_stays(parent: Path) -> None:
    left = killed_folder(parent)
    (parent / f"{PREFIX}without-lock").mkdir()
    (parent / f"{PREFIX}file").write_text("")
    (parent / f"{PREFIX}link").symlink_to(left)
    (parent / f"{PREFIX}link-as-lock").mkdir()
    (parent / f"{PREFIX}link-as-lock" / LOCK).symlink_to(left / LOCK)
    (parent / "another").mkdir()
    (parent / "another" / LOCK).write_text("")
    names = sorted(parent.iterdir())
    sockets = left / "session_1" / "sockets"
    sockets.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as raylet:
        raylet.bind(str(sockets / "raylet"))
        raylet.listen()
        with temporary_folder(parent):
            pass
        assert sorted(parent.iterdir()) == names
    with temporary_folder(parent):
        pass
    assert sorted(parent.iterdir()) == [name for name in names if name != left]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a file to another user")
def test_a_folder_of_another_user_stays(parent: Path) -> None:
    left = killed_folder(parent)
    os.chown(left, 12345, 12345)
    assert abandoned_folders(parent) == []

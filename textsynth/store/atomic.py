"""Writes files atomically: a reader sees the old content or the new one, never a part of it, also after a crash."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from textsynth.core.errors import RunError, write_error_reason

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_FOLDER = 0o700
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_numbers = itertools.count()


@contextmanager
def open_atomic(path: Path, *, error: str | None = None, mode: int = 0o666) -> Iterator[TextIO]:
    """Open a text file (UTF-8) for writing; it replaces the file at `path` when the block ends without an exception.

    The content goes to a temporary file beside `path`, which is on disk before it is renamed, and is removed where
    anything fails. Half a surrogate pair becomes `?`. `mode` are the permissions, before the umask. An OSError is
    raised as a RunError, `PATH: ERROR: reason`, where `error` says what failed ("the report cannot be written").
    """
    with (
        _open_temporary(path, error, mode) as descriptor,
        open(descriptor, "w", encoding="utf-8", errors="replace", newline="\n", closefd=False) as file,
    ):
        yield file


def write_bytes_atomic(
    path: Path,
    content: bytes,
    *,
    error: str | None = None,
    mode: int = OWNER_ONLY_FILE,
    temporary: Path | None = None,
) -> None:
    """Write a file, by default readable by its owner only; see `open_atomic`.

    `temporary` is the path of the temporary file, which must not exist, in place of one beside `path`.
    """
    with _open_temporary(path, error, mode, temporary) as descriptor:
        file: BinaryIO
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)


def write_text_atomic(path: Path, text: str, *, error: str | None = None, mode: int = 0o666) -> None:
    """Write a text file; see `open_atomic`."""
    with open_atomic(path, error=error, mode=mode) as file:
        file.write(text)


def write_json(
    path: Path, value: object, *, indent: int | None = None, error: str | None = None, mode: int = 0o666
) -> None:
    """Write a value as JSON with a newline at its end; see `open_atomic`."""
    write_text_atomic(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n", error=error, mode=mode)


@contextmanager
def _open_temporary(path: Path, error: str | None, mode: int, temporary: Path | None = None) -> Iterator[int]:
    """Yield the descriptor of a new file beside `path`, which replaces it when the block ends without an exception."""
    try:
        if temporary is None:
            temporary, descriptor = _create_temporary(path, mode)
        else:
            descriptor = os.open(temporary, NEW_FILE, mode)
        try:
            try:
                yield descriptor
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # there only where something failed
    except OSError as fault:
        if error is None:
            raise
        raise RunError(f"{path}: {error}: {write_error_reason(fault)}") from fault


def _create_temporary(path: Path, mode: int) -> tuple[Path, int]:
    """Create a file beside `path` under a name that no file has, whoever left one there."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}")
        try:
            return temporary, os.open(temporary, NEW_FILE, mode)
        except FileExistsError:
            continue

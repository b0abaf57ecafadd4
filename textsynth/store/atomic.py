"""Writes files atomically: a reader sees the old content or the new one, never a part of it, also after a crash."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from textsynth.core.errors import RunError

_numbers = itertools.count()


@contextmanager
def open_atomic(path: Path, *, error: str | None = None, mode: int = 0o666) -> Iterator[TextIO]:
    """Open a text file (UTF-8) for writing; it replaces the file at `path` when the block ends without an exception.

    The content goes to a temporary file beside `path`, which is on disk before it is renamed, and is removed where
    anything fails. Half a surrogate pair becomes `?`. `mode` are the permissions, before the umask. An OSError is
    raised as a RunError, `PATH: ERROR: reason`, where `error` says what failed ("the report cannot be written").
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            with open(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:  # noqa: PTH123
                yield file
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # there only where something failed
    except OSError as os_error:
        if error is None:
            raise
        raise RunError(f"{path}: {error}: {os_error.strerror or os_error}") from os_error


def write_text_atomic(path: Path, text: str, *, error: str | None = None, mode: int = 0o666) -> None:
    """Write a text file; see `open_atomic`."""
    with open_atomic(path, error=error, mode=mode) as file:
        file.write(text)


def write_json(
    path: Path, value: object, *, indent: int | None = None, error: str | None = None, mode: int = 0o666
) -> None:
    """Write a value as JSON with a newline at its end; see `open_atomic`."""
    write_text_atomic(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n", error=error, mode=mode)

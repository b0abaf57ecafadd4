"""stdout and stderr that are full or gone: a message is lost and the run goes on, a result that is lost is an error."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, NoReturn, TextIO, cast

from textsynth.core.errors import RunError


class _StreamWithErrors:
    """A text stream that gives an error of the system, when it writes, to `handle`; all else is that of `stream`."""

    def __init__(self, stream: TextIO, handle: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._handle = handle

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._handle(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._handle(error)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


def message_stream(stream: TextIO) -> TextIO:
    """Return `stream` for messages and progress: what cannot be written is lost, as no run must fail for it."""
    return cast(TextIO, _StreamWithErrors(stream, lambda _: None))


def result_stream(stream: TextIO) -> TextIO:
    """Return `stream` for results: RunError says that stdout cannot be written.

    Where its reader has closed it, as `head` does, the BrokenPipeError stays.
    """
    return cast(TextIO, _StreamWithErrors(stream, _raise_run_error))


def _raise_run_error(error: OSError) -> NoReturn:
    if error.errno == errno.EPIPE:
        raise error
    raise RunError(f"stdout cannot be written: {error.strerror}; send it to a file or pipe that has space") from error

"""The last net of the command line: an error that nobody foresaw is one sentence, and its traceback a log file."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from pathlib import Path

from textsynth.core.errors import write_error_reason
from textsynth.core.paths import cache_folder
from textsynth.core.secrets import redact_message
from textsynth.core.version import __version__

TRACEBACK_VARIABLE = "TEXTSYNTH_TRACEBACK"
"""The environment variable that shows the traceback in the terminal too."""
MAX_REASON = 200
REMOVED_FOLDER = "the current folder was removed, so change to another one (cd)"


def is_folder_removed() -> bool:
    """Whether the current folder is one that was removed, in which no relative path leads to a file."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def describe_crash(error: BaseException) -> str:
    """Return one sentence about an error of ours or of the system, and write its traceback to a log file.

    With the environment variable TEXTSYNTH_TRACEBACK the traceback comes before the sentence.
    """
    details = redact_message("".join(traceback.format_exception(error)))
    log = _write_log(details)
    where = f"the details are in {log}" if log else f"{TRACEBACK_VARIABLE}=1 shows the details"
    lines = str(error).strip().splitlines()
    reason = redact_message(f"{type(error).__name__}{f': {lines[0][:MAX_REASON]}' if lines else ''}")
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename is not None else ""
        sentence = f"{place}the command failed: {write_error_reason(error)}; {where}"
    elif isinstance(error, MemoryError):
        sentence = f"the command failed: there is not enough memory; {where}"
    else:
        sentence = f"the command failed, which is a bug in TextSynth ({reason}); please report it: {where}"
    return f"{details}{sentence}" if os.environ.get(TRACEBACK_VARIABLE) else sentence


def _write_log(details: str) -> Path | None:
    """Write a new log file that only its owner can read; return its path, None where no folder can be written."""
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for folder in (cache_folder() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(f"textsynth {__version__}\n{details}")
        except OSError:
            continue
        return folder / name
    return None

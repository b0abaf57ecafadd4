"""Reads a server's log: the stage of a start, and the one line that says why it failed.

A traceback of vLLM spans three processes and a hundred lines, and its last line is usually the least informative one
("Engine core initialization failed. See root cause above"). Not every error is recognized: then the last line that is
not a progress message is returned, and the log file has the details.
"""

from __future__ import annotations

import re
from pathlib import Path

MAX_LENGTH = 400
TAIL_BYTES = 200_000

# (EngineCore pid=123) ERROR 11-25 18:35:45 [core.py:402] the message
_PREFIX = re.compile(
    r"^(?:\([^()]*pid=\d+\) ?)*(?:(?P<level>INFO|DEBUG|WARNING|ERROR|CRITICAL) [\d:, -]+\[[^\]]*\] ?)?"
)
_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?(?P<name>[A-Z]\w*(?:Error|Exception|Failure|Interrupt|NotFound|Exceeded)): +"
    r"(?P<message>\S.*)"
)
_USAGE_ERROR = re.compile(r"^[\w.-]+(?: [\w.-]+)?: error: (?P<message>.+)")
_VALIDATION_ERROR = re.compile(r"^ +(?:Value|Assertion|Type) ?error, (?P<message>.+?)(?: \[type=.*)?$", re.IGNORECASE)
_PIP_ERROR = re.compile(r"^ERROR: (?P<message>.+)")
_PORT_IN_USE = re.compile(r"address already in use", re.IGNORECASE)
# Errors that only follow from the cause, which an earlier line states.
_CONSEQUENCE = re.compile(
    r"engine core initialization failed|see root cause above|engine core proc|WorkerProc (initialization )?failed"
    r"|EngineDeadError|validation errors? for|EngineCore encountered an issue|process (died|exited)",
    re.IGNORECASE,
)
_STAGES = (
    (re.compile(r"(?:Downloading|Fetching).*?(\d+)%"), "downloading the model, {}%"),
    (re.compile(r"Loading safetensors checkpoint shards: +(\d+)%"), "loading the weights, {}%"),
    (re.compile(r"Loading weights took"), "the weights are loaded"),
    (re.compile(r"Starting to load model"), "loading the model"),
    (re.compile(r"torch\.compile takes|Compiling a graph|Dynamo bytecode"), "compiling"),
    (re.compile(r"Capturing CUDA graphs?.*?(\d+)%"), "capturing CUDA graphs, {}%"),
    (re.compile(r"KV cache size"), "the KV cache is allocated"),
    (re.compile(r"Starting vLLM (?:API )?server|Application startup"), "starting the HTTP server"),
)


def tail(path: Path, start: int = 0) -> str:
    """Return the end of a log from byte `start` on, at most 200,000 bytes; "" where it cannot be read."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(start, size - TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def find_error(text: str) -> str:
    """Return the last error in a log that is not a consequence of another one, in one line; "" if there is none."""
    lines = [_PREFIX.sub("", line).rstrip() for line in text.splitlines()]
    if any(_PORT_IN_USE.search(line) for line in lines):
        return "the port is taken: address already in use"
    errors = [message for line in lines if (message := _error_message(line)) and not _CONSEQUENCE.search(message)]
    # An exception that is converted into another one is logged again later, in clearer words.
    return errors[-1][:MAX_LENGTH] if errors else ""


def failure_reason(text: str) -> str:
    """Return the result of `find_error`, else the last line that is not an INFO or DEBUG message; "" for none."""
    error = find_error(text)
    if error:
        return error
    lines = [line.strip() for line in text.splitlines() if line.strip() and _level(line) not in ("INFO", "DEBUG")]
    return _PREFIX.sub("", lines[-1]).strip()[:MAX_LENGTH] if lines else ""


def startup_stage(text: str) -> str:
    """Return the stage of a start in a few words; "" where the log has no known message."""
    for line in reversed(text.splitlines()):
        for pattern, stage in _STAGES:
            match = pattern.search(line)
            if match is not None:
                return stage.format(*match.groups())
    return ""


def _error_message(line: str) -> str:
    for pattern in (_VALIDATION_ERROR, _USAGE_ERROR, _PIP_ERROR):
        match = pattern.match(line)
        if match is not None:
            return match["message"].strip()
    match = _EXCEPTION.match(line)
    return "" if match is None else f"{match['name']}: {match['message'].strip()}"


def _level(line: str) -> str:
    match = _PREFIX.match(line)
    return (match["level"] or "") if match is not None else ""

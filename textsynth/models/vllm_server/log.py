"""What a server's log says: how far the start is, and the one line that tells why it failed.

A traceback of vLLM runs over three processes and a hundred lines, and its last line is mostly the least telling one
("Engine core initialization failed. See root cause above"). Does not understand every fault: then the last line that
is no progress report is told, and the log itself has the rest.
"""

from __future__ import annotations

import re
from pathlib import Path

MAX_LENGTH = 400
TAIL_BYTES = 200_000

# (EngineCore pid=123) ERROR 11-25 18:35:45 [core.py:402] what is said
_HEAD = re.compile(r"^(?:\([^()]*pid=\d+\) ?)*(?:(?P<level>INFO|DEBUG|WARNING|ERROR|CRITICAL) [\d:, -]+\[[^\]]*\] ?)?")
_FAULT = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?(?P<name>[A-Z]\w*(?:Error|Exception|Failure|Interrupt|NotFound|Exceeded)): +(?P<said>\S.*)"
)
_USAGE = re.compile(r"^[\w.-]+(?: [\w.-]+)?: error: (?P<said>.+)")
_VALUE = re.compile(r"^ +(?:Value|Assertion|Type) ?error, (?P<said>.+?)(?: \[type=.*)?$", re.IGNORECASE)
_PIP = re.compile(r"^ERROR: (?P<said>.+)")
_PORT = re.compile(r"address already in use", re.IGNORECASE)
# said after the cause, about the same fault
_AFTERWARDS = re.compile(
    r"engine core initialization failed|see root cause above|engine core proc|WorkerProc (initialization )?failed"
    r"|EngineDeadError|validation errors? for|EngineCore encountered an issue|process (died|exited)",
    re.IGNORECASE,
)
_STAGES = (
    (re.compile(r"(?:Downloading|Fetching).*?(\d+)%"), "getting the model, {}%"),
    (re.compile(r"Loading safetensors checkpoint shards: +(\d+)%"), "loading the weights, {}%"),
    (re.compile(r"Loading weights took"), "the weights are loaded"),
    (re.compile(r"Starting to load model"), "loading the model"),
    (re.compile(r"torch\.compile takes|Compiling a graph|Dynamo bytecode"), "compiling"),
    (re.compile(r"Capturing CUDA graphs?.*?(\d+)%"), "capturing CUDA graphs, {}%"),
    (re.compile(r"KV cache size"), "the cache is laid out"),
    (re.compile(r"Starting vLLM (?:API )?server|Application startup"), "opening the door"),
)


def tail(path: Path, start: int = 0) -> str:
    """Return the end of a log, at most 200,000 bytes, and nothing of what stands before byte `start`."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(start, size - TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def find_error(text: str) -> str:
    """Return the last error that a log tells, in one line, less those that only follow from another; "" for none."""
    bare = [_HEAD.sub("", line).rstrip() for line in text.splitlines()]
    if any(_PORT.search(line) for line in bare):
        return "the port is taken: address already in use"
    told = [said for line in bare if (said := _told(line)) and not _AFTERWARDS.search(said)]
    # an error that is turned into another one is told once more, later and more plainly
    return told[-1][:MAX_LENGTH] if told else ""


def failure_reason(text: str) -> str:
    """Return `fault_of`, else the last line that is no report of progress, without what loggers put before it."""
    fault = find_error(text)
    if fault:
        return fault
    rest = [line.strip() for line in text.splitlines() if line.strip() and _level(line) not in ("INFO", "DEBUG")]
    return _HEAD.sub("", rest[-1]).strip()[:MAX_LENGTH] if rest else ""


def startup_stage(text: str) -> str:
    """Return how far a start is, in a few words; "" while the log tells nothing that is known."""
    for line in reversed(text.splitlines()):
        for pattern, words in _STAGES:
            found = pattern.search(line)
            if found is not None:
                return words.format(*found.groups())
    return ""


def _told(line: str) -> str:
    for pattern in (_VALUE, _USAGE, _PIP):
        found = pattern.match(line)
        if found is not None:
            return found["said"].strip()
    found = _FAULT.match(line)
    return "" if found is None else f"{found['name']}: {found['said'].strip()}"


def _level(line: str) -> str:
    found = _HEAD.match(line)
    return (found["level"] or "") if found is not None else ""

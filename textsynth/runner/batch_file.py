"""Batch files: requests that the journal cannot answer are collected instead of sent, and answers come from a file.

Two windows are in flight, so the collected requests are all that a run can send before it gets an answer. Models in
this process answer as usual.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TextIO, cast

from textsynth.core.errors import ModelError, RunError, UsageError, write_error_reason
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import ModelOptions
from textsynth.models.openai.batch_format import is_rejection, parse_reply_line
from textsynth.store.atomic import OWNER_ONLY_FILE, open_atomic

# From this many rejections on, without any other answer, the whole batch counts as rejected.
MIN_REJECTIONS = 5
MAX_ERROR_LENGTH = 80


class MissingAnswers(Exception):
    """Answers are missing; their requests have been collected."""


class BatchFile:
    """The answers of a batch file, and the requests that still lack one. `models` are by their names in the recipe.

    `taken` are the keys of answers that were added to the journal, `missing` the requests without an answer, each with
    its model's name, in plan order. `unreadable` counts the lines that hold no answer (cut off, or no JSON), `errors`
    the replies that are worth another request, by their message. Raises UsageError when the file cannot be read.
    """

    def __init__(self, models: Mapping[str, ModelOptions], answers: Path | None = None) -> None:
        self._models = models
        self._replies: dict[str, Mapping[str, object]] = {}
        self._has_cut_off_line = False
        self._rejections: list[str] = []
        self.unreadable = 0
        self.errors: Counter[str] = Counter()
        self.taken: set[str] = set()
        self.missing: list[tuple[str, ModelRequest]] = []
        if answers is not None:
            self._read(answers)

    @property
    def keys(self) -> list[str]:
        """The keys of all replies in the file."""
        return list(self._replies)

    def supports(self, name: str, request: ModelRequest) -> bool:
        """Whether the model is asked by batch; a model in this process is not."""
        return self._models[name].batch_line(request) is not None

    def take(self, name: str, requests: Sequence[ModelRequest]) -> dict[str, Completion]:
        """Return the answers that the file has, by key; the other requests are added to `missing`.

        Raises ModelError when the file holds nothing but rejections, as something is wrong with all requests then.
        """
        answers: dict[str, Completion] = {}
        for request in requests:
            reply = self._replies.get(request.key)
            parsed = None if reply is None else parse_reply_line(reply, request, name)
            if isinstance(parsed, Completion):
                answers[request.key] = parsed
            else:
                self.missing.append((name, request))
                self.errors.update([] if parsed is None else [parsed[:MAX_ERROR_LENGTH]])
        self._rejections += [completion.failure or "" for completion in answers.values() if is_rejection(completion)]
        self.taken.update(answers)
        if len(self._rejections) == len(self.taken) >= MIN_REJECTIONS:
            raise ModelError(
                f"each of the {len(self._rejections)} answers of the batch is a rejection ({self._rejections[0]});"
                " change or leave out parameters with the model's extra_body and server"
            )
        return answers

    def write(self, file: TextIO) -> None:
        """Write the missing requests as JSON lines, in plan order."""
        for name, request in self.missing:
            file.write(json.dumps(self._models[name].batch_line(request), ensure_ascii=False) + "\n")

    def write_to(self, path: Path) -> None:
        """Write the missing requests atomically; a pipe or a device is written to directly.

        Raises RunError when the file cannot be written.
        """
        if not path.exists() or path.is_file():
            with open_atomic(path, error="the requests cannot be written", mode=OWNER_ONLY_FILE) as file:
                self.write(file)
            return
        try:
            with path.open("w", encoding="utf-8", errors="replace") as file:
                self.write(file)
        except OSError as error:
            raise RunError(f"{path}: the requests cannot be written: {write_error_reason(error)}") from error

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                start = file.peek(4)[:4]
                is_gzip = start.startswith(b"\x1f\x8b")
                content = cast("IO[bytes]", gzip.GzipFile(fileobj=file) if is_gzip else file)
                encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
                with io.TextIOWrapper(content, encoding=encoding, errors="replace") as lines:
                    for line in lines:
                        self._read_line(line)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f"{path}: not a complete gzip file ({error}); fetch it again") from error
        except OSError as error:
            raise UsageError(f"{path}: the answers cannot be read: {error.strerror}") from error
        if self.unreadable and not self._replies and not self._has_cut_off_line:
            raise UsageError(
                f"{path}: none of its {self.unreadable} lines is an answer of a batch:"
                ' {"custom_id": …, "response": …}'
            )

    def _read_line(self, line: str) -> None:
        if not line.strip():
            return
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if isinstance(reply, list) and reply and all(isinstance(each, dict) for each in reply):
            for each in reply:
                self._add(each, line)
        else:
            self._add(reply, line)

    def _add(self, reply: Any, line: str) -> None:  # noqa: ANN401
        """Add the reply that a line has, a part of its list or all of it; anything else counts as unreadable."""
        key = reply.get("custom_id") if isinstance(reply, dict) else None
        if isinstance(key, str) and ("response" in reply or "error" in reply):
            # Of two replies to one request the one with a response counts, else the first.
            if key not in self._replies or not self._replies[key].get("response"):
                self._replies[key] = reply
        else:
            self.unreadable += 1
            self._has_cut_off_line |= '"custom_id"' in line

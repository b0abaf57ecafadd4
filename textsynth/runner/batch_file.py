"""A batch: requests that the journal lacks are collected instead of sent, and answers come from a file.

Two windows are in flight, so what is collected is all that a run can ask for before it knows more. Models that answer
in this process are asked as always.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from textsynth.core.errors import ModelError, RunError, UsageError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import ModelOptions
from textsynth.models.openai.batch_format import parse_reply_line
from textsynth.store.atomic import open_atomic

ALL_REFUSED = 5
ERRORS_SHOWN = 80


class MissingAnswers(Exception):
    """Answers are missing, and what is missing has been collected."""


class BatchFile:
    """What a file of answers holds, and what is still missing. `models` are by their names in the recipe.

    `taken` are the ids of answers that went into the journal, `unread` how many lines are none (cut off, or no JSON),
    `errors` how many replies are worth asking again, by what they say; `waiting` are model and request, in plan order.
    Raises UsageError when the file cannot be read.
    """

    def __init__(self, models: Mapping[str, ModelOptions], answers: Path | None = None) -> None:
        self._models = models
        self._replies: dict[str, Mapping[str, object]] = {}
        self.unread = 0
        self._cut_off = False
        self.errors: Counter[str] = Counter()
        self.taken: set[str] = set()
        self.waiting: list[tuple[str, ModelRequest]] = []
        self._refused: list[str] = []
        if answers is not None:
            self._read(answers)

    @property
    def ids(self) -> list[str]:
        """The ids of all replies in the file."""
        return list(self._replies)

    def carries(self, name: str, request: ModelRequest) -> bool:
        """Whether a batch asks this model; one that answers in this process is asked as always."""
        return self._models[name].batch_line(request) is not None

    def take(self, name: str, requests: Sequence[ModelRequest]) -> dict[str, Completion]:
        """Return the answers that the file has, by key; the other requests wait.

        Raises ModelError when the file holds nothing but refusals: something is wrong with all requests.
        """
        found: dict[str, Completion] = {}
        for request in requests:
            reply = self._replies.get(request.key)
            read = None if reply is None else parse_reply_line(reply, request, name)
            if isinstance(read, Completion):
                found[request.key] = read
            else:
                self.waiting.append((name, request))
                self.errors.update([] if read is None else [read[:ERRORS_SHOWN]])
        self._refused += [told for one in found.values() if (told := one.failure or "").startswith("refused")]
        self.taken.update(found)
        if len(self._refused) == len(self.taken) >= ALL_REFUSED:
            raise ModelError(
                f"each of the {len(self._refused)} answers of the batch is a refusal ({self._refused[0]});"
                " parameters can be changed or left out with the model's body and speaks"
            )
        return found

    def write(self, file: TextIO) -> None:
        """Write the waiting requests as JSON lines, in plan order."""
        for name, request in self.waiting:
            file.write(json.dumps(self._models[name].batch_line(request), ensure_ascii=False) + "\n")

    def write_to(self, path: Path) -> None:
        """Write the waiting requests in one move; a pipe or a device is written to as it stands.

        Raises RunError when the file cannot be written.
        """
        if not path.exists() or path.is_file():
            with open_atomic(path, error="the requests cannot be written") as file:
                self.write(file)
            return
        try:
            with path.open("w", encoding="utf-8", errors="replace") as file:
                self.write(file)
        except OSError as fault:
            raise RunError(f"{path}: the requests cannot be written: {fault.strerror}") from fault

    def _read(self, path: Path) -> None:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    self._read_line(text)
        except OSError as fault:
            raise UsageError(f"{path}: the answers cannot be read: {fault.strerror}") from fault
        if self.unread and not self._replies and not self._cut_off:
            raise UsageError(
                f'{path}: none of its {self.unread} lines is an answer of a batch: {{"custom_id": …, "response": …}}'
            )

    def _read_line(self, text: str) -> None:
        if not text.strip():
            return
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        key = line.get("custom_id") if isinstance(line, dict) else None
        if isinstance(key, str) and ("response" in line or "error" in line):
            # of two replies to one request a whole one wins, else the first
            if key not in self._replies or not self._replies[key].get("response"):
                self._replies[key] = line
        else:
            self.unread += 1
            self._cut_off |= '"custom_id"' in text

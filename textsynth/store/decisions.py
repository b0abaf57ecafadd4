"""Review decisions: `review.jsonl` in the folder of a run, one JSON object per line; lines are only ever appended.

A line has `id`, `decision` (keep, drop, relabel, or undo, which reverts the same person's previous decision on the
text), `labels`, `by`, `at` (UTC) and `text`. When `add_decisions` returns, the lines are on disk. Several programs may
append at the same time. Only `id` and `decision` are required, and `labels` for relabel, so lines may be written by
hand.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from textsynth.core.errors import RunError, UsageError, did_you_mean, write_error_reason
from textsynth.store.append import append_to_file, size_if_line_ended

FILE = "review.jsonl"
UNNAMED_PERSON = "someone"
LINE_BEGIN = b'{"id": "'
Kind = Literal["keep", "drop", "relabel", "undo"]
KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Decision:
    """One line: the decision of the person `by` on the text `id`.

    `labels` are those that the text keeps or gets; `at` is a time in UTC.
    """

    id: str
    decision: Kind
    labels: tuple[str, ...] = ()
    by: str = UNNAMED_PERSON
    at: str = ""
    text: str = ""

    @property
    def outcome(self) -> frozenset[str] | None:
        """The labels of the text after this decision, None if it is dropped; people agree if it is equal."""
        return None if self.decision == "drop" else frozenset(self.labels)


class Decisions(NamedTuple):
    """All lines in order. `truncated` says that the last line is incomplete, as after its writer was killed.

    `size` is the number of bytes that were read, `number` the number of complete lines in them.
    """

    lines: tuple[Decision, ...] = ()
    truncated: bool = False
    size: int = 0
    number: int = 0

    def by_text(self) -> dict[str, dict[str, Decision]]:
        """Return the current decision of each person by text id, then by person; the latest decision is the last one.

        The current decision of a person on a text is the last one that was not undone.
        """
        index = DecisionIndex()
        index.add(self.lines)
        return index.all()


NO_DECISIONS = Decisions()


class DecisionIndex:
    """The current decision of each person on each text, updated as lines are added."""

    def __init__(self) -> None:
        self._history: dict[str, dict[str, list[tuple[int, Decision]]]] = {}
        self._number = 0

    def add(self, lines: Iterable[Decision]) -> None:
        """Add lines in order."""
        for line in lines:
            self._number += 1
            stack = self._history.setdefault(line.id, {}).setdefault(line.by, [])
            if line.decision != "undo":
                stack.append((self._number, line))
            elif stack:
                stack.pop()

    def of(self, id_: str) -> dict[str, Decision]:
        """Return the current decision of each person on a text; the latest decision is the last one."""
        current = [stack[-1] for stack in self._history.get(id_, {}).values() if stack]
        return {line.by: line for _, line in sorted(current, key=lambda numbered: numbered[0])}

    def all(self) -> dict[str, dict[str, Decision]]:
        """Return the current decisions on every text that has any."""
        return {id_: by_person for id_ in self._history if (by_person := self.of(id_))}


def consensus(by_person: Mapping[str, Decision]) -> Decision | None:
    """Return the latest decision on one text if all people agree, else None."""
    outcomes = {decision.outcome for decision in by_person.values()}
    return list(by_person.values())[-1] if len(outcomes) == 1 else None


def read_decisions(run: Path, cached: Decisions = NO_DECISIONS) -> Decisions:
    """Return the decisions in the folder of a run, none if there is no file; `cached` ones are not read again.

    An incomplete last line is skipped. Raises UsageError with the line number for any other line that is not valid.
    """
    path = run / FILE
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            file.seek(cached.size)
            content = file.read()
    except FileNotFoundError:
        return NO_DECISIONS
    except OSError as error:
        raise UsageError(f"{path}: the decisions cannot be read: {error.strerror}") from error
    *complete, last = content.split(b"\n")
    lines = list(cached.lines)
    for number, line in enumerate(complete, start=cached.number + 1):
        if line.strip():
            try:
                lines.append(_parse_line(line))
            except ValueError as error:
                raise UsageError(f"{path}:{number}: the line is not a valid decision: {error}") from error
    size = cached.size + len(content) - len(last)
    decisions = Decisions(tuple(lines), size=size, number=cached.number + len(complete))
    if not last.strip():
        return decisions
    try:
        return decisions._replace(lines=(*lines, _parse_line(last)), size=decisions.size + len(last))
    except ValueError:
        return decisions._replace(truncated=True)


def add_decisions(run: Path, lines: Iterable[Decision]) -> None:
    """Append lines to the decisions of a run; when this returns, they are on disk.

    An incomplete line at the end of the file is removed first: its writer never reported it as saved. Raises RunError
    if the lines cannot be written; then none of them is in the file.
    """
    path = run / FILE
    content = "".join(f"{json.dumps(asdict(line), ensure_ascii=False)}\n" for line in lines)
    try:
        append_to_file(path, content.encode("utf-8", "replace"), _repair_end)
    except OSError as error:
        raise RunError(f"{path}: the decision cannot be written: {write_error_reason(error)}") from error


def _repair_end(descriptor: int) -> int:
    """Make the file end with a line break, and return its size: remove an incomplete line, terminate a complete one."""
    size = size_if_line_ended(descriptor)
    if size is not None:
        return size
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    end = content.rfind(b"\n") + 1
    try:
        _parse_line(content[end:])
    except ValueError:
        if not _is_begun_line(content[end:]):
            raise OSError(errno.EEXIST, "its last line is no decision; move the file away") from None
        os.ftruncate(descriptor, end)
        return end
    return size + os.write(descriptor, b"\n")


def _is_begun_line(fragment: bytes) -> bool:
    """Whether a fragment is the beginning of a line that `add_decisions` writes; nothing else is ever removed."""
    begin = LINE_BEGIN[: len(fragment)]
    return fragment.startswith(begin)


def _parse_line(line: bytes) -> Decision:
    """Return the decision on one line. Raises ValueError with the reason if it is not valid."""
    try:
        values = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({line[:40]!r})") from error
    if not isinstance(values, dict):
        raise ValueError(f'it is {line[:40]!r}, not {{"id": …, "decision": …}}')  # noqa: TRY004
    kind = values.get("decision")
    if kind not in KINDS:
        raise ValueError(f"decision is {kind!r}{did_you_mean(str(kind), KINDS)}")
    for key, default in (("id", None), ("by", UNNAMED_PERSON), ("at", ""), ("text", "")):
        if not isinstance(values.setdefault(key, default), str):
            raise ValueError(f"{key} is {values[key]!r:.40}, not a string")  # noqa: TRY004
    labels = values.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"labels is {labels!r:.40}, not a list of names")
    if kind == "relabel" and not labels:
        raise ValueError("relabel needs labels")
    return Decision(values["id"], cast(Kind, kind), _unique(labels), values["by"], values["at"], values["text"])


def _unique(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))

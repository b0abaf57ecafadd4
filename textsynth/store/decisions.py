"""What people decided on the texts of a run: `review.jsonl` in its folder, one JSON object a line, only ever added to.

A line has `id`, `decision` (keep, drop, relabel, or undo, which takes back the same person's decision before it),
`labels`, `by`, `at` (UTC) and `text`. A line is on disk before anybody is told of it, and several programs may add
lines at once. Only `id` and `decision` are needed, and `labels` for relabel: a line may also be written by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from textsynth.core.errors import RunError, UsageError, did_you_mean

FILE = "review.jsonl"
SOMEONE = "someone"
Kind = Literal["keep", "drop", "relabel", "undo"]
KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Decision:
    """One line: what `by` decided on the text `id`. `labels` are those it is kept under; `at` is a time in UTC."""

    id: str
    decision: Kind
    labels: tuple[str, ...] = ()
    by: str = SOMEONE
    at: str = ""
    text: str = ""

    @property
    def outcome(self) -> frozenset[str] | None:
        """The labels under which the text stays, None where it is dropped: what people may agree on."""
        return None if self.decision == "drop" else frozenset(self.labels)


class Decisions(NamedTuple):
    """All lines in their order; `torn` says that the last one broke off, as when its writer was killed.

    `size` bytes of the file and `number` ended lines of it were read.
    """

    lines: tuple[Decision, ...] = ()
    truncated: bool = False
    size: int = 0
    number: int = 0

    def by_text(self) -> dict[str, dict[str, Decision]]:
        """Return, for each text that anybody has decided on, the decision that counts of each person, the latest last.

        Of a person the last one counts that was not taken back.
        """
        standing = DecisionIndex()
        standing.add(self.lines)
        return standing.all()


NONE = Decisions()


class DecisionIndex:
    """Whose decisions count, as lines are added one after the other."""

    def __init__(self) -> None:
        self._stacks: dict[str, dict[str, list[tuple[int, Decision]]]] = {}
        self._number = 0

    def add(self, lines: Iterable[Decision]) -> None:
        """Take in more lines."""
        for line in lines:
            self._number += 1
            stack = self._stacks.setdefault(line.id, {}).setdefault(line.by, [])
            if line.decision != "undo":
                stack.append((self._number, line))
            elif stack:
                stack.pop()

    def of(self, id_: str) -> dict[str, Decision]:
        """Return the decision that counts of each person on a text, the latest last."""
        last = [stack[-1] for stack in self._stacks.get(id_, {}).values() if stack]
        return {line.by: line for _, line in sorted(last, key=lambda one: one[0])}

    def all(self) -> dict[str, dict[str, Decision]]:
        """Return the same of every text that anybody has decided on."""
        return {id_: found for id_ in self._stacks if (found := self.of(id_))}


def consensus(by_person: Mapping[str, Decision]) -> Decision | None:
    """Return the latest decision on one text where all people say the same of it, else None: then it waits."""
    return list(by_person.values())[-1] if len({one.outcome for one in by_person.values()}) == 1 else None


def read_decisions(run: Path, known: Decisions = NONE) -> Decisions:
    """Return the decisions in a run's folder, none where there is no file; `known` ones are not read again.

    A last line that broke off is passed over. Raises UsageError, with the number of the line, for any other line that
    is no decision.
    """
    path = run / FILE
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            file.seek(known.size)
            content = file.read()
    except FileNotFoundError:
        return NONE
    except OSError as fault:
        raise UsageError(f"{path}: the decisions cannot be read: {fault.strerror}") from fault
    *whole, rest = content.split(b"\n")
    lines = list(known.lines)
    for number, line in enumerate(whole, start=known.number + 1):
        if line.strip():
            try:
                lines.append(_read(line))
            except ValueError as fault:
                raise UsageError(f"{path}:{number}: this line is no decision of a person: {fault}") from fault
    read = known.size + len(content) - len(rest)
    found = Decisions(tuple(lines), size=read, number=known.number + len(whole))
    if not rest.strip():
        return found
    try:
        return found._replace(lines=(*lines, _read(rest)), size=found.size + len(rest))
    except ValueError:
        return found._replace(truncated=True)


def add_decisions(run: Path, lines: Iterable[Decision]) -> None:
    """Add lines to a run's decisions; when this returns they are on disk.

    What broke off at the end of the file, which nobody was told of, is cut off first. Raises RunError where the disk
    does not take the lines; then none of them is there.
    """
    path = run / FILE
    told = "".join(f"{json.dumps(asdict(line), ensure_ascii=False)}\n" for line in lines)
    new = not path.exists()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, told.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
        if new:
            _sync_folder(run)
    except OSError as fault:
        raise RunError(f"{path}: the decision cannot be written: {fault.strerror}") from fault


def _append(descriptor: int, told: bytes) -> None:
    end = _mended(descriptor)
    try:
        while told:
            told = told[os.write(descriptor, told) :]
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, end)
        raise


def _mended(descriptor: int) -> int:
    """Bring the file to the end of a line, and return its size: half a line goes, a whole one gets its end."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    content = os.pread(descriptor, size, 0)
    end = content.rfind(b"\n") + 1
    try:
        _read(content[end:])
    except ValueError:
        os.ftruncate(descriptor, end)
        return end
    return size + os.write(descriptor, b"\n")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(line: bytes) -> Decision:
    """Read one line. Raises ValueError with what is wrong with it."""
    try:
        told = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"it is no JSON ({line[:40]!r})") from fault
    if not isinstance(told, dict):
        raise ValueError(f'it is {line[:40]!r}, not {{"id": …, "decision": …}}')  # noqa: TRY004
    kind = told.get("decision")
    if kind not in KINDS:
        raise ValueError(f"decision is {kind!r}{did_you_mean(str(kind), KINDS)}")
    for name, otherwise in (("id", None), ("by", SOMEONE), ("at", ""), ("text", "")):
        if not isinstance(told.setdefault(name, otherwise), str):
            raise ValueError(f"{name} is {told[name]!r:.40}, not a text")  # noqa: TRY004
    labels = told.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise ValueError(f"labels is {labels!r:.40}, not a list of names")
    if kind == "relabel" and not labels:
        raise ValueError("relabel names no labels")
    return Decision(told["id"], cast(Kind, kind), _plain(labels), told["by"], told["at"], told["text"])


def _plain(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))

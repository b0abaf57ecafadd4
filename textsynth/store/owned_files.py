"""The list of the files that TextSynth wrote into a run's folder: nothing that is not on it is replaced or removed.

The list is `.textsynth-files.jsonl` in the folder. A file is added with the sha256 of its content before it is put in
its place, so a run that is killed in between can still be continued. A file counts as ours only while its content has
one of its hashes, and neither it nor a folder above it, up to the run's folder, is a symbolic link. Lines are only ever
appended: an incomplete line, as after a crash, is skipped. The list also has the temporary files, so that the next
command removes what a killed one left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError, UsageError, write_error_reason
from textsynth.store.append import append_to_file, size_if_line_ended
from textsynth.store.atomic import write_bytes_atomic

FILE = ".textsynth-files.jsonl"
HEADER = {"textsynth_files": 1}
REMEDY = "move it away, or name another folder with --out"
MAX_NAMED = 3
TEMPORARY = re.compile(r"\.[^/]+\.(?P<process>[0-9]{1,9})-[0-9a-f]{16}")
"""The names of temporary files: that of the file, the number of the process, and a random part."""


class RunIdentity(NamedTuple):
    """The name and the labels of the recipe whose run a folder holds."""

    name: str
    labels: tuple[str, ...]


class OwnedFiles:
    """The list of one folder, as it was when it was read, with everything added since.

    `run` is the recipe of the last run in the folder, None where none is on the list. Raises UsageError where a file of
    that name is something else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run: RunIdentity | None = None
        self.temporary_folders: set[str] = set()
        self._temporary_files: set[str] = set()
        self._hashes: dict[str, set[str]] = {}
        for entry in _read_entries(folder / FILE):
            self._apply(entry)

    def owns(self, name: str) -> bool:
        """Whether the file `name` is one that TextSynth wrote here, unchanged."""
        path = self.folder / name
        return not self._has_link(name) and _is_regular(path) and file_hash(path) in self._hashes.get(name, ())

    def obstacles(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the names of what exists under `names` and is not ours; of a folder, what is in it.

        A folder without files is no obstacle. A link is one, whatever it leads to.
        """
        for name in names:
            path = self.folder / name
            if not os.path.lexists(path):
                continue
            if path.is_dir() and not path.is_symlink():
                yield from self.obstacles(f"{name}/{child}" for child in sorted(entry.name for entry in path.iterdir()))
            elif not self.owns(name):
                yield name

    def refuse_obstacles(self, names: Iterable[str]) -> None:
        """Raise UsageError, with their paths, where something that is not ours is in the way of `names`."""
        found = list(self.obstacles(names))
        if not found:
            return
        more = f" (and {len(found) - MAX_NAMED} more)" if len(found) > MAX_NAMED else ""
        paths = ", ".join(str(self.folder / name) for name in found[:MAX_NAMED]) + more
        if len(found) > 1:
            raise UsageError(
                f"{paths}: these are no files that a run here wrote, or were changed since, and would be replaced; "
                f"{REMEDY.replace('it', 'them', 1)}"
            )
        path = self.folder / found[0]
        reason = "is a symbolic link" if path.is_symlink() else self._reason(found[0])
        raise UsageError(f"{path}: {reason}, and would be replaced; {REMEDY}")

    def _reason(self, name: str) -> str:
        return "was changed since a run wrote it" if name in self._hashes else "is no file that a run here wrote"

    def add(self, files: Mapping[str, str], *, temporary: str = "") -> None:
        """Add files with the sha256 of the content that they are about to get, and a temporary file. Raises RunError.

        `temporary` is the name of a file in the run's folder that is about to be made, as TEMPORARY matches it.
        """
        entries: list[Mapping[str, object]] = [
            {"file": name, "sha256": content_hash}
            for name, content_hash in files.items()
            if content_hash not in self._hashes.get(name, ())
        ]
        self._append(entries + [{"temporary": temporary}] * bool(temporary))

    def remove_leftovers(self) -> None:
        """Remove the temporary files of processes that were killed; those of processes that run stay."""
        for name in sorted(self._temporary_files):
            match, path = TEMPORARY.fullmatch(name), self.folder / name
            if match is not None and _is_regular(path) and not _is_running(int(match["process"])):
                with contextlib.suppress(OSError):
                    path.unlink()

    def add_temporary_folder(self, name: str) -> None:
        """Add a folder that is about to be created for a new data set. Raises RunError."""
        self._append([{"folder": name}])

    def set_run(self, run: RunIdentity) -> None:
        """Note whose run the folder holds from now on. Raises RunError."""
        if run != self.run:
            self._append([{"run": run.name, "labels": list(run.labels)}])

    def remove(self, name: str) -> None:
        """Remove a file if it is ours; anything else of that name stays. Raises RunError."""
        try:
            if self.owns(name):
                (self.folder / name).unlink()
        except OSError as error:
            raise RunError(f"{self.folder / name}: the file cannot be removed: {error.strerror or error}") from error

    def _has_link(self, name: str) -> bool:
        """Whether the file, or a folder between it and the run's folder, is a symbolic link."""
        path = self.folder / name
        parents = (path, *path.parents) if not Path(name).is_absolute() else (path,)
        for part in parents:
            if part == self.folder:
                return False
            if part.is_symlink():
                return True
        return False

    def _append(self, entries: Iterable[Mapping[str, object]]) -> None:
        new = list(entries)
        if not new:
            return
        _append_entries(self.folder / FILE, new)
        for entry in new:
            self._apply(entry)

    def _apply(self, entry: Mapping[str, object]) -> None:
        name, content_hash, labels = entry.get("file"), entry.get("sha256"), entry.get("labels")
        if isinstance(name, str) and isinstance(content_hash, str):
            self._hashes.setdefault(name, set()).add(content_hash)
        elif isinstance(entry.get("temporary"), str):
            self._temporary_files.add(str(entry["temporary"]))
        elif isinstance(entry.get("folder"), str):
            self.temporary_folders.add(str(entry["folder"]))
        elif isinstance(entry.get("run"), str) and isinstance(labels, list):
            self.run = RunIdentity(str(entry["run"]), tuple(map(str, labels)))


def write_owned_text(folder: Path, name: str, text: str, *, error: str) -> None:
    """Write a text file into a run's folder; see `write_owned_bytes`."""
    write_owned_bytes(folder, name, text.encode("utf-8", "replace"), error=error)


def write_owned_bytes(folder: Path, name: str, content: bytes, *, error: str) -> None:
    """Write a file into a run's folder atomically, readable by its owner only, with its place on the list.

    Raises UsageError where something that is not ours would be replaced; RunError, with `error`, where writing fails.
    """
    files = OwnedFiles(folder)
    files.refuse_obstacles([name])
    files.remove_leftovers()
    temporary = f".{Path(name).name}.{os.getpid()}-{secrets.token_hex(8)}"
    try:
        files.add({name: hashlib.sha256(content).hexdigest()}, temporary=temporary)
    except RunError as failure:
        cause = failure.__cause__
        reason = write_error_reason(cause) if isinstance(cause, OSError) else cause
        raise RunError(f"{folder / name}: {error}: {reason}") from cause
    write_bytes_atomic(folder / name, content, error=error, temporary=folder / temporary)


def write_owned_json(folder: Path, name: str, value: object, *, indent: int | None = None, error: str) -> None:
    """Write a value as JSON with a newline at its end; see `write_owned_text`."""
    write_owned_text(folder, name, json.dumps(value, ensure_ascii=False, indent=indent) + "\n", error=error)


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's content, "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_running(process: int) -> bool:
    """Whether a process of this number runs on this machine, be it the one that was meant or another one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _read_entries(path: Path) -> Iterator[Mapping[str, object]]:
    if not os.path.lexists(path):
        return
    if not _is_regular(path):
        raise UsageError(f"{path}: is no regular file, and TextSynth keeps the list of its files there; {REMEDY}")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: the list of a run's files cannot be read: {error.strerror}") from error
    if lines and _parse_line(lines[0]) != HEADER:
        raise UsageError(f"{path}: is not the list of a run's files that TextSynth keeps under this name; {REMEDY}")
    for line in lines[1:]:
        entry = _parse_line(line)
        if entry is not None:
            yield entry


def _parse_line(line: bytes) -> Mapping[str, object] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _append_entries(path: Path, entries: Iterable[Mapping[str, object]]) -> None:
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode(
        "utf-8", "surrogateescape"
    )
    try:
        append_to_file(path, lines, _prepare_end)
    except OSError as error:
        raise RunError(f"{path}: the list of written files cannot be written: {write_error_reason(error)}") from error


def _prepare_end(descriptor: int) -> int:
    """Write the header into an empty file, end an incomplete line, and return the file's size."""
    size = size_if_line_ended(descriptor)
    if size == 0:
        return os.write(descriptor, json.dumps(HEADER).encode() + b"\n")
    if size is not None:
        return size
    os.write(descriptor, b"\n")
    return os.fstat(descriptor).st_size

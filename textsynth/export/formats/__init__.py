"""A run's texts in the formats of other tools: one format per file, found by its name.

`label-studio` is `label_studio.py`, and `./mine.py` is a format in a file of the user, in the current folder. Every
format defines `write(texts, info, out)`, which writes its files and returns their paths. The same run gives the same
bytes.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textsynth.core.errors import RunError, UsageError, did_you_mean
from textsynth.core.registry import load_plugin
from textsynth.core.task import Example, Task
from textsynth.store.atomic import OWNER_ONLY_FILE, OWNER_ONLY_FOLDER, write_bytes_atomic


@dataclass(frozen=True, slots=True)
class ExportedText:
    """One row to export: its texts by column, its labels, the confidence in them (None: not known), and its split.

    `extra` are further columns, in order: the provenance, or why the text was dropped.
    """

    id: str
    texts: Mapping[str, str]
    labels: tuple[str, ...]
    confidence: float | None
    split: str
    extra: Mapping[str, str | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """What all exported texts share: the run's name and task, and its labels with their descriptions ("": not known).

    `multi_label` is true where a text may have several labels. `instruction` is the instruction of chat examples.
    """

    name: str
    task: Task
    labels: Mapping[str, str]
    multi_label: bool
    instruction: str

    @property
    def has_labels(self) -> bool:
        """Whether the data set has labels, and not only the source that its texts were written from."""
        return self.task.has_labels(self.labels)

    def shown_texts(self, text: ExportedText) -> dict[str, str]:
        """Return the row's texts under the names of the task's `fields_shown`, in order."""
        return {name: text.texts.get(column, "") for column, name in self.task.fields_shown.items()}

    def chat_example(self, text: ExportedText) -> tuple[str, str]:
        """Return the user's message and the assistant's answer that a chat model is trained on."""
        return self.task.chat_example(Example(text.texts, text.labels), self.instruction, list(self.labels))


Write = Callable[[Sequence[ExportedText], ExportInfo, Path], list[Path]]


def format_names() -> list[str]:
    """Return the names of the bundled formats, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def write_format(
    name: str, texts: Sequence[ExportedText], info: ExportInfo, out: Path, *, replace: bool = False
) -> list[Path]:
    """Write the texts in the format `name` to `out`, a folder or (with a suffix, where a format allows it) a file.

    An existing file or a folder that is not empty may hold the work of annotators: it is an error unless `replace`, and
    then only files of the same names are overwritten. Raises UsageError for that, for an unknown format and for a
    user's format that returns no paths, and RunError where writing fails.
    """
    write = load_format(name)
    if out.exists() and not replace and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(
            f"{out}: exists already and may hold somebody's work; move it, name another path with --out, or overwrite "
            "it with --replace"
        )
    try:
        paths = write(texts, info, out)
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error.strerror or error}") from error
    if not isinstance(paths, list):
        raise UsageError(f"{name!r}: write must return a list of the paths that it wrote, not {type(paths).__name__}")
    return paths


def load_format(name: str) -> Write:
    """Return the function that writes a format, bundled or in `./FILE.py`. Raises UsageError where there is none."""
    if name.startswith("./"):
        if not Path(name).is_file():
            raise UsageError(f"there is no file {name!r} in the current folder")
        write = getattr(load_plugin(name, Path()), "write", None)
        if not callable(write):
            raise UsageError(f"{name!r} is not a format: it needs def write(texts, info, out), which returns the paths")
        plugin: Write = write
        return plugin
    if name not in format_names():
        raise UsageError(f"there is no format {name!r}{did_you_mean(name, format_names())}")
    bundled: Write = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").write
    return bundled


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    """Write a file, create missing folders, and return its path. Raises UsageError where a link has its name.

    In a folder that only its owner can read, as that of a run, the same holds for the file and for new folders.
    """
    others = _make_folder(path.parent)
    if path.is_symlink():
        raise UsageError(f"{path}: is a symbolic link, and what it leads to would be overwritten; name another path")
    write_bytes_atomic(path, text.encode(encoding), mode=OWNER_ONLY_FILE | others)
    return path


def _make_folder(folder: Path) -> int:
    """Make a folder and those above it; return the permissions that others may have in it: 0 or 0o066."""
    if folder.is_dir():
        return 0o066 if stat.S_IMODE(folder.stat().st_mode) & 0o077 else 0
    others = _make_folder(folder.parent)
    folder.mkdir(mode=0o777 if others else OWNER_ONLY_FOLDER, exist_ok=True)
    return others


def write_jsonl(
    texts: Sequence[ExportedText], as_row: Callable[[ExportedText], Mapping[str, object]], out: Path
) -> list[Path]:
    """Write one line of JSON per text: into the file `out` if it has a suffix, else into `out/SPLIT.jsonl`."""
    lines: dict[Path, list[str]] = {}
    for text in texts:
        path = out if out.suffix else out / f"{text.split}.jsonl"
        lines.setdefault(path, []).append(json.dumps(as_row(text), ensure_ascii=False))
    return [write_text(path, "\n".join(group) + "\n") for path, group in lines.items()]


def require_folder(out: Path, name: str) -> None:
    """Raise UsageError where `out` is named like a file; for formats that write several files."""
    if out.suffix and not out.is_dir():
        raise UsageError(f"{out}: {name} writes a folder with several files; name a folder with --out")

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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO, overload

from textsynth.core.errors import RunError, UsageError, did_you_mean, write_error_reason
from textsynth.core.registry import load_plugin
from textsynth.core.task import Example, Task
from textsynth.store.atomic import OWNER_ONLY_FILE, OWNER_ONLY_FOLDER, open_atomic


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
class ExportedBatch:
    """Some rows to export, as columns: those of `ExportedText`, each with one value a row."""

    ids: Sequence[str]
    texts: Mapping[str, Sequence[str]]
    labels: Sequence[tuple[str, ...]]
    confidence: Sequence[float | None]
    splits: Sequence[str]
    extra: Mapping[str, Sequence[str | float | None]]

    def rows(self) -> Iterator[ExportedText]:
        """Yield the rows one by one."""
        columns = zip(self.ids, self.labels, self.confidence, self.splits, strict=True)
        for row, (id_, labels, confidence, split) in enumerate(columns):
            texts = {name: cells[row] for name, cells in self.texts.items()}
            extra = {name: cells[row] for name, cells in self.extra.items()}
            yield ExportedText(id_, texts, labels, confidence, split, extra)


class ExportedTexts(Sequence[ExportedText]):
    """All rows to export, of which a few thousand are in memory at once; `read` starts at the first batch.

    One row or a part of them can be had, too, for which all rows before are read.
    """

    def __init__(self, read: Callable[[], Iterator[ExportedBatch]], length: int) -> None:
        self.batches = read
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ExportedText]:
        return (row for batch in self.batches() for row in batch.rows())

    @overload
    def __getitem__(self, index: int) -> ExportedText: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ExportedText]: ...
    def __getitem__(self, index: int | slice) -> ExportedText | Sequence[ExportedText]:
        if isinstance(index, slice):
            positions = range(self._length)[index]
            rows = {number: row for number, row in enumerate(self) if number in positions}
            return [rows[number] for number in positions]
        return next(islice(self, range(self._length)[index], None))


def batches_of(texts: Sequence[ExportedText]) -> Iterator[ExportedBatch]:
    """Yield the texts as columns. Where texts have different columns, they get those of all, with None."""
    if isinstance(texts, ExportedTexts):
        yield from texts.batches()
        return
    names = dict.fromkeys(name for text in texts for name in text.extra)
    columns = dict.fromkeys(column for text in texts for column in text.texts)
    yield ExportedBatch(
        ids=[text.id for text in texts],
        texts={column: [text.texts.get(column, "") for text in texts] for column in columns},
        labels=[text.labels for text in texts],
        confidence=[text.confidence for text in texts],
        splits=[text.split for text in texts],
        extra={name: [text.extra.get(name) for text in texts] for name in names},
    )


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
        raise RunError(f"{out}: cannot be written: {write_error_reason(error)}") from error
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


@contextmanager
def open_file(path: Path) -> Iterator[TextIO]:
    """Open a file for writing (UTF-8), and create missing folders; it is there when the block ends without an error.

    In a folder that only its owner can read, as that of a run, the same holds for the file and for new folders. Raises
    UsageError where a link has its name.
    """
    others = _make_folder(path.parent)
    if path.is_symlink():
        raise UsageError(f"{path}: is a symbolic link, and what it leads to would be overwritten; name another path")
    with open_atomic(path, mode=OWNER_ONLY_FILE | others) as file:
        yield file


def write_text(path: Path, text: str) -> Path:
    """Write a file, see `open_file`, and return its path."""
    with open_file(path) as file:
        file.write(text)
    return path


def write_json_list(path: Path, items: Iterable[Mapping[str, object]]) -> Path:
    """Write a list of JSON objects, a line for each value (ASCII); as `json.dumps` does, but one object at a time."""
    with open_file(path) as file:
        separator = "[\n"
        for item in items:
            file.write(separator + json.dumps([item], indent=1)[2:-2])
            separator = ",\n"
        file.write("[]\n" if separator == "[\n" else "\n]\n")
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
    files: dict[Path, TextIO] = {}
    with ExitStack() as stack:
        for text in texts:
            path = out if out.suffix else out / f"{text.split}.jsonl"
            if path not in files:
                files[path] = stack.enter_context(open_file(path))
            files[path].write(json.dumps(as_row(text), ensure_ascii=False) + "\n")
    return list(files)


def require_folder(out: Path, name: str) -> None:
    """Raise UsageError where `out` is named like a file; for formats that write several files."""
    if out.suffix and not out.is_dir():
        raise UsageError(f"{out}: {name} writes a folder with several files; name a folder with --out")

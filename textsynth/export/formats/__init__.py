"""A run's texts in the formats of the tools around: one file a format, named as the command line names it.

Every format has a function `write(texts, about, out)` that writes its files and returns their paths. The same run gives
the same bytes.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textsynth.core.errors import RunError, UsageError, did_you_mean

FORMATS = ("argilla", "label-studio", "csv", "messages", "prompt-completion")
# What people are asked of a paraphrase or a summary, and what stands beside it.
ANSWERS = {"yes": "it says the same", "no": "it says something else, or leaves out what matters"}
SOURCES = {"paraphrase": "original", "summarization": "document"}


@dataclass(frozen=True, slots=True)
class ExportedText:
    """One text to hand on: what it rewrites (None: nothing), its labels, the confidence in them, its split.

    `more` are further columns, in order: of a provenance, or why the text was dropped.
    """

    id: str
    text: str
    source: str | None
    labels: tuple[str, ...]
    confidence: float | None
    split: str
    more: Mapping[str, str | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """What is said of all texts: the run's name and task, its labels and what they mean ("": not known).

    `instruction` is what a model is told to do with a text, in the formats that train one.
    """

    name: str
    task: str
    labels: Mapping[str, str]
    multi_label: bool
    instruction: str

    @property
    def labelled(self) -> bool:
        """Whether the texts themselves have labels: those of a summarization belong to its documents."""
        return bool(self.labels) and self.task != "summarization"


Write = Callable[[Sequence[ExportedText], ExportInfo, Path], list[Path]]


def write_format(
    name: str, texts: Sequence[ExportedText], about: ExportInfo, out: Path, *, replace: bool = False
) -> list[Path]:
    """Write the texts in the format `name` to `out`, a folder or (with a suffix, where a format allows it) a file.

    What is there already, and may hold a person's work, is refused unless `replace`; nothing but files of the same
    names is then written over. Raises UsageError for a format
    that is not there or a place that is taken, RunError where the disk does not take it.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}{did_you_mean(name, FORMATS)}")
    if out.exists() and not replace and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(
            f"{out}: is there already, and may hold somebody's work; take it away, name another place with --out, or "
            "write over it with --replace"
        )
    write: Write = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").write
    try:
        return write(texts, about, out)
    except OSError as fault:
        raise RunError(f"{out}: cannot be written: {fault.strerror or fault}") from fault


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    """Write a file, with the folders it needs, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding, newline="")
    return path


def write_lines(
    texts: Sequence[ExportedText], line: Callable[[ExportedText], Mapping[str, object]], out: Path
) -> list[Path]:
    """Write a line of JSON a text: into the file `out` where it has a suffix, else into `out/SPLIT.jsonl`."""
    by_file: dict[Path, list[str]] = {}
    for text in texts:
        path = out if out.suffix else out / f"{text.split}.jsonl"
        by_file.setdefault(path, []).append(json.dumps(line(text), ensure_ascii=False))
    return [write_text(path, "\n".join(lines) + "\n") for path, lines in by_file.items()]


def format_folder(out: Path, name: str) -> None:
    """Raise UsageError where `out` is named like a file, for a format of several files."""
    if out.suffix and not out.is_dir():
        raise UsageError(f"{out}: {name} is a folder with several files; name a folder with --out")

"""JSONL of `prompt` and `completion`: the question about a text and the right answer, as two plain texts.

What trainers read whose models have no chat template. The prompt is the user's turn of `messages` and a line `Answer:`;
the completion begins with a space, as tokenizers of such models join words with the space before them. The prompt name
in the provenance is called `template` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_jsonl


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write `out` (with a suffix) or `out/SPLIT.jsonl`, and return the paths."""

    def as_row(text: ExportedText) -> Mapping[str, object]:
        question, answer = info.chat_example(text)
        further = {"template" if name == "prompt" else name: value for name, value in text.more.items()}
        return {"prompt": f"{question}\n\nAnswer:", "completion": f" {answer}", "id": text.id, **further}

    return write_jsonl(texts, as_row, out)

"""JSONL of `prompt` and `completion`, two plain texts: for trainers of models without a chat template.

The prompt is the user's turn of `messages` and a line `Answer:`. The completion is the assistant's turn after a space,
because tokenizers join a word with the space before it. The provenance column `prompt` is called `template` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_jsonl


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write `out` (with a suffix) or `out/SPLIT.jsonl`, and return the paths."""

    def as_row(text: ExportedText) -> Mapping[str, object]:
        prompt, answer = info.chat_example(text)
        extra = {"template" if name == "prompt" else name: value for name, value in text.extra.items()}
        return {"prompt": f"{prompt}\n\nAnswer:", "completion": f" {answer}", "id": text.id, **extra}

    return write_jsonl(texts, as_row, out)

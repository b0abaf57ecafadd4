"""JSONL of `prompt` and `completion`: what is asked about a text, and what is right, as two plain texts.

What trainers read whose models have no chat template. The prompt is the user's turn of `messages` and an empty line
with `Answer:`; the completion begins with a space, as tokenizers of such models join words with the space before them.
The name of the prompt that a provenance tells is called `template` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_lines
from textsynth.export.formats.messages import turns


def write(texts: Sequence[ExportedText], about: ExportInfo, out: Path) -> list[Path]:
    """Write `out` (with a suffix) or `out/SPLIT.jsonl`, and return the paths."""

    def line(text: ExportedText) -> Mapping[str, object]:
        asked, answer = turns(text, about)
        more = {"template" if name == "prompt" else name: value for name, value in text.more.items()}
        return {"prompt": f"{asked}\n\nAnswer:", "completion": f" {answer}", "id": text.id, **more}

    return write_lines(texts, line, out)

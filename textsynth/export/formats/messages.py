"""JSONL of `messages`: a user's turn with an instruction and the text, an assistant's turn with the right answer.

What trainers of chat models read (TRL's conversational form). The task says what is asked and what is right: the label
of a classification (several in the recipe's order, separated by commas), the text of a paraphrase or summary. A folder
gets one file per split, so that `load_dataset` finds the splits by their names. There is no system turn: not every
chat template has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_jsonl


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write `out` (with a suffix) or `out/SPLIT.jsonl`, and return the paths."""

    def as_row(text: ExportedText) -> Mapping[str, object]:
        question, answer = info.chat_example(text)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return {"messages": messages, "id": text.id, **text.more}

    return write_jsonl(texts, as_row, out)

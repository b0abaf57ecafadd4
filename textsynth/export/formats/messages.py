"""JSONL of `messages`: a user's turn with an instruction and the text, an assistant's turn with what is right.

What trainers of chat models read (TRL's conversational form). A classification answers with the label's name, several
with their names in the recipe's order, a comma between; a paraphrase or summary with the text. A folder gets a file a
split, so that `load_dataset` finds the splits by their names. No system turn: not every chat template has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_lines


def write(texts: Sequence[ExportedText], about: ExportInfo, out: Path) -> list[Path]:
    """Write `out` (with a suffix) or `out/SPLIT.jsonl`, and return the paths."""

    def line(text: ExportedText) -> Mapping[str, object]:
        asked, answer = turns(text, about)
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        return {"messages": messages, "id": text.id, **text.more}

    return write_lines(texts, line, out)


def turns(text: ExportedText, about: ExportInfo) -> tuple[str, str]:
    """Return what a model is asked about a text, and what it should answer."""
    if about.task == "classification":
        order = list(about.labels)
        answer = ", ".join(sorted(text.labels, key=lambda one: order.index(one) if one in order else len(order)))
        return f"{about.instruction}\n\nText: {text.text}", answer
    return f"{about.instruction}\n\n{text.source or ''}", text.text


def instruction_for(task: str, labels: Mapping[str, str], *, multi_label: bool) -> str:
    """Return the instruction that stands before a text where the user gives none of their own."""
    if task == "paraphrase":
        return "Say this text in other words, without changing what it means. Answer with the new text only."
    if task == "summarization":
        return "Summarize this text. Answer with the summary only."
    told = (
        "Which of these labels fit the text? Answer with the labels only, separated by commas."
        if multi_label
        else "Which of these labels fits the text best? Answer with the label only."
    )
    return "\n".join(
        [told, "", *(f"- {name}" if means in ("", name) else f"- {name}: {means}" for name, means in labels.items())]
    )

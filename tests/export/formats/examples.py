"""Texts to export, one of them hostile to CSV, markup and templates, and what they share."""

from __future__ import annotations

from tests.export.outcomes import bundled_task
from textsynth.core.task import Task
from textsynth.export.formats import ExportedText, ExportInfo

LABELS = {"refund": "wants <money> back", "delivery": 'asks "where" a parcel is & when'}
HOSTILE = '=1+1 <b>{{x}}</b> | ``` \U0001f600\nsecond line, "quoted"'
TEXT, ORIGINAL = "give my money back", "the text before it was rewritten"


def example_texts(task: Task | str = "classification", *, multi_label: bool = False) -> list[ExportedText]:
    """Return three texts in two splits: a plain one, a hostile one with extra columns, one without a confidence.

    Columns other than the task's own text column have the text ORIGINAL.
    """
    task = bundled_task(task) if isinstance(task, str) else task
    first_labels = ("refund", "delivery") if multi_label else ("refund",)

    def columns(text: str) -> dict[str, str]:
        return {column: ORIGINAL if field else text for column, field in task.columns.items()}

    return [
        ExportedText("a" * 16, columns(TEXT), first_labels, 0.75, "train"),
        ExportedText("b" * 16, columns(HOSTILE), ("delivery",), 0.5, "train", {"section": "filter", "score": 0.8}),
        ExportedText("c" * 16, columns("https://example.org/x"), ("delivery",), None, "validation"),
    ]


def example_info(task: Task | str = "classification", *, multi_label: bool = False) -> ExportInfo:
    """Return what the example texts share."""
    task = bundled_task(task) if isinstance(task, str) else task
    return ExportInfo("parcels", task, LABELS, multi_label, task.instruction(LABELS, multi_label=multi_label))

"""Texts to hand on, hostile ones among them."""

from __future__ import annotations

from textsynth.export.formats import ExportedText, ExportInfo
from textsynth.export.formats.messages import instruction_for

LABELS = {"refund": "wants <money> back", "delivery": 'asks "where" a parcel is & when'}
HOSTILE = '=1+1 <b>{{x}}</b> | ``` \U0001f600\nsecond line, "quoted"'
REWRITES = ("paraphrase", "summarization")


def texts(*, multi_label: bool = False, task: str = "classification") -> list[ExportedText]:
    """Return three texts in two splits: a plain one, a hostile one, one without a confidence."""
    source = "what it was before" if task in REWRITES else None
    both = ("refund", "delivery") if multi_label else ("refund",)
    return [
        ExportedText("a" * 16, "give my money back", source, both, 0.75, "train"),
        ExportedText("b" * 16, HOSTILE, source, ("delivery",), 0.5, "train", {"section": "filter", "measured": 0.8}),
        ExportedText("c" * 16, "https://example.org/x", source, ("delivery",), None, "validation"),
    ]


def about(*, multi_label: bool = False, task: str = "classification") -> ExportInfo:
    """Return what is said of them."""
    return ExportInfo("parcels", task, LABELS, multi_label, instruction_for(task, LABELS, multi_label=multi_label))

"""The part of a manifest about labels that are probably wrong, as found by training on all accepted texts."""

from __future__ import annotations

from typing_extensions import TypedDict


class LabelConfusion(TypedDict):
    """How many texts with the label `label` probably have the label `suggested` instead."""

    label: str
    suggested: str
    texts: int


class LabelErrorSummary(TypedDict):
    """The result for the accepted texts: how many there are, how many labels are probably wrong, and which.

    `confusions` has the most frequent first. `checked` is False where there were too few texts.
    """

    texts: int
    errors: int
    checked: bool
    confusions: list[LabelConfusion]
    sentence: str


class LabelErrorSummaries(TypedDict, total=False):
    """The summaries by step; missing in the manifest of a run that looks for no label errors."""

    label_errors: dict[str, LabelErrorSummary]

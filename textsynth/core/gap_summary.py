"""The part of a manifest about gaps: regions of real unlabelled rows that no seed is like, and what covers them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import TypedDict


class GapRegion(TypedDict):
    """One region.

    `name` are words that its rows share. `label` is the label that its texts are written for, None where no text is
    written or the recipe has no labels; `likely_label` is the most probable label and `confidence` how certain it is, 0
    (chance) to 1; None and 0 without labels. `rows` is the number of rows, `nearest_seed` the mean cosine of the rows
    to their nearest seed, and `examples` are rows near its centre. `wanted` texts are to be selected for it. `texts` is
    the number of accepted texts that are as similar to its central row as its own rows are, and `covered` the share of
    its rows that have an accepted text as similar; both 0 before a run.
    """

    name: str
    label: str | None
    likely_label: str | None
    confidence: float
    rows: int
    nearest_seed: float
    examples: list[str]
    wanted: int
    texts: int
    covered: float


class GapsSummary(TypedDict):
    """The regions of one source, the largest first.

    `rows` different rows were looked at, of which `uncovered` have a lower cosine than `similarity` to every seed.
    `left_out` further rows were not looked at, as a filter would drop them for personal data or as copies of test rows.
    """

    source: str
    rows: int
    left_out: int
    uncovered: int
    similarity: float
    regions: list[GapRegion]
    sentence: str


class GapsSummaries(TypedDict, total=False):
    """The summaries by step; missing in the manifest of a run whose generators look for no gaps."""

    gaps: dict[str, GapsSummary]


@dataclass(frozen=True, slots=True)
class Gaps:
    """The regions of one source: the summary, and by region the texts of its rows, the central one first."""

    summary: GapsSummary
    texts: Sequence[Sequence[str]]

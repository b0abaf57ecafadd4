"""The part of a manifest about labellers that ask several judges: each judge's estimated reliability."""

from __future__ import annotations

from typing_extensions import TypedDict


class JudgeReliability(TypedDict):
    """One judge of a labeller: its model and prompt by their names in the recipe.

    `answered` is the share of texts (0 to 1) for which it named a label. `mean` is how often its vote is correct, over
    all labels as often as they occur, and `labels` the same for texts of each label; both 0 to 1.
    """

    model: str
    prompt: str
    answered: float
    mean: float
    labels: dict[str, float]


class JudgesSummary(TypedDict):
    """The judges of one labeller. `combine` is the method, `texts` how many texts or gold rows were used.

    `measured_on` is "gold rows", or "votes" where the reliability was estimated from the votes alone.
    """

    combine: str
    measured_on: str
    texts: int
    judges: list[JudgeReliability]
    sentence: str


class JudgesSummaries(TypedDict, total=False):
    """The summaries by step; missing in the manifest of a run without labellers that ask several judges."""

    judges: dict[str, JudgesSummary]

"""The decision about a record after a labeller has chosen labels for it: keep, relabel, review or drop.

It follows from four things: the chosen labels, the intended labels, the confidence, and the threshold that the
confidence must reach.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, NamedTuple

from textsynth.core.records import Record, Verdict

OnDisagreement = Literal["drop", "review", "relabel"]
OnLowConfidence = Literal["drop", "review"]


class Threshold(NamedTuple):
    """The confidence that a label must reach, 0 to 1, and the reason given where it does not.

    None: no confidence is high enough.
    """

    min_confidence: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Turns chosen labels and their confidence into a record and a verdict.

    `labeller` is the labeller's name in the recipe: the record's scores have the confidence under this name.
    """

    labeller: str
    threshold: Threshold
    on_disagreement: OnDisagreement = "drop"
    on_low_confidence: OnLowConfidence = "drop"

    def with_threshold(self, threshold: Threshold) -> DecisionRule:
        """Return the same rule with another threshold."""
        return dataclasses.replace(self, threshold=threshold)

    def decide(self, record: Record, chosen: tuple[str, ...], confidence: float) -> tuple[Record, Verdict | None]:
        """Return the record with the outcome, and a verdict (None keeps it).

        The record's fields get `chosen_label` and `intended_label`, its scores the confidence. Its labels become the
        chosen ones if it had none, or with `relabel`. A confidence below the threshold takes precedence over a
        disagreement.
        """
        intended = record.labels
        fields = {**record.fields, "chosen_label": ", ".join(chosen), "intended_label": ", ".join(intended)}
        labels = chosen if not intended or self.on_disagreement == "relabel" else intended
        scores = {**record.scores, self.labeller: confidence}
        verdict = self._verdict(chosen, intended, confidence)
        return Record(record.text, record.provenance, labels, fields, scores), verdict

    def _verdict(self, chosen: tuple[str, ...], intended: tuple[str, ...], confidence: float) -> Verdict | None:
        limit = self.threshold.min_confidence
        if limit is None or confidence < limit:
            needs_review = self.on_low_confidence == "review"
            return Verdict(self.threshold.reason, confidence, limit, needs_review=needs_review)
        if intended and set(chosen) != set(intended) and self.on_disagreement != "relabel":
            reason = f"the model chose another label: {', '.join(sorted(chosen))}"
            return Verdict(reason, confidence, limit, needs_review=self.on_disagreement == "review")
        return None

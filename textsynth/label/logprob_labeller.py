"""The labeller `choice` with `method: logprobs`: the confidence is the mean probability of the label's letter."""

from __future__ import annotations

from collections.abc import Sequence

from textsynth.core.errors import UsageError
from textsynth.core.protocols import Context
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.label.decision_rule import DecisionRule
from textsynth.label.label_probabilities import LabelPermutations, combine_permutations
from textsynth.label.shortlist import Shortlist

MIN_MASS = 0.05
"""Minimum probability of all letters together, 0 to 1: below it the model would not answer with a letter at all."""


class LogprobSession:
    """Requests the log-probabilities of the labels' letters, once for each order of the labels."""

    def __init__(
        self,
        context: Context,
        rule: DecisionRule,
        *,
        model: str,
        permutations: LabelPermutations,
        shortlist: Shortlist,
    ) -> None:
        """`model` is the model's name in the recipe. Raises UsageError where texts may have several labels."""
        if context.multi_label:
            raise UsageError(
                f"{rule.labeller}: method: logprobs chooses exactly one label, but the recipe has multi_label: true;"
                " use method: votes"
            )
        self._rule = rule
        self._model = model
        self._permutations = permutations
        self._shortlist = shortlist
        self._positions = {name: position for position, name in enumerate(context.labels)}
        self._labels_by_id: dict[str, list[str]] = {}

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return for each record one request for each order of its labels.

        Records with the same labels get the same orders, so that an engine can reuse its cache of the prompt's start.
        """
        requests: list[list[GenerationRequest]] = []
        self._labels_by_id.clear()  # all answers of one batch are parsed before the next batch
        for record, nearest in zip(records, self._shortlist.labels_for(records), strict=True):
            # In the recipe's order, so that the same labels always make the same prompts.
            labels = sorted(nearest, key=self._positions.__getitem__)
            self._labels_by_id[record.id] = labels
            requests.append(
                self._permutations.requests(
                    record.text, labels, step=self._rule.labeller, model=self._model, parent_ids=(record.id,)
                )
            )
        return requests

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with chosen label, intended label and mean probability, and a verdict (None keeps it)."""
        orders = self._permutations.orders(self._labels_by_id[record.id])
        scores = combine_permutations(orders, completions)
        if isinstance(scores, str):
            return record, Verdict(f"the model gave no label probabilities: {scores[:120]}")
        if scores.mass < MIN_MASS:
            reason = "the labels' letters together have too little probability"
            return record, Verdict(reason, round(scores.mass, 4), MIN_MASS)
        chosen = scores.best
        return self._rule.decide(record, (chosen,), round(scores.probabilities[chosen], 4))

"""The labeller `choice` at work by probabilities: it reads what the model holds of each label's letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textsynth.core.errors import UsageError
from textsynth.core.protocols import Context
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.label.label_probabilities import LabelPermutations, combine_permutations
from textsynth.label.shortlist import Shortlist
from textsynth.text.languages import language_name

if TYPE_CHECKING:
    from textsynth.label.choice import Choice

MIN_MASS = 0.05


class LogprobSession:
    """Asks `votes` times about each record, with the labels moved round, and averages the probabilities."""

    def __init__(self, step: Choice, context: Context, item: str) -> None:
        if context.multi_label:
            raise UsageError(
                f"{item}: method: logprobs chooses one label, but the recipe says many: true; method: votes"
            )
        self._step = step
        self._item = item
        self._shortlist = Shortlist(context, step.shortlist)
        self._order = {name: place for place, name in enumerate(context.labels)}
        examples: dict[str, str] = {}
        for seed in context.sources[step.source] if step.source is not None else ():
            examples.setdefault(seed.label or "", seed.text)
        self._turns = LabelPermutations(
            context.find_prompt(step.prompt, step.model),
            context.labels,
            turns=step.votes,
            seed=f"{context.seed}:{item}",
            values={"domain": step.domain, "language": language_name(context.language)},
            examples=examples,
        )
        self._shown: dict[str, list[str]] = {}

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return one ask a turn for each record; the orders are the same for all records that see the same labels."""
        asks: list[list[GenerationRequest]] = []
        self._shown.clear()  # answers are read before the next batch is asked about
        for record, shown in zip(records, self._shortlist.labels_for(records), strict=True):
            # in the recipe's order, so that the same labels always make the same prompts
            self._shown[record.id] = names = sorted(shown, key=self._order.__getitem__)
            asks.append(
                self._turns.asks(
                    record.text, names, item=self._item, model=self._step.model, parents=(record.id,)
                )
            )  # fmt: skip
        return asks

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with chosen and intended label and the mean probability as confidence."""
        scores = combine_permutations(self._turns.orders(self._shown[record.id]), completions)
        if isinstance(scores, str):
            return record, Verdict(f"the model told no probabilities: {scores[:120]}")
        if scores.mass < MIN_MASS:
            return record, Verdict("the model would answer with none of the letters", round(scores.mass, 4), MIN_MASS)
        chosen = scores.best
        return self._step.decide(record, self._item, (chosen,), round(scores.probabilities[chosen], 4))

"""Choice: the model itself chooses among the labels, blind to the label that was asked for.

Each vote shows the labels in another order, so that a liking for the first option does not pass for an answer. The
share of the votes for the winner is the confidence. Where labels are many, a shortlist of the nearest by embedding is
shown (the intended one always among them, never marked). Intended label, chosen label and confidence are all kept.
Label-then-verify and order shuffling: see Zheng et al. 2023 (arXiv 2309.03882) on option bias.

For served models: a model of 135M parameters chooses hardly better than chance, use `agreement` with it.

`method: logprobs` reads the probability of each label's letter instead of an answer, averaged over the orders: a finer
confidence from one token a request, where the server tells log-probabilities (vLLM, llama.cpp and OpenAI do).

With `gold`, real rows whose labels people have set, the model is first asked about these, and its confidence becomes
the share of rows that are right where it is so sure; `precision` then chooses the limit (see calibration.py).

Does not catch: a label that the model itself misunderstands; texts that fit two labels equally well; without `gold`, a
model that is surer of itself than it is right. With it: texts of another kind than the gold rows, on which the share
right may be quite another; what few rows cannot tell, see the interval; the votes of one model share its mistakes, so
that more of them make it surer and not as much more right; copies of gold rows, which `leak: {source: …}` finds.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from textsynth.core.options import GoldName, ModelName, PromptName, SamplingOptions, SourceName
from textsynth.core.protocols import Context, Labeller, LabellerSession, merge_sampling
from textsynth.core.records import Completion, Constraint, GenerationRequest, Record, Sampling, Verdict
from textsynth.label.calibrated import CalibratedSession, CalibrationTarget, Threshold
from textsynth.label.calibration import FEWEST
from textsynth.label.label_probabilities import CODES
from textsynth.label.logprob_labeller import LogprobSession
from textsynth.label.shortlist import Shortlist
from textsynth.text.languages import language_name

OnDisagreement = Literal["drop", "review", "relabel"]


class Choice(Labeller):
    """A blind choice among the labels by a served model; disagreement drops, goes to review, or relabels."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset({"text", "labels", "examples", "language", "domain"})

    model: ModelName = Field(default="generator", description="the model that chooses, by its name under `models`")
    method: Literal["votes", "logprobs"] = Field(
        default="votes", description="count what the model answers, or read the probabilities of the labels' letters"
    )
    prompt: PromptName = Field(default="choice", description="the prompt template; by probabilities choice_letters")
    domain: str = Field(default="", description="one line about what the texts are")
    source: SourceName | None = Field(default=None, description="seed examples, one of each label, shown in prompts")
    votes: int = Field(
        default=3, ge=1, description="how many times the model is asked, each with another order of the labels"
    )
    min_confidence: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="share of the votes, or mean probability, that the chosen label needs; with gold, calibrated",
    )
    gold: GoldName | None = Field(
        default=None, description="rows with labels set by people, never shown: they calibrate the confidence"
    )
    precision: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the kept labels that should be right, in place of min_confidence; needs gold",
    )
    shortlist: int = Field(default=20, ge=2, description="labels shown at most: the nearest to the text by embedding")
    on_disagreement: OnDisagreement = Field(
        default="drop", description="what happens when another label than the intended one is chosen"
    )
    on_low_confidence: Literal["drop", "review"] = Field(
        default="drop", description="what happens below the confidence needed"
    )
    sampling: SamplingOptions = Field(default=SamplingOptions(), description="overrides the prompt's own sampling")

    @model_validator(mode="before")
    @classmethod
    def _has_its_prompt(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("method") == "logprobs":
            return {"prompt": "choice_letters", **given}
        return given

    @model_validator(mode="after")
    def _has_letters(self) -> Choice:
        if self.method == "logprobs" and self.shortlist > len(CODES):
            raise ValueError(f"shortlist is {self.shortlist}, but by probabilities there are {len(CODES)} letters")
        return self

    @model_validator(mode="after")
    def _has_one_limit(self) -> Choice:
        if self.precision is not None and self.gold is None:
            raise ValueError("precision needs gold: the source of the rows with known labels on which it is measured")
        if self.precision is not None and "min_confidence" in self.model_fields_set:
            raise ValueError(
                "precision chooses the confidence that is needed, so take min_confidence out, or precision"
            )
        if self.gold is not None and self.gold == self.source:
            raise ValueError(
                f"gold and source are both {self.gold!r}, but a row shown as an example cannot measure accuracy"
            )
        return self

    @property
    def min_gold_rows(self) -> int:
        """How many gold rows a precision can be estimated from."""
        return 0 if self.precision is None else FEWEST

    @property
    def requests_per_record(self) -> int:
        """How many requests it makes about a text: one a vote."""
        return self.votes

    def start(self, context: Context, name: str) -> LabellerSession:
        """Return the labeller at work in one run."""
        desk = VotingSession(self, context, name) if self.method == "votes" else LogprobSession(self, context, name)
        if self.gold is None:
            return desk
        unsure = "every text waits for a person" if self.on_low_confidence == "review" else "every text is dropped"
        wish = CalibrationTarget(self.gold, self.precision, self.min_confidence, unsure)
        return CalibratedSession(desk, context.sources[self.gold], wish, self.decide, name)

    def decide(
        self, record: Record, item: str, chosen: tuple[str, ...], confidence: float, bar: Threshold | None = None
    ) -> tuple[Record, Verdict | None]:
        """Return the record with chosen and intended label and confidence, and what that means for it.

        The confidence needs `min_confidence`, or what `bar` says.
        """
        intended = record.labels
        fields = {**record.fields, "chosen_label": ", ".join(chosen), "intended_label": ", ".join(intended)}
        labels = chosen if not intended or self.on_disagreement == "relabel" else intended
        measures = {**record.scores, item: confidence}
        verdict = self._verdict(chosen, intended, confidence, bar or self._bar)
        return Record(record.text, record.provenance, labels, fields, measures), verdict

    @property
    def _bar(self) -> Threshold:
        few = "the votes for a label are too few" if self.method == "votes" else "no label is probable enough"
        return Threshold(self.min_confidence, few)

    def _verdict(
        self, chosen: Sequence[str], intended: Sequence[str], confidence: float, bar: Threshold
    ) -> Verdict | None:
        limit = bar.limit
        if limit is None or confidence < limit:
            return Verdict(bar.reason, confidence, limit, needs_review=self.on_low_confidence == "review")
        if intended and set(chosen) != set(intended) and self.on_disagreement != "relabel":
            told = f"the model chose another label: {', '.join(sorted(chosen))}"
            return Verdict(told, confidence, limit, needs_review=self.on_disagreement == "review")
        return None


class VotingSession:
    """Asks `votes` times about each record and counts the answers."""

    def __init__(self, step: Choice, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling: Sampling = merge_sampling(self._prompt.sampling, step.sampling)
        self._shortlist = Shortlist(context, step.shortlist)
        self._by_key = {_folded(name): name for name in context.labels}
        self._examples: dict[str, Record] = {}
        for seed in context.sources[step.source] if step.source is not None else ():
            self._examples.setdefault(seed.label or "", seed)

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return one ask a vote for each record, each with the labels in its own order, seeded by the record's id."""
        votes = range(self._step.votes)
        shown = self._shortlist.labels_for(records)
        return [
            [self._ask(record, list(names), vote) for vote in votes]
            for record, names in zip(records, shown, strict=True)
        ]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with chosen and intended label and confidence, and what that means for it."""
        ballots = [self._ballot(completion) for completion in completions if completion.failure is None]
        counts = Counter(label for ballot in ballots for label in ballot)
        if not counts:
            told = next((one.failure or one.text for one in completions), "")
            return record, Verdict(f"the model named none of the labels: {told.strip()[:80]!r}")
        chosen = self._winners(counts, len(completions))
        confidence = round(min(counts[label] for label in chosen) / len(completions), 4)
        return self._step.decide(record, self._item, chosen, confidence)

    def _winners(self, counts: Counter[str], votes: int) -> tuple[str, ...]:
        order = list(self._context.labels)
        if self._context.multi_label:
            agreed = [label for label in order if counts[label] * 2 > votes]
            if agreed:
                return tuple(agreed)
        return (max(order, key=lambda label: counts[label]),)

    def _ballot(self, completion: Completion) -> list[str]:
        """Read one answer: the label names in it, or [] when it is none of them; nothing is guessed."""
        reading = self._prompt.reader.read(completion.text, cut=completion.finish == "length")
        pieces = [
            piece for text in reading.texts for piece in (text.split(",") if self._context.multi_label else [text])
        ]
        named = [self._by_key.get(_folded(piece)) for piece in pieces]
        found = list(dict.fromkeys(name for name in named if name is not None))
        return found if self._context.multi_label or len(found) == 1 else []

    def _ask(self, record: Record, names: list[str], vote: int) -> GenerationRequest:
        random.Random(f"{self._context.seed}:{self._item}:{record.id}:{vote}").shuffle(names)
        examples = [self._examples[name] for name in names if name in self._examples]
        values: dict[str, object] = {
            "domain": self._step.domain,
            "text": record.text,
            "labels": [{"name": name, "description": self._context.labels[name]} for name in names],
            "examples": [{"text": seed.text, "label": seed.label} for seed in examples],
            "language": language_name(self._context.language),
        }
        return GenerationRequest(
            step=self._item,
            model=self._step.model,
            prompt=self._prompt.render(values),
            sampling=self._sampling,
            parent_ids=(record.id,),
            example_ids=tuple(seed.id for seed in examples),
            constraint=None if self._context.multi_label else self._constraint(names),
        )

    def _constraint(self, names: Sequence[str]) -> Constraint:
        # in the recipe's order: an engine makes one grammar of it for all the orders that are shown
        allowed = [name for name in self._context.labels if name in names]
        return Constraint("choice", json.dumps(allowed, ensure_ascii=False), in_prompt=True)


def _folded(name: str) -> str:
    return name.strip().strip("\"'`.*").casefold().replace("_", " ")

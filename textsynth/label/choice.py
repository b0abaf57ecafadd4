"""Lets a model choose the label of each text, without knowing the intended label (label-then-verify).

`method: votes` asks the model several times, each time with the labels in another random order, so that a preference
for the first option does not count as an answer (option bias: Zheng et al. 2023, arXiv 2309.03882). The confidence is
the share of the votes for the chosen label, 0 to 1. `method: logprobs` reads the probability of each label's letter
instead, averaged over the orders: a finer confidence, for one token per request. It needs a server that returns
log-probabilities (vLLM, llama.cpp and OpenAI do).

With `multi_label: true` an answer may name several labels. Those with more than half of the votes are chosen; they must
be exactly the intended ones, and the confidence is the share of the votes for the one that has fewest.

Where the recipe has more labels than `shortlist`, the prompt lists the nearest ones by embedding; the intended label is
always among them and is not marked. The data set keeps intended label, chosen label and confidence.

With `gold`, a source of rows labelled by people, the model first labels these rows, and its confidence is calibrated:
it becomes the share of gold rows that are correct at this confidence. `precision` then chooses the lowest threshold
from which on at least this share of the gold rows is correct (calibration.py has the method and its accuracy).

`models` and `prompts` ask several judges: every model with every prompt, `votes` times each. `combine: majority` counts
all votes. `combine: dawid_skene` estimates how reliable each judge is for each label, and weighs its votes by that
(vote_combination.py); `combine: glad` estimates how able each judge and how easy each text is (glad.py). The confidence
is then the probability of the chosen label, and several votes of a judge on a text count as one. Manifest and report
show the reliability of each judge, estimated on the gold rows or from the votes.

Use it with models that a server runs: a model of 135M parameters chooses hardly better than chance. For small models
the filter `agreement` is better.

Does not catch: a label whose meaning the model misunderstands; texts that fit two labels equally well; without `gold`,
overconfidence of the model. With `gold`: a lower accuracy on texts that differ from the gold rows, and what few rows
cannot show (see the interval). Votes of one model share its errors, so more votes raise the confidence more than the
accuracy; so do votes of several prompts of one model, which makes the confidence by `dawid_skene` and `glad`
too high without `gold`. Copies of gold rows among the texts: use `leak: {source: …}` against them.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from textsynth.core.errors import UsageError
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.options import GoldName, ModelName, PromptName, SamplingOptions, SourceName
from textsynth.core.protocols import Context, Labeller, merge_sampling
from textsynth.core.records import Completion, Constraint, GenerationRequest, Record, Verdict
from textsynth.core.sessions import LabellerSession
from textsynth.label.calibrated import CalibratedSession
from textsynth.label.calibration import MIN_ROWS
from textsynth.label.calibration_report import CalibrationTarget
from textsynth.label.decision_rule import DecisionRule, OnDisagreement, OnLowConfidence, Threshold
from textsynth.label.judge_panel import Combination, JudgePanel, PanelJudge, check_unique, with_first
from textsynth.label.label_probabilities import LETTERS, LabelPermutations
from textsynth.label.logprob_labeller import LogprobSession
from textsynth.label.shortlist import Shortlist
from textsynth.prompts import Prompt
from textsynth.text.languages import language_name

MIN_BLIND_JUDGES = 3
"""Minimum number of judges whose reliability can be estimated from their votes alone."""
LOW_CONFIDENCE = {
    "votes": "too few votes for the chosen label",
    "logprobs": "the probability of the chosen label is too low",
}
"""The reason of a verdict below `min_confidence`, by method."""


class Choice(Labeller):
    """A model chooses the label. A disagreement drops the text, sends it to review, or relabels it."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {"text", "labels", "examples", "language", "domain", "multi_label"}
    )

    model: ModelName = Field(default="generator", description="the model that chooses, by its name under `models`")
    method: Literal["votes", "logprobs"] = Field(
        default="votes", description="count the model's answers, or read the probabilities of the labels' letters"
    )
    prompt: PromptName = Field(
        default="choice", description="the prompt template; with method: logprobs the default is choice_letters"
    )
    domain: str = Field(
        default="", description="what the texts are, in one line, such as messages of a bank's customers"
    )
    source: SourceName | None = Field(
        default=None, description="seed examples for the prompt: the first one of each label is shown"
    )
    models: tuple[ModelName, ...] = Field(default=(), description="several models in place of `model`, each a judge")
    prompts: tuple[PromptName, ...] = Field(
        default=(), description="several prompts in place of `prompt`; each model with each prompt is a judge"
    )
    combine: Combination = Field(
        default="majority",
        description="count all votes, or weigh each judge by its estimated reliability for each label (Dawid-Skene), "
        "or by its ability and the difficulty of each text (GLAD)",
    )
    votes: int = Field(
        default=3, ge=1, description="requests per text and judge, each with another order of the labels"
    )
    min_confidence: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="minimum share of the votes, or mean probability, of the chosen label; with gold it is calibrated",
    )
    gold: GoldName | None = Field(
        default=None, description="rows labelled by people, never shown in prompts, which calibrate the confidence"
    )
    precision: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the kept labels that should be correct; replaces min_confidence and needs gold",
    )
    shortlist: int = Field(
        default=20, ge=2, description="maximum number of labels in a prompt: the nearest to the text by embedding"
    )
    on_disagreement: OnDisagreement = Field(
        default="drop", description="what to do with a text for which another than the intended label is chosen"
    )
    on_low_confidence: OnLowConfidence = Field(
        default="drop", description="what to do with a text whose confidence is too low"
    )
    sampling: SamplingOptions = Field(
        default=SamplingOptions(), description="sampling that overrides the prompt's own; only with method: votes"
    )

    @model_validator(mode="before")
    @classmethod
    def _set_defaults(cls, options: object) -> object:
        if not isinstance(options, dict):
            return options
        prompt = {"prompt": "choice_letters"} if options.get("method") == "logprobs" else {}
        return {**prompt, **with_first(options, "model", "prompt")}

    @model_validator(mode="after")
    def _check_judges(self) -> Choice:
        if len(self.judges) > 1 and self.method == "logprobs":
            raise ValueError("several models or prompts are combined by their votes, and method is logprobs: use votes")
        check_unique(models=self.models, prompts=self.prompts)
        if self.combine != "majority" and len(self.judges) < 2:
            raise ValueError(f"combine: {self.combine} needs several judges; name them in models or prompts")
        if self.combine != "majority" and len(self.judges) < MIN_BLIND_JUDGES and self.gold is None:
            raise ValueError(
                f"combine: {self.combine} has {len(self.judges)} judges, and needs {MIN_BLIND_JUDGES} or more, or gold"
                " rows, to estimate how reliable they are"
            )
        return self

    @model_validator(mode="after")
    def _check_letters(self) -> Choice:
        if self.method == "logprobs" and self.shortlist > len(LETTERS):
            raise ValueError(
                f"shortlist is {self.shortlist}, but method: logprobs has {len(LETTERS)} letters for labels"
            )
        return self

    @model_validator(mode="after")
    def _check_threshold(self) -> Choice:
        if self.precision is not None and self.gold is None:
            raise ValueError("precision needs gold: a source of labelled rows on which it is measured")
        if self.precision is not None and "min_confidence" in self.model_fields_set:
            raise ValueError("precision and min_confidence both set the confidence that is needed; remove one of them")
        if self.gold is not None and self.gold == self.source:
            raise ValueError(
                f"gold and source are both {self.gold!r}, but a row shown as an example cannot measure accuracy"
            )
        return self

    @property
    def min_gold_rows(self) -> int:
        """The minimum number of gold rows: MIN_ROWS with a precision, otherwise 0."""
        return 0 if self.precision is None else MIN_ROWS

    @property
    def judges(self) -> list[PanelJudge]:
        """The judges: every model with every prompt."""
        return [
            PanelJudge(model, prompt)
            for model in self.models or (self.model,)
            for prompt in self.prompts or (self.prompt,)
        ]

    @property
    def requests_per_record(self) -> int:
        """The number of requests for each text: one for each vote of each judge."""
        return self.votes * len(self.judges)

    def start(self, context: Context, name: str) -> LabellerSession:
        """Return the labeller's session. `name` is the labeller's name in the recipe."""
        threshold = Threshold(self.min_confidence, LOW_CONFIDENCE[self.method])
        rule = DecisionRule(name, threshold, self.on_disagreement, self.on_low_confidence)
        session = self._voting(context, rule) if self.method == "votes" else self._logprobs(context, rule)
        if self.gold is None:
            return session
        target = CalibrationTarget(self.gold, self.precision, self.min_confidence)
        return CalibratedSession(session, context.sources[self.gold], target, rule)

    def _voting(self, context: Context, rule: DecisionRule) -> LabellerSession:
        examples = _first_of_each_label(context, self.source)
        if len(self.judges) == 1:
            return VotingSession(self, context, rule, examples)
        if context.multi_label and self.combine != "majority":
            raise UsageError(
                f"{rule.labeller}: combine: {self.combine} chooses exactly one label, but the recipe has multi_label:"
                " true; use combine: majority"
            )
        return PanelVotingSession(self, context, rule, examples)

    def _logprobs(self, context: Context, rule: DecisionRule) -> LabellerSession:
        examples = _first_of_each_label(context, self.source)
        permutations = LabelPermutations(
            context.find_prompt(self.prompt, self.model),
            context.labels,
            count=self.votes,
            seed=f"{context.seed}:{rule.labeller}",
            values={"domain": self.domain, "language": language_name(context.language)},
            examples={label: context.task.prompt_text(seed) for label, seed in examples.items()},
        )
        shortlist = Shortlist(context, self.shortlist)
        return LogprobSession(context, rule, model=self.model, permutations=permutations, shortlist=shortlist)


class VotingSession:
    """Asks a model `votes` times for the label of each record and counts the answers."""

    def __init__(self, step: Choice, context: Context, rule: DecisionRule, examples: dict[str, Record]) -> None:
        self._step = step
        self._context = context
        self._rule = rule
        self._examples = examples
        self._judges = [(judge.model, context.find_prompt(judge.prompt, judge.model)) for judge in step.judges]
        self._shortlist = Shortlist(context, step.shortlist)
        self._labels_by_key = {_normalize(name): name for name in context.labels}

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return for each record one request for each vote, judge after judge.

        The record's id seeds the order of the labels.
        """
        return [
            [
                self._request(record, list(labels), judge, vote)
                for judge in self._judges
                for vote in range(self._step.votes)
            ]
            for record, labels in zip(records, self._shortlist.labels_for(records), strict=True)
        ]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with chosen label, intended label and confidence, and a verdict (None keeps it).

        A failed request counts as a vote for no label.
        """
        counts = Counter(label for votes in self.votes_of(completions) for label in votes)
        if not counts:
            answer = next((completion.failure or completion.text for completion in completions), "")
            return record, Verdict(f"the model named none of the labels: {answer.strip()[:80]!r}")
        chosen, confidence = self._choose(counts, completions)
        return self._rule.decide(record, chosen, confidence)

    def votes_of(self, completions: Sequence[Completion]) -> list[list[str]]:
        """Return the labels that each judge named for one text, in the order of its votes."""
        votes: list[list[str]] = [[] for _ in self._judges]
        for index, completion in enumerate(completions):
            judge = index // self._step.votes
            if completion.failure is None:
                votes[judge] += self._labels_in(completion, self._judges[judge][1])
        return votes

    def _choose(self, counts: Counter[str], completions: Sequence[Completion]) -> tuple[tuple[str, ...], float]:
        """Return the chosen labels and their confidence, from the number of votes for each label."""
        chosen = self._winners(counts, len(completions))
        return chosen, round(min(counts[label] for label in chosen) / len(completions), 4)

    def _winners(self, counts: Counter[str], votes: int) -> tuple[str, ...]:
        """Return the label with most votes (ties: the first in the recipe).

        Where texts may have several labels, return all labels with more than half of the votes if there are any.
        """
        labels = list(self._context.labels)
        if self._context.multi_label:
            majority = [label for label in labels if counts[label] * 2 > votes]
            if majority:
                return tuple(majority)
        return (max(labels, key=lambda label: counts[label]),)

    def _labels_in(self, completion: Completion, prompt: Prompt) -> list[str]:
        """Return the labels that an answer names, [] where it is not exactly a label; nothing is guessed."""
        answer = prompt.reader.read(completion.text, truncated=completion.finish == "length")
        several = self._context.multi_label
        names = [name for text in answer.texts for name in (text.split(",") if several else [text])]
        labels = [self._labels_by_key.get(_normalize(name)) for name in names]
        unique = list(dict.fromkeys(label for label in labels if label is not None))
        return unique if several or len(unique) == 1 else []

    def _request(self, record: Record, labels: list[str], judge: tuple[str, Prompt], vote: int) -> GenerationRequest:
        model, prompt = judge
        random.Random(f"{self._context.seed}:{self._rule.labeller}:{record.id}:{vote}").shuffle(labels)
        shown = {self._examples[label].id: self._examples[label] for label in labels if label in self._examples}
        examples = list(shown.values())
        values: dict[str, object] = {
            "domain": self._step.domain,
            "text": self._context.task.prompt_text(record),
            "labels": [{"name": label, "description": self._context.labels[label]} for label in labels],
            "examples": [
                {"text": self._context.task.prompt_text(seed), "label": ", ".join(seed.labels)} for seed in examples
            ],
            "multi_label": self._context.multi_label,
            "language": language_name(self._context.language),
        }
        return GenerationRequest(
            step=self._rule.labeller,
            model=model,
            prompt=prompt.render(values),
            sampling=merge_sampling(prompt.sampling, self._step.sampling),
            parent_ids=(record.id,),
            example_ids=tuple(seed.id for seed in examples),
            constraint=None if self._context.multi_label else self._constraint(labels),
        )

    def _constraint(self, labels: Sequence[str]) -> Constraint:
        # In the recipe's order: an engine then compiles one grammar for all orders of the same labels.
        allowed = [label for label in self._context.labels if label in labels]
        return Constraint("choice", json.dumps(allowed, ensure_ascii=False), in_prompt=True)


class PanelVotingSession(VotingSession):
    """Asks several judges for the label of each record, combines their votes, and estimates their reliability."""

    def __init__(self, step: Choice, context: Context, rule: DecisionRule, examples: dict[str, Record]) -> None:
        super().__init__(step, context, rule, examples)
        self._panel = JudgePanel(step.judges, list(context.labels), step.combine)

    def observe_responses(self, answers: Sequence[Sequence[Completion]]) -> None:
        """Add the votes on each text of a batch to those from which the reliability is estimated."""
        self._panel.add([self.votes_of(completions) for completions in answers])

    def fit_gold(self, rows: Sequence[Record], answers: Sequence[Sequence[Completion]]) -> None:
        """Estimate the reliability from the answers about gold rows, in place of any earlier estimate.

        A row with several labels counts with its first one.
        """
        votes = [self.votes_of(completions) for completions in answers]
        self._panel.fit_gold(votes, [row.labels[0] for row in rows])

    def judges_summary(self) -> JudgesSummary | None:
        """Return the reliability of each judge; None without an answer."""
        return self._panel.summary(self._rule.labeller)

    def _choose(self, counts: Counter[str], completions: Sequence[Completion]) -> tuple[tuple[str, ...], float]:
        if self._step.combine == "majority":
            return super()._choose(counts, completions)
        probabilities = self._panel.probabilities(self.votes_of(completions))
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return (list(self._context.labels)[best],), round(probabilities[best], 4)


def _first_of_each_label(context: Context, source: str | None) -> dict[str, Record]:
    """Return the first row of each label of a source, {} without a source; a row may be that of several labels."""
    rows: dict[str, Record] = {}
    for row in context.sources[source] if source is not None else ():
        for label in row.labels or ("",):
            rows.setdefault(label, row)
    return rows


def _normalize(name: str) -> str:
    return name.strip().strip("\"'`.*").casefold().replace("_", " ")

"""Lets a model judge each text by a rubric: criteria in words, points for each, and how many points keep a text.

The model sees the text (of a pair, a paraphrase or a summary all of its texts), the labels with their descriptions
where there are labels, and the criteria. It answers with a reason and a whole number of points from 1 to `scale` for
each criterion. The mean over the criteria, votes and models is compared with `min_points`. A text without labels is
judged in the same way, so the labeller also works for paraphrases and summaries.

With `gold`, a source of rows labelled by people, the points become a probability that the label is correct. Each gold
row is judged twice before the first text: with its own label, which is right, and with another label drawn at random,
which is wrong. Isotonic regression turns points, as a share of the scale, into the share that is right
(calibration.py). `precision` then chooses the lowest threshold from which on at least this share is right, with one
right and one wrong row added (the rule of succession). Simulated with models of known behaviour and a precision of .95:
with 100 gold rows 97 to 99 % of the kept labels are right. A model whose best points are right in only 90 % keeps
nothing in 14 of 15 runs, and in the others, where it reached the precision by luck, 90 % are right.

The score under the labeller's name is the number that is compared with its limit: the calibrated probability with
`gold`, otherwise the mean points. `NAME_points` has the mean points, `NAME_limit` the limit.

Criteria as prompts: G-Eval (Liu et al. 2023, arXiv 2303.16634), Prometheus (Kim et al. 2023, arXiv 2310.08491).

Does not catch: a label that fits less well than another, as the prompt names only the label of the text (`choice` has
the model choose); errors that are more like the right label than a random label is, so the probability of a calibrated
text is too high where most errors are of that kind; a preference of the model for its own texts or for long ones. The
probability assumes that half of the labels are right, as among the judged gold rows: where more are right it is too
low, where fewer are right it is too high.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from pydantic import Field, model_validator

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.errors import UsageError
from textsynth.core.options import GoldName, ModelName, PromptName, SamplingOptions, Texts
from textsynth.core.protocols import Context, Labeller, merge_sampling
from textsynth.core.records import Completion, Constraint, GenerationRequest, Record, Sampling, Verdict
from textsynth.core.sessions import LabellerSession
from textsynth.label.calibrated import choose_threshold
from textsynth.label.calibration import MIN_ROWS, Calibration, calibrate
from textsynth.label.calibration_report import (
    CalibratedLabeller,
    CalibrationTarget,
    CalibrationWords,
    GoldOutcome,
    summarize,
)
from textsynth.label.decision_rule import OnLowConfidence, Threshold
from textsynth.label.judge_panel import check_unique, with_first
from textsynth.prompts import Prompt
from textsynth.text.languages import language_name

LABEL_CRITERION = {"label": "the label fits what the text mainly says, and it fits all of it"}
QUALITY_CRITERION = {"natural": "the text is clear, and written as a person would write it"}
POINTS = "points"
"""The field of an answer with the points of each criterion."""
TOO_FEW_POINTS = "too few points"
DECIMALS = 4
CALIBRATION_WORDS = CalibrationWords("judged gold row", "judged correctly", "got no points")


class Judge(Labeller):
    """A model gives points for criteria. Too few points drop the text or send it to review."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {"texts", "labels", "criteria", "levels", "max_points", "language", "domain"}
    )

    criteria: Mapping[str, str] = Field(
        default={},
        description="name: what fully meets it; default: `label` (it fits the text), where there are labels, and"
        " `natural`",
    )
    scale: int = Field(default=5, ge=2, le=100, description="the highest number of points of a criterion; 1 is lowest")
    levels: Texts = Field(default=(), description="in words what each number of points is for, from 1 up to `scale`")
    min_points: float = Field(default=4.0, ge=1, description="minimum mean of all points that keeps a text")
    model: ModelName = Field(default="generator", description="the model that judges, by its name under `models`")
    models: tuple[ModelName, ...] = Field(
        default=(), description="several models in place of `model`; the mean of their points counts"
    )
    prompt: PromptName = Field(default="judge", description="the prompt template")
    domain: str = Field(
        default="", description="what the texts are, in one line, such as messages of a bank's customers"
    )
    votes: int = Field(default=1, ge=1, description="requests per text, each with the criteria in another order")
    gold: GoldName | None = Field(
        default=None, description="rows labelled by people, on which points are turned into a probability"
    )
    precision: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the kept labels that should be correct; replaces min_points and needs gold",
    )
    on_low_confidence: OnLowConfidence = Field(
        default="drop", description="what to do with a text that has too few points, or too low a probability"
    )
    sampling: SamplingOptions = Field(default=SamplingOptions(), description="sampling that overrides the prompt's own")

    @model_validator(mode="before")
    @classmethod
    def _set_model(cls, options: object) -> object:
        return with_first(options, "model") if isinstance(options, dict) else options

    @model_validator(mode="after")
    def _check_rubric(self) -> Judge:
        check_unique(models=self.models)
        if any(not name.strip() or not description.strip() for name, description in self.criteria.items()):
            raise ValueError("a criterion has a name and a description in words, but one of them is empty")
        if self.levels and len(self.levels) != self.scale:
            raise ValueError(f"levels describes {len(self.levels)} numbers of points, but scale is {self.scale}")
        if self.min_points > self.scale:
            raise ValueError(f"min_points is {self.min_points:g}, but a criterion gets at most {self.scale} points")
        return self

    @model_validator(mode="after")
    def _check_votes(self) -> Judge:
        orders = len(self.criteria) or len({**LABEL_CRITERION, **QUALITY_CRITERION})
        if self.votes > orders:
            raise ValueError(
                f"votes is {self.votes}, but the criteria have only {orders} orders, and a model answers the same"
                " request in the same way"
            )
        return self

    @model_validator(mode="after")
    def _check_precision(self) -> Judge:
        if (self.gold is None) != (self.precision is None):
            raise ValueError(
                "gold and precision belong together: the labelled rows, and the share of the kept labels that should be"
                " correct on them"
            )
        if self.precision is not None and "min_points" in self.model_fields_set:
            raise ValueError("precision and min_points both set how many points are needed; remove one of them")
        return self

    @property
    def needs_labels(self) -> bool:
        """Whether the recipe must have labels: only with `gold`."""
        return self.gold is not None

    @property
    def label_confidence(self) -> bool:
        """Whether the score is a probability: only with `gold`."""
        return self.gold is not None

    @property
    def min_gold_rows(self) -> int:
        """The minimum number of gold rows where there are any: MIN_ROWS."""
        return 0 if self.gold is None else MIN_ROWS

    @property
    def requests_per_record(self) -> int:
        """The number of requests for each text: one for each vote of each model."""
        return self.votes * len(self.judging_models)

    @property
    def requests_per_gold_row(self) -> int:
        """The number of requests for each gold row: it is judged with its own label and with a wrong one."""
        return 2 * self.requests_per_record

    @property
    def judging_models(self) -> tuple[str, ...]:
        """The models that judge, by their names in the recipe."""
        return self.models or (self.model,)

    def start(self, context: Context, name: str) -> LabellerSession:
        """Return the labeller's session. `name` is the labeller's name in the recipe."""
        session = JudgingSession(self, context, name)
        if self.gold is None:
            return session
        return CalibratedJudgingSession(self, context, session)


class Judgement(NamedTuple):
    """The mean points of a text, None where no answer could be read, and the mean of each criterion by its name."""

    points: float | None
    by_criterion: Mapping[str, float]


class JudgingSession:
    """Asks for points about each record and compares their mean with the limit."""

    def __init__(self, step: Judge, context: Context, name: str) -> None:
        self.name = name
        self._step = step
        self._context = context
        self._prompt: Prompt = context.find_prompt(step.prompt, step.model)
        self._sampling: Sampling = merge_sampling(self._prompt.sampling, step.sampling)
        self._criteria = dict(step.criteria) or {
            **(LABEL_CRITERION if context.labels else {}),
            **QUALITY_CRITERION,
        }
        self._constraint = _constraint(list(self._criteria), step.scale)

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return for each record one request for each vote, model after model; [] where it has no label to judge."""
        votes = self._step.votes
        return [
            [self._request(record, model, vote) for model in self._step.judging_models for vote in range(votes)]
            if self._can_judge(record)
            else []
            for record in records
        ]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with its points and their limit as scores, and a verdict (None keeps it)."""
        judgement = self.judge(completions)
        if judgement.points is None:
            return record, self.unread_verdict(record, completions)
        threshold = Threshold(self._step.min_points, TOO_FEW_POINTS)
        return self.decide(record, judgement, judgement.points, threshold)

    def judge(self, completions: Sequence[Completion]) -> Judgement:
        """Return the mean points in the answers that can be read; failed requests are left out."""
        answers = [points for completion in completions if (points := self._points_in(completion)) is not None]
        if not answers:
            return Judgement(None, {})
        means = {name: sum(points[name] for points in answers) / len(answers) for name in self._criteria}
        return Judgement(round(sum(means.values()) / len(means), DECIMALS), means)

    def decide(
        self, record: Record, judgement: Judgement, score: float, threshold: Threshold
    ) -> tuple[Record, Verdict | None]:
        """Return the record with its scores, and a verdict where the score is below the threshold."""
        limit = threshold.min_confidence
        scores = {self.name: score, f"{self.name}_points": judgement.points or 0.0}
        judged = record.with_scores(scores if limit is None else {**scores, f"{self.name}_limit": limit})
        if limit is not None and score >= limit:
            return judged, None
        points = ", ".join(f"{name} {mean:g}" for name, mean in judgement.by_criterion.items())
        needs_review = self._step.on_low_confidence == "review"
        return judged, Verdict(f"{threshold.reason}: {points}", score, limit, needs_review=needs_review)

    def unread_verdict(self, record: Record, completions: Sequence[Completion]) -> Verdict:
        """Return the verdict for a record about which no answer could be read."""
        if not self._can_judge(record):
            return Verdict("it has no label to judge")
        answer = next((completion.failure or completion.text for completion in completions), "")
        return Verdict(f"the model gave no points: {answer.strip()[:80]!r}")

    def _can_judge(self, record: Record) -> bool:
        return bool(record.labels) or not self._context.labels

    def _points_in(self, completion: Completion) -> Mapping[str, int] | None:
        """Return the points of each criterion; None where one is missing or is no number of the scale."""
        if completion.failure is not None:
            return None
        answer = self._prompt.reader.read(completion.text, truncated=completion.finish == "length")
        value = answer.fields[0].get(POINTS) if len(answer.fields) == 1 else None
        points = {name: value.get(name) for name in self._criteria} if isinstance(value, Mapping) else {}
        numbers = {name: number for name, number in points.items() if type(number) is int}
        valid = len(numbers) == len(self._criteria) and all(1 <= n <= self._step.scale for n in numbers.values())
        return numbers if valid else None

    def _request(self, record: Record, model: str, vote: int) -> GenerationRequest:
        criteria = list(self._criteria.items())
        order = [*criteria[vote % len(criteria) :], *criteria[: vote % len(criteria)]]
        levels = self._step.levels or [""] * self._step.scale
        task = self._context.task
        values: dict[str, object] = {
            "domain": self._step.domain,
            "language": language_name(self._context.language),
            "texts": [
                {"name": task.fields_shown[column], "text": text} for column, text in task.column_texts(record).items()
            ],
            "labels": [{"name": name, "description": self._context.labels.get(name, "")} for name in record.labels],
            "criteria": [{"name": name, "description": description} for name, description in order],
            "levels": [{"points": points, "description": text} for points, text in enumerate(levels, 1)],
            "max_points": self._step.scale,
        }
        return GenerationRequest(
            step=self.name,
            model=model,
            prompt=self._prompt.render(values),
            sampling=self._sampling,
            parent_ids=(record.id,),
            constraint=self._constraint,
        )


class CalibratedJudgingSession:
    """A judging session whose points are turned into the probability that the label is right."""

    def __init__(self, step: Judge, context: Context, session: JudgingSession) -> None:
        """Raises UsageError where the recipe has only one label, so that no label of a gold row can be wrong."""
        self._session = session
        self._on_low_confidence: OnLowConfidence = step.on_low_confidence
        self._target = CalibrationTarget(step.gold or "", step.precision, 0.0)
        rows = context.sources[self._target.source]
        self._gold = judged_rows(rows, list(context.labels), seed=f"{context.seed}:{session.name}")
        if rows and not any(not judged.right for judged in self._gold):
            raise UsageError(
                f"{session.name}: gold rows are judged with a wrong label too, but the recipe has no second label: add"
                " one, or remove gold and precision"
            )
        self._scale = step.scale
        self._calibration = Calibration(())
        self._threshold = Threshold(None, "the labeller is not calibrated yet")

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return the requests for each record."""
        return self._session.build_requests(records)

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with points, calibrated probability and limit as scores, and a verdict (None keeps it)."""
        judgement = self._session.judge(completions)
        if judgement.points is None:
            return record, self._session.unread_verdict(record, completions)
        return self._session.decide(record, judgement, self._probability(judgement.points), self._threshold)

    def gold_records(self) -> Sequence[Record]:
        """Return each gold row with its own labels, followed by the same row with wrong ones."""
        return [judged.row for judged in self._gold]

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        """Fit the probability to the points of the gold rows, and choose the threshold for the precision.

        The model is right about a row where its points make a right label more probable than not, or a wrong one less.
        """
        judgements = [self._session.judge(completions) for completions in answers]
        judged = list(zip(self._gold, judgements, strict=True))
        points = [
            (self._share(judgement.points), row.right) for row, judgement in judged if judgement.points is not None
        ]
        self._calibration = calibrate(points)
        self._threshold = choose_threshold(self._target, points, self._calibration, cautious=True)
        outcomes = [GoldOutcome(row.row.labels, self._agrees(judgement, right=row.right)) for row, judgement in judged]
        labeller = CalibratedLabeller(self._session.name, self._threshold.min_confidence, self._on_low_confidence)
        return summarize(labeller, self._target, outcomes, points, self._calibration, CALIBRATION_WORDS)

    def _agrees(self, judgement: Judgement, *, right: bool) -> bool:
        return judgement.points is not None and (self._probability(judgement.points) > 0.5) is right

    def _probability(self, points: float) -> float:
        return self._calibration.apply(self._share(points))

    def _share(self, points: float) -> float:
        """Return points as a share of the scale: 0 for the lowest, 1 for the highest."""
        return round((points - 1) / (self._scale - 1), DECIMALS)


class JudgedRow(NamedTuple):
    """A gold row under the labels that are judged, and whether they are its own."""

    row: Record
    right: bool


def judged_rows(rows: Sequence[Record], labels: Sequence[str], *, seed: str) -> list[JudgedRow]:
    """Return each row twice: with its own labels, and with wrong ones drawn at random, which depend on row and seed.

    A row with one label gets another of `labels`. A row with several gets the label set of another row, or a single
    label that it does not have. A row for which there are no wrong labels is returned once.
    """
    label_sets = sorted({row.labels for row in rows} | {(label,) for label in labels})
    judged: list[JudgedRow] = []
    for row in rows:
        judged.append(JudgedRow(row, right=True))
        sizes = {1} if len(row.labels) == 1 else {1, len(row.labels)}
        others = [
            other
            for other in label_sets
            if set(other) != set(row.labels) and len(other) in sizes and not set(other) < set(row.labels)
        ]
        if others:
            other = random.Random(f"{seed}:{row.id}").choice(others)
            judged.append(JudgedRow(row.with_labels(other), right=False))
    return judged


def _constraint(criteria: Sequence[str], scale: int) -> Constraint:
    """Return the JSON schema of an answer; the prompt states all of it."""
    number = {"type": "integer", "minimum": 1, "maximum": scale}
    points = _object_schema(dict.fromkeys(criteria, number))
    schema = _object_schema({"reason": {"type": "string"}, POINTS: points})
    return Constraint("json", json.dumps(schema, ensure_ascii=False), in_prompt=True)


def _object_schema(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }

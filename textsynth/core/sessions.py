"""The protocols of components at work in one run: the sessions of generators, filters and labellers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Verdict

EvaluateBatch = Callable[[Sequence[Record]], "list[Verdict | None]"]
"""Returns a verdict for each record, as `FilterSession.evaluate_batch` does."""


@dataclass(frozen=True, slots=True)
class QuotaDeficit:
    """A quota cell that is not met, and how many candidates to request for it.

    `cell` maps what the texts must have in common to its value (`{"label": "refund"}`; {} is the total). `candidates`
    already allows for the share of this generator's candidates that are usually dropped. With `single_pass` the
    generator offers everything it has once, and no more.
    """

    cell: Mapping[str, str]
    candidates: int
    single_pass: bool = False


class GeneratorSession(Protocol):
    """A generator in one run. Its state depends only on the calls made, in their order.

    A session whose requests depend on an answer is a `FollowUpSession`: it also defines `follow_up`.
    """

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return at most `max_requests` requests for the deficits; [] when the generator has nothing more to offer."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the candidates in the answer to `request`, in their order in the answer.

        `request_key` is the journal's key of the answer; `completion` is None for a request without a prompt. What
        cannot be parsed is a DroppedRecord of section `parse` whose record holds the raw answer.
        """

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Take note of the texts of one window that were accepted, in plan order; later prompts may depend on them."""


@runtime_checkable
class FollowUpSession(GeneratorSession, Protocol):
    """A generator session that may request something else once it has an answer.

    The requests that `plan_requests` returns must state the longest chain in `max_follow_ups`. Follow-ups are
    journalled and charged like every request.
    """

    def follow_up(self, request: GenerationRequest, completion: Completion) -> GenerationRequest | None:
        """Return the request to send next, or None to end the chain.

        It is called for each answered request, in plan order, and again for the answer to a follow-up. The last
        answer and its request are those that `parse_response` gets.
        """


class FilterSession(Protocol):
    """A filter in one run."""

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict for each record, in order; None keeps it and notes nothing.

        A filter that compares records looks at the committed ones and at the *earlier* records of the batch, and names
        a committed duplicate rather than one of the batch. The call changes nothing, but for a `PreviewSession`.
        """

    def commit(self, records: Sequence[Record]) -> None:
        """Add records that passed every filter and labeller to the session's memory, in order."""


@runtime_checkable
class PreviewSession(FilterSession, Protocol):
    """A filter session whose later verdicts depend on the batches that it has evaluated.

    The progress display asks at times that depend on the clock, and must not change the data set.
    """

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return what `evaluate_batch` would return now, without an effect on later verdicts."""


class LabellerSession(Protocol):
    """A labeller in one run: asks a model about each record, then reads the answers."""

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return, for each record in order, the requests about it; [] where nothing needs to be asked."""

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with its labels and scores, and a verdict (None keeps it)."""


@runtime_checkable
class CalibratableSession(LabellerSession, Protocol):
    """A labeller session that is calibrated on gold rows before it is asked about any text.

    The gold rows go through `build_requests` as texts do, so their requests are charged and journalled like all others.
    The run reports the result in its notes, manifest, card and report.
    """

    def gold_records(self) -> Sequence[Record]:
        """Return the gold rows to ask about, without their labels; [] skips the calibration."""

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        """Take the answers about each gold row, in order; `parse_responses` uses the result from then on."""


@runtime_checkable
class PanelSession(LabellerSession, Protocol):
    """A labeller session that asks several judges and learns from the answers how reliable each of them is."""

    def observe_responses(self, answers: Sequence[Sequence[Completion]]) -> None:
        """Take note of the answers about each text of a batch, before `parse_responses` gets any of them."""

    def judges_summary(self) -> JudgesSummary | None:
        """Return the reliability of each judge for the manifest; None where there is one judge, or no answer."""


def preview(session: FilterSession) -> EvaluateBatch:
    """Return the method by which a filter gives its verdicts at this moment without an effect on later ones."""
    return session.preview_batch if isinstance(session, PreviewSession) else session.evaluate_batch

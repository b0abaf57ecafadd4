"""What steps give back, looked at where it comes in: a slip in one of the user's own is a sentence that names it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.protocols import GeneratorSession, LabellerSession, QuotaDeficit
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Verdict

Begun = TypeVar("Begun")
LIST = "a list of GenerationRequest, [] where there is nothing to ask"
FOUND = "a list of Record and DroppedRecord"


def validate_session(name: str, given: Begun, methods: Sequence[str]) -> Begun:
    """Return what `begin` of the item `name` gave. Raises UsageError where it lacks one of the methods."""
    if all(callable(getattr(given, method, None)) for method in methods):
        return given
    raise UsageError(f"{name}: start gave {given!r:.60}, and gives an object with the methods {', '.join(methods)}")


class ValidatedGenerator:
    """A generator at work whose plans and readings are looked at; `name` is what the recipe calls it.

    `labels` are the recipe's; () where it has none.
    """

    def __init__(self, name: str, writer: GeneratorSession, labels: Collection[str] = ()) -> None:
        self._name = name
        self._labels = labels
        self._writer = validate_session(name, writer, ("plan_requests", "parse_response", "observe_accepted"))

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Plan. Raises UsageError where something else than a list of GenerationRequest comes back."""
        asks = self._writer.plan_requests(deficits, max_requests)
        if not isinstance(asks, (list, tuple)) or not all(isinstance(one, GenerationRequest) for one in asks):
            raise UsageError(f"{self._name}: plan_requests gave {asks!r:.60}, and gives {LIST}")
        return list(asks)

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Read. Raises UsageError where something else than a list of records and drops comes back."""
        found = self._writer.parse_response(request, request_key, completion)
        if not isinstance(found, (list, tuple)) or not all(isinstance(one, (Record, DroppedRecord)) for one in found):
            raise UsageError(f"{self._name}: parse_response gave {found!r:.60}, and gives {FOUND}")
        for one in found:
            if isinstance(one, Record):
                _check_labels(self._name, one, self._labels)
        return list(found)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Learn."""
        self._writer.observe_accepted(accepted)


class ValidatedLabeller:
    """A labeller at work whose asks and readings are looked at; `name` is what the recipe calls it."""

    def __init__(self, name: str, desk: LabellerSession, labels: Collection[str] = ()) -> None:
        self._name = name
        self._labels = labels
        self._desk = validate_session(name, desk, ("build_requests", "parse_responses"))

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return the asks. Raises UsageError where something else than a list of GenerationRequest for each record comes back."""
        asks = self._desk.build_requests(records)
        if not isinstance(asks, (list, tuple)) or len(asks) != len(records) or not all(map(_is_asks, asks)):
            raise UsageError(
                f"{self._name}: build_requests gave {asks!r:.60} for {pluralize(len(records), 'text')}, and gives a list of GenerationRequest for"
                " each, [] for one of which nothing is asked"
            )
        return list(asks)

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Read. Raises UsageError where something else than a record and a verdict comes back."""
        given = self._desk.parse_responses(record, completions)
        if isinstance(given, tuple) and len(given) == 2:
            judged, verdict = given
            if isinstance(judged, Record) and (verdict is None or isinstance(verdict, Verdict)):
                _check_labels(self._name, judged, self._labels)
                return judged, verdict
        raise UsageError(
            f"{self._name}: parse_responses gave {given!r:.60} for the text {record.text!r:.60}, and gives the record and None,"
            " or the record and Verdict(reason, measured, limit)"
        )


def _is_asks(given: object) -> bool:
    return isinstance(given, (list, tuple)) and all(isinstance(one, GenerationRequest) for one in given)


def _check_labels(name: str, record: Record, labels: Collection[str]) -> None:
    wrong = next((label for label in record.labels if label not in labels), None) if labels else None
    if wrong is not None:
        told = f"{name}: parse_responses gave the text {record.text!r:.60} the label {wrong!r}, which `labels` does not list"
        raise UsageError(told + did_you_mean(wrong, labels))


def validate_selection(name: str, given: object, shown: Collection[str]) -> set[str]:
    """Return the ids that the selector `name` gave. Raises UsageError where they are none of those that were shown."""
    if isinstance(given, Collection) and not isinstance(given, (str, bytes)):
        wrong = next((one for one in given if not isinstance(one, str) or one not in shown), None)
        if wrong is None:
            return {str(one) for one in given}
        raise UsageError(f"{name}: select gave {wrong!r:.60} among its ids, which is none of a text that it was shown")
    raise UsageError(f"{name}: select gave {given!r:.60}, and gives a list of the ids (record.id) of what it picks")

"""Validates what components return to the run, so that an error in a plug-in is one sentence that names it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Verdict
from textsynth.core.sessions import FollowUpSession, GeneratorSession, LabellerSession, QuotaDeficit

Session = TypeVar("Session")
REQUESTS = "a list of GenerationRequest, [] where there is nothing to ask"
RECORDS = "a list of Record and DroppedRecord"


def validate_session(name: str, session: Session, methods: Sequence[str]) -> Session:
    """Return the session that `start` of the step `name` returned. Raises UsageError where it lacks a method."""
    if all(callable(getattr(session, method, None)) for method in methods):
        return session
    listed = ", ".join(methods)
    raise UsageError(f"{name}: start returned {session!r:.60}, and must return an object with the methods {listed}")


class ValidatedGenerator:
    """A generator session whose requests and records are validated; `name` is the step's name in the recipe.

    `labels` are the recipe's; () where it has none.
    """

    def __init__(self, name: str, session: GeneratorSession, labels: Collection[str] = ()) -> None:
        self._name = name
        self._labels = labels
        self._session = validate_session(name, session, ("plan_requests", "parse_response", "observe_accepted"))
        self._follow_ups = session if isinstance(session, FollowUpSession) else None

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return the planned requests. Raises UsageError for anything but a list of GenerationRequest."""
        requests = self._session.plan_requests(deficits, max_requests)
        if not _are_requests(requests):
            raise UsageError(f"{self._name}: plan_requests returned {requests!r:.60}, and must return {REQUESTS}")
        return list(requests)

    def follow_up(self, request: GenerationRequest, completion: Completion) -> GenerationRequest | None:
        """Return the request that the answer leads to, if any. Raises UsageError for anything else."""
        if self._follow_ups is None:
            return None
        follow_up = self._follow_ups.follow_up(request, completion)
        if follow_up is None or (isinstance(follow_up, GenerationRequest) and follow_up.prompt is not None):
            return follow_up
        raise UsageError(
            f"{self._name}: follow_up returned {follow_up!r:.60}, and must return a GenerationRequest with a prompt, "
            "or None"
        )

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the parsed records.

        Raises UsageError for anything but records and drops, an unlisted label, or a field that is no JSON value.
        """
        records = self._session.parse_response(request, request_key, completion)
        for record in records if isinstance(records, (list, tuple)) else (None,):
            if isinstance(record, Record):
                if record.labels:
                    _check_labels(self._name, record, self._labels)
                if record.fields:
                    _check_fields(self._name, record)
            elif not isinstance(record, DroppedRecord):
                raise UsageError(f"{self._name}: parse_response returned {records!r:.60}, and must return {RECORDS}")
        return list(records)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Pass the accepted records on."""
        self._session.observe_accepted(accepted)


class ValidatedLabeller:
    """A labeller session whose requests and verdicts are validated; `name` is the step's name in the recipe."""

    def __init__(self, name: str, session: LabellerSession, labels: Collection[str] = ()) -> None:
        self._name = name
        self._labels = labels
        self._session = validate_session(name, session, ("build_requests", "parse_responses"))

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return the requests. Raises UsageError for anything but a list of GenerationRequest for each record."""
        requests = self._session.build_requests(records)
        if (
            not isinstance(requests, (list, tuple))
            or len(requests) != len(records)
            or not all(map(_are_requests, requests))
        ):
            raise UsageError(
                f"{self._name}: build_requests returned {requests!r:.60} for {pluralize(len(records), 'text')}, and "
                "must return a list of GenerationRequest for each, [] for a text about which nothing is asked"
            )
        return list(requests)

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the labelled record and the verdict.

        Raises UsageError for anything else, an unlisted label, or a field that is no JSON value.
        """
        result = self._session.parse_responses(record, completions)
        if isinstance(result, tuple) and len(result) == 2:
            labelled, verdict = result
            if isinstance(labelled, Record) and (verdict is None or isinstance(verdict, Verdict)):
                _check_labels(self._name, labelled, self._labels)
                _check_fields(self._name, labelled)
                return labelled, verdict
        raise UsageError(
            f"{self._name}: parse_responses returned {result!r:.60} for the text {record.text!r:.60}, and must return "
            "the record and None, or the record and Verdict(reason, score, limit)"
        )


def validate_selection(name: str, selection: object, candidates: Collection[str]) -> set[str]:
    """Return the ids that the selector `name` selected. Raises UsageError for anything but ids of its candidates."""
    if isinstance(selection, Collection) and not isinstance(selection, (str, bytes)):
        unknown = next((item for item in selection if not isinstance(item, str) or item not in candidates), None)
        if unknown is None:
            return {str(item) for item in selection}
        raise UsageError(f"{name}: select returned {unknown!r:.60} among its ids, which is the id of none of its texts")
    raise UsageError(
        f"{name}: select returned {selection!r:.60}, and must return a list of the ids (record.id) of the selected "
        "texts"
    )


def _are_requests(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(request, GenerationRequest) for request in value)


def _check_labels(name: str, record: Record, labels: Collection[str]) -> None:
    unlisted = next((label for label in record.labels if label not in labels), None) if labels else None
    if unlisted is not None:
        raise UsageError(
            f"{name}: the text {record.text!r:.60} has the label {unlisted!r}, which `labels` does not list"
            f"{did_you_mean(unlisted, labels)}"
        )


def _check_fields(name: str, record: Record) -> None:
    for field, value in record.fields.items():
        if not isinstance(value, str) and not _is_json(value):
            raise UsageError(
                f"{name}: the text {record.text!r:.60} has the field {field!r} with the value {value!r:.60}; a field "
                "is text, a finite number, True, False, None, or a list or map of these"
            )


def _is_json(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(entry) for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_json, value))
    return value is None or isinstance(value, (str, int))

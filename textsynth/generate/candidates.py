"""Parses an answer into candidates, for every generator with a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, JsonValue, Provenance, Record
from textsynth.parse import TRUNCATED, ParseFailure, Reader


def parse_candidates(
    request: GenerationRequest,
    request_key: str,
    completion: Completion,
    reader: Reader,
    required_fields: Iterable[str] = (),
) -> list[Record | DroppedRecord]:
    """Return the texts of an answer as records, then its parse failures as drops whose records hold the raw pieces.

    They inherit the labels and fields of the request; fields of the answer are added, and replace those of the same
    name. The index in their provenance is the position among the texts; failures are numbered after them. A text
    without a text in one of the `required_fields` is a drop as well.
    """
    answer = reader.read(completion.text, truncated=completion.finish == "length")
    fields = [{**request.fields, **of_text} for of_text in answer.fields] or repeat(request.fields)
    records = [
        _record(text, of_text, request, request_key, index)
        for index, (text, of_text) in enumerate(zip(answer.texts, fields, strict=False))
    ]
    required = tuple(required_fields)
    candidates: list[Record | DroppedRecord] = (
        [_check_fields(record, required) for record in records] if required else [*records]
    )
    for index, failure in enumerate(answer.failures, start=len(answer.texts)):
        record = _record(failure.raw, request.fields, request, request_key, index)
        candidates.append(DroppedRecord(record, "parse", request.step, _reason(failure, request)))
    return candidates


def _check_fields(record: Record, required_fields: Sequence[str]) -> Record | DroppedRecord:
    """Return the record, or a drop where a required field is missing or holds no text."""
    missing = next((name for name in required_fields if not record.field_text(name)), None)
    if missing is None:
        return record
    reason = f"the answer has no text for the field {missing!r}"
    return DroppedRecord(record, "parse", record.provenance.step, reason)


def _record(
    text: str, fields: Mapping[str, JsonValue], request: GenerationRequest, request_key: str, index: int
) -> Record:
    provenance = Provenance(request.step, request.parent_ids, request.example_ids, request_key, index)
    return Record(text, provenance, request.labels, fields)


def _reason(failure: ParseFailure, request: GenerationRequest) -> str:
    """Return the reason of a failure; for a piece that was cut off, the limit that cut it."""
    return f"cut at max_tokens {request.sampling.max_tokens}" if failure.reason == TRUNCATED else failure.reason

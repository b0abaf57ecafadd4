"""Parses an answer into candidates, for every generator with a prompt."""

from __future__ import annotations

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record
from textsynth.parse import TRUNCATED, ParseFailure, Reader


def parse_candidates(
    request: GenerationRequest, request_key: str, completion: Completion, reader: Reader
) -> list[Record | DroppedRecord]:
    """Return the texts of an answer as records, then its parse failures as drops whose records hold the raw pieces.

    They inherit the labels and fields of the request. The index in their provenance is the position among the texts;
    failures are numbered after them.
    """
    answer = reader.read(completion.text, truncated=completion.finish == "length")
    candidates: list[Record | DroppedRecord] = [
        _record(text, request, request_key, index) for index, text in enumerate(answer.texts)
    ]
    for index, failure in enumerate(answer.failures, start=len(answer.texts)):
        record = _record(failure.raw, request, request_key, index)
        candidates.append(DroppedRecord(record, "parse", request.step, _reason(failure, request)))
    return candidates


def _record(text: str, request: GenerationRequest, request_key: str, index: int) -> Record:
    provenance = Provenance(request.step, request.parent_ids, request.example_ids, request_key, index)
    return Record(text, provenance, request.labels, request.fields)


def _reason(failure: ParseFailure, request: GenerationRequest) -> str:
    """Return the reason of a failure; for a piece that was cut off, the limit that cut it."""
    return f"cut at max_tokens {request.sampling.max_tokens}" if failure.reason == TRUNCATED else failure.reason

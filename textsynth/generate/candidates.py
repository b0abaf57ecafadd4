"""From an answer to candidates: what every prompted generator does with a completion."""

from __future__ import annotations

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record
from textsynth.parse import TRUNCATED, ParseFailure, Reader


def parse_candidates(
    ask: GenerationRequest, request: str, completion: Completion, reader: Reader
) -> list[Record | DroppedRecord]:
    """Return the texts of an answer as records, then what could not be read as drops that carry the raw piece.

    The labels and fields of the ask are inherited; `draw` is the place in the answer, faults count on after the texts.
    One that was cut off says at how many tokens.
    """
    reading = reader.read(completion.text, truncated=completion.finish == "length")
    found: list[Record | DroppedRecord] = [
        Record(text, Provenance(ask.step, ask.parent_ids, ask.example_ids, request, draw), ask.labels, ask.fields)
        for draw, text in enumerate(reading.texts)
    ]
    for draw, fault in enumerate(reading.failures, start=len(reading.texts)):
        origin = Provenance(ask.step, ask.parent_ids, ask.example_ids, request, draw)
        found.append(
            DroppedRecord(Record(fault.raw, origin, ask.labels, ask.fields), "parse", ask.step, _reason(fault, ask))
        )
    return found


def _reason(fault: ParseFailure, ask: GenerationRequest) -> str:
    return f"cut at max_tokens {ask.sampling.max_tokens}" if fault.reason == TRUNCATED else fault.reason

"""From an answer to candidates: what every prompted generator does with a completion."""

from __future__ import annotations

from textsynth.core.records import Ask, Completion, Drop, Origin, Record
from textsynth.parse import CUT, Fault, Reader


def candidates(ask: Ask, request: str, completion: Completion, reader: Reader) -> list[Record | Drop]:
    """Return the texts of an answer as records, then what could not be read as drops that carry the raw piece.

    The labels and fields of the ask are inherited; `draw` is the place in the answer, faults count on after the texts.
    One that was cut off says at how many tokens.
    """
    reading = reader.read(completion.text, cut=completion.finish == "length")
    found: list[Record | Drop] = [
        Record(text, Origin(ask.item, ask.parents, ask.shown, request, draw), ask.labels, ask.fields)
        for draw, text in enumerate(reading.texts)
    ]
    for draw, fault in enumerate(reading.faults, start=len(reading.texts)):
        origin = Origin(ask.item, ask.parents, ask.shown, request, draw)
        found.append(Drop(Record(fault.raw, origin, ask.labels, ask.fields), "parse", ask.item, _reason(fault, ask)))
    return found


def _reason(fault: Fault, ask: Ask) -> str:
    return f"cut at max_tokens {ask.sampling.max_tokens}" if fault.reason == CUT else fault.reason

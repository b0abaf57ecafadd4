from __future__ import annotations

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Sampling
from textsynth.generate.candidates import parse_candidates
from textsynth.parse import make_reader

ASK = GenerationRequest(step="labelled", model="m", prompt=None, sampling=Sampling(), labels=("a",), parent_ids=("p",))


def test_texts_first_then_what_could_not_be_read_each_with_its_own_place() -> None:
    found = parse_candidates(
        ASK, "key", Completion("1. One text.\n2. Another o", "length"), make_reader("list", "here")
    )
    assert [type(one) for one in found] == [Record, DroppedRecord]
    text, drop = found
    assert isinstance(text, Record)
    assert isinstance(drop, DroppedRecord)
    assert (text.provenance.index, drop.record.provenance.index) == (0, 1)
    assert drop.record.text == "2. Another o"
    assert drop.record.labels == ("a",)
    assert "max_tokens" in drop.reason

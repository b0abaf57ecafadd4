from __future__ import annotations

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Sampling
from textsynth.generate.candidates import parse_candidates
from textsynth.parse import make_reader

REQUEST = GenerationRequest(
    step="labelled", model="m", prompt=None, sampling=Sampling(), labels=("a",), parent_ids=("p",)
)


def test_texts_come_first_then_parse_failures_each_with_its_own_index() -> None:
    answer = Completion("1. One text.\n2. Another o", "length")
    candidates = parse_candidates(REQUEST, "key", answer, make_reader("list", "here"))
    assert [type(candidate) for candidate in candidates] == [Record, DroppedRecord]
    text, drop = candidates
    assert isinstance(text, Record)
    assert isinstance(drop, DroppedRecord)
    assert (text.provenance.index, drop.record.provenance.index) == (0, 1)
    assert drop.record.text == "2. Another o"
    assert drop.record.labels == ("a",)
    assert "max_tokens" in drop.reason


def test_a_text_without_text_in_a_required_field_is_a_drop() -> None:
    reader = make_reader({"json": {"texts": "[].question", "fields": ["reply"]}}, "here")
    answer = Completion('[{"question": "who?", "reply": "me"}, {"question": "how many?", "reply": 2}]')
    good, drop = parse_candidates(REQUEST, "key", answer, reader, ("reply",))
    assert isinstance(good, Record)
    assert isinstance(drop, DroppedRecord)
    assert (drop.section, drop.step, drop.record.text) == ("parse", "labelled", "how many?")
    assert drop.reason == "the answer has no text for the field 'reply'"
    assert all(isinstance(text, Record) for text in parse_candidates(REQUEST, "key", answer, reader))

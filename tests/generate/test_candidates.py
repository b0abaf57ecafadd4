from __future__ import annotations

from textsynth.core.records import Ask, Completion, Drop, Record, Sampling
from textsynth.generate.candidates import candidates
from textsynth.parse import reader

ASK = Ask(item="labelled", model="m", prompt=None, sampling=Sampling(), labels=("a",), parents=("p",))


def test_texts_first_then_what_could_not_be_read_each_with_its_own_place() -> None:
    found = candidates(ASK, "key", Completion("1. One text.\n2. Another o", "length"), reader("list", "here"))
    assert [type(one) for one in found] == [Record, Drop]
    text, drop = found
    assert isinstance(text, Record)
    assert isinstance(drop, Drop)
    assert (text.origin.draw, drop.record.origin.draw) == (0, 1)
    assert drop.record.text == "2. Another o"
    assert drop.record.labels == ("a",)
    assert "max_tokens" in drop.reason

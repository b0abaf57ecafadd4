from __future__ import annotations

from tests.contexts import context
from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import Completion, Provenance, Record
from textsynth.generate.summary import Summary

FACTS = [{"facts": f"bridge\n190{n}\n"} for n in range(3)]
DOCUMENTS = [
    Record(f"Document {n} tells of a bridge that was built in 190{n}.", Provenance("documents"), fields=FACTS[n])
    for n in range(3)
]


def test_each_document_is_asked_for_in_each_length_and_the_points_are_named() -> None:
    writer = Summary(sentences=(1, 2), key_points="facts").start(context(sources={"documents": DOCUMENTS}), "summary")
    asks = writer.plan_requests([QuotaDeficit({}, 10**9, single_pass=True)], 512)
    assert len(asks) == 6
    told = {
        (ask.fields["document"], "1 sentence" in ask.prompt.messages[-1].content)
        for ask in asks
        if ask.prompt is not None
    }
    assert len(told) == 6
    assert asks[0].prompt is not None
    assert "- 1900" in asks[0].prompt.messages[-1].content


def test_a_summary_keeps_its_document_and_its_parent() -> None:
    writer = Summary().start(context(sources={"documents": DOCUMENTS}), "summary")
    (ask,) = writer.plan_requests([QuotaDeficit({}, 1)], 1)
    (found,) = writer.parse_response(ask, "key", Completion("1. A bridge was built in 1900."))
    assert isinstance(found, Record)
    assert found.fields["document"] == DOCUMENTS[0].text
    assert found.provenance.parent_ids == (DOCUMENTS[0].id,)


def test_no_documents_no_asks() -> None:
    assert Summary().start(context(sources={"documents": []}), "summary").plan_requests([QuotaDeficit({}, 5)], 9) == []

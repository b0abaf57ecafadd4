from __future__ import annotations

from tests.contexts import context
from textsynth.core.records import Completion, Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.summary import Summary

DOCUMENTS = [
    Record(
        f"Document {n} is about a bridge that was built in 190{n}.",
        Provenance("documents"),
        fields={"facts": f"bridge\n190{n}\n"},
    )
    for n in range(3)
]


def test_each_document_is_requested_in_each_length_with_its_key_points() -> None:
    session = Summary(sentences=(1, 2), key_points="facts").start(context(sources={"documents": DOCUMENTS}), "summary")
    requests = session.plan_requests([QuotaDeficit({}, 10**9, single_pass=True)], 512)
    assert len(requests) == 6
    pairs = {
        (request.fields["document"], "1 sentence" in request.prompt.messages[-1].content)
        for request in requests
        if request.prompt is not None
    }
    assert len(pairs) == 6
    assert requests[0].prompt is not None
    assert "- 1900" in requests[0].prompt.messages[-1].content


def test_a_summary_keeps_its_document_and_the_id_of_it() -> None:
    session = Summary().start(context(sources={"documents": DOCUMENTS}), "summary")
    (request,) = session.plan_requests([QuotaDeficit({}, 1)], 1)
    (record,) = session.parse_response(request, "key", Completion("1. A bridge was built in 1900."))
    assert isinstance(record, Record)
    assert record.fields["document"] == DOCUMENTS[0].text
    assert record.provenance.parent_ids == (DOCUMENTS[0].id,)


def test_nothing_is_requested_without_documents() -> None:
    session = Summary().start(context(sources={"documents": []}), "summary")
    assert session.plan_requests([QuotaDeficit({}, 5)], 9) == []

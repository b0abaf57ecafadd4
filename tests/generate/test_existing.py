from __future__ import annotations

from tests.contexts import context
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.existing import ROWS_PER_REQUEST, Existing


def test_every_row_is_a_candidate_once_in_order_with_its_labels_and_fields() -> None:
    rows = [Record("same", Provenance("raw", index=n), ("a",), {"n": str(n)}) for n in range(ROWS_PER_REQUEST + 5)]
    session = Existing().start(context(sources={"raw": rows}), "existing")
    candidates: list[Record | DroppedRecord] = []
    while requests := session.plan_requests([QuotaDeficit({}, 1)], 512):
        for request in requests:
            assert request.prompt is None
            candidates += session.parse_response(request, "", None)
    records = [candidate for candidate in candidates if isinstance(candidate, Record)]
    assert len(records) == len(candidates)
    assert [record.fields["n"] for record in records] == [str(n) for n in range(len(rows))]
    assert {record.labels for record in records} == {("a",)}
    assert len({record.id for record in records}) == len(rows)
    assert {record.provenance.step for record in records} == {"existing"}

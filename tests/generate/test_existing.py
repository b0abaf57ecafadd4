from __future__ import annotations

from tests.contexts import context
from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import Provenance, Record
from textsynth.generate.existing import ROWS_AN_ASK, Existing


def test_every_row_is_a_candidate_once_in_order_with_its_labels_and_fields() -> None:
    given = [Record("same", Provenance("raw", index=n), ("a",), {"n": str(n)}) for n in range(ROWS_AN_ASK + 5)]
    writer = Existing().start(context(sources={"raw": given}), "existing")
    found = []
    while asks := writer.plan_requests([QuotaDeficit({}, 1)], 512):
        for ask in asks:
            assert ask.prompt is None
            found += writer.parse_response(ask, "", None)
    assert [one.fields["n"] for one in found if isinstance(one, Record)] == [str(n) for n in range(len(given))]
    assert len({one.id for one in found if isinstance(one, Record)}) == len(given)
    assert {one.provenance.step for one in found if isinstance(one, Record)} == {"existing"}

from __future__ import annotations

from textsynth.export.run_result import QuotaLine


def test_a_line_of_the_quota_has_a_name_and_knows_what_it_lacks() -> None:
    assert QuotaLine({"label": "refund", "tone": "angry"}, 5, 3).name == "refund, angry"
    assert QuotaLine({}, 5, 3).name == "total"
    assert [QuotaLine({}, 5, selected).missing for selected in (3, 5, 9)] == [2, 0, 0]

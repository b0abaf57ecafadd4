from __future__ import annotations

from textsynth.export.run_result import QuotaStatus


def test_a_line_of_the_quota_has_a_name_and_knows_what_it_lacks() -> None:
    assert QuotaStatus({"label": "refund", "tone": "angry"}, 5, 3).name == "refund, angry"
    assert QuotaStatus({}, 5, 3).name == "total"
    assert [QuotaStatus({}, 5, selected).missing for selected in (3, 5, 9)] == [2, 0, 0]

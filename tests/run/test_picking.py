from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from textsynth.records import Origin, Record
from textsynth.run.picking import allotment, pick
from textsynth.run.quota import Line
from textsynth.step import Context, Selector

NOWHERE = Context(
    task="classification", language="en", seed=0, labels={}, many=False, sources={}, embed=lambda _: None, prompt=None  # type: ignore[arg-type, return-value]
)  # fmt: skip


class Last(Selector):
    """Picks the last ones of each label."""

    def pick(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        kept: list[str] = []
        for label, most in quota.items():
            ids = [record.id for record in records if (record.label or "") == label]
            kept += ids[len(ids) - min(most, len(ids)) :]
        return kept


def records(labels: Sequence[str]) -> list[Record]:
    return [Record(f"t{n}", Origin("labelled"), (label,) if label else ()) for n, label in enumerate(labels)]


def test_no_quota_selects_everything() -> None:
    some = records("aab")
    assert pick(some, [], [], NOWHERE) == (some, [])


def test_a_selector_picks_down_to_the_quota_and_the_rest_is_spare() -> None:
    some = records("aaab")
    selected, spare = pick(some, [Line({"label": "a"}, 2, 2), Line({"label": "b"}, 2, 2)], [Last()], NOWHERE)
    assert [one.text for one in selected] == ["t1", "t2", "t3"]
    assert [one.text for one in spare] == ["t0"]


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40), st.integers(0, 50))
def test_a_total_is_spread_evenly_and_never_passed(labels: list[str], total: int) -> None:
    some = records(labels)
    quota = allotment(some, [Line({}, total, total)])
    there = Counter(labels)
    assert sum(quota.values()) == min(total, len(some))
    for label, most in quota.items():
        assert most <= there[label]
        assert most == there[label] or all(most >= other - 1 for other in quota.values())
    selected, spare = pick(some, [Line({}, total, total)], [], NOWHERE)
    assert len(selected) == min(total, len(some))
    assert len(selected) + len(spare) == len(some)

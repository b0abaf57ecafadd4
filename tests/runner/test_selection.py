from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import context
from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Provenance, Record
from textsynth.runner.quota import QuotaCell
from textsynth.runner.selection import allocate, select

CONTEXT = context(sources={}, labels={})


def cell(quota: int, **values: str) -> QuotaCell:
    return QuotaCell(values, quota, quota)


class Last(Selector):
    """Selects the last texts of each label."""

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        selected: list[str] = []
        for label, limit in quota.items():
            ids = [record.id for record in records if (record.label or "") == label]
            selected += ids[len(ids) - min(limit, len(ids)) :]
        return selected


def labelled(labels: Sequence[str]) -> list[Record]:
    return [Record(f"t{n}", Provenance("labelled"), (label,) if label else ()) for n, label in enumerate(labels)]


def labelled_with_tone(values: Sequence[tuple[str, str]]) -> list[Record]:
    return [Record(f"t{n}", Provenance("labelled"), (label,), {"tone": tone}) for n, (label, tone) in enumerate(values)]


def texts(records: Sequence[Record]) -> list[str]:
    return [record.text for record in records]


def test_without_a_quota_everything_is_selected() -> None:
    accepted = labelled("aab")
    assert select(accepted, [], [], CONTEXT) == (accepted, [])


def test_a_selector_selects_down_to_the_quota_and_the_others_are_surplus() -> None:
    selected, surplus = select(labelled("aaab"), [cell(2, label="a"), cell(2, label="b")], [Last()], CONTEXT)
    assert texts(selected) == ["t1", "t2", "t3"]
    assert texts(surplus) == ["t0"]


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40), st.integers(0, 50))
def test_a_total_is_spread_evenly_and_never_exceeded(labels: list[str], total: int) -> None:
    accepted = labelled(labels)
    quota = allocate(accepted, [cell(total)])
    available = Counter(labels)
    assert sum(quota.values()) == min(total, len(accepted))
    for label, number in quota.items():
        assert number <= available[label]
        assert number == available[label] or all(number >= highest - 1 for highest in quota.values())
    selected, surplus = select(accepted, [cell(total)], [], CONTEXT)
    assert len(selected) == min(total, len(accepted))
    assert len(selected) + len(surplus) == len(accepted)


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(0, 10), st.integers(0, 10), st.integers(1, 20))
def test_a_total_above_all_labels_gives_each_at_least_its_own(labels: list[str], a: int, b: int, extra: int) -> None:
    accepted = labelled(labels)
    available = Counter(labels)
    total = a + b + extra
    quota = allocate(accepted, [cell(a, label="a"), cell(b, label="b"), cell(total)])
    assert sum(quota.values()) == min(len(accepted), total)
    for label, limit in (("a", a), ("b", b)):
        assert min(available[label], limit) <= quota.get(label, 0) <= available[label]


def test_a_labels_own_quota_comes_before_labels_that_only_the_total_covers() -> None:
    accepted = labelled("aaaaaaaaaabbbbbbcc")
    cells = [cell(9, label="a"), cell(12)]
    assert allocate(accepted, cells) == {"a": 9, "b": 2, "c": 1}
    assert allocate(labelled("aaaaaaaaaab"), cells) == {"a": 10, "b": 1}
    assert allocate(accepted, [cell(1, label="a"), cell(7)]) == {"a": 1, "b": 4, "c": 2}


def test_a_cell_by_an_attribute_gets_surplus_texts_for_those_of_the_label_that_no_cell_needs() -> None:
    accepted = labelled_with_tone(
        [("a", "calm")] * 6 + [("b", "calm")] * 4 + [("a", "cross")] * 2 + [("b", "cross")] * 2
    )
    cells = [cell(4, label="a"), cell(3, label="b"), cell(3, tone="cross")]
    selected, _ = select(accepted, cells, [], CONTEXT)
    assert texts(selected) == ["t0", "t1", "t6", "t7", "t10", "t11", "t12"]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=30),
    st.lists(st.integers(0, 8), min_size=5, max_size=5),
)
def test_a_cell_by_an_attribute_gets_what_is_available_and_no_other_cell_loses_by_it(
    values: list[tuple[str, str]], limits: list[int]
) -> None:
    accepted = labelled_with_tone(values)
    by_label = [cell(number, label=label) for label, number in zip("ab", limits, strict=False)]
    by_tone = [cell(number, tone=tone) for tone, number in zip("xyz", limits[2:], strict=True)]
    before, _ = select(accepted, by_label, [], CONTEXT)
    after, surplus = select(accepted, [*by_label, *by_tone], [], CONTEXT)
    assert not Counter(record.label for record in before) - Counter(record.label for record in after)
    unmet = [tone for tone in by_tone if sum(map(tone.counts, after)) < tone.wanted]
    assert not [record for record in surplus if any(tone.counts(record) for tone in unmet)]
    assert len(after) + len(surplus) == len(accepted)
    for tone in by_tone:
        assert sum(map(tone.counts, after)) >= min(sum(map(tone.counts, before)), tone.wanted)


def test_attributes_that_want_more_than_the_labels_get_it_in_addition() -> None:
    accepted = labelled_with_tone([("a", "calm"), ("a", "calm"), ("a", "cross"), ("a", "cross"), ("a", "cross")])
    cells = [cell(2, label="a"), cell(2, tone="calm"), cell(2, tone="cross")]
    selected, surplus = select(accepted, cells, [], CONTEXT)
    assert texts(selected) == ["t0", "t1", "t2", "t3"]
    assert texts(surplus) == ["t4"]


def test_where_only_attributes_are_wanted_no_more_is_selected_than_they_want() -> None:
    accepted = labelled_with_tone(
        [("a", "calm"), ("b", "calm"), ("a", "cross"), ("a", "calm"), ("b", "cross"), ("b", "calm")]
    )
    cells = [QuotaCell({"tone": "calm"}, 2, 3), QuotaCell({"tone": "cross"}, 1, 2)]
    selected, _ = select(accepted, cells, [], CONTEXT)
    assert texts(selected) == ["t0", "t1", "t2"]
    combinations = [QuotaCell({"label": label, "tone": "calm"}, 1, 2) for label in "ab"]
    selected, _ = select(accepted, combinations, [], CONTEXT)
    assert texts(selected) == ["t0", "t1"]


def test_a_total_is_not_exceeded_for_attributes() -> None:
    accepted = labelled_with_tone([("a", "calm"), ("a", "calm"), ("a", "cross"), ("a", "cross")])
    selected, _ = select(accepted, [cell(2, tone="calm"), cell(2, tone="cross"), cell(3)], [], CONTEXT)
    assert len(selected) == 3

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Provenance, Record
from textsynth.runner.quota import QuotaCell
from textsynth.runner.selection import allocate, select

NOWHERE = Context(
    task="classification", language="en", seed=0, labels={}, multi_label=False, sources={}, embed=lambda _: None, find_prompt=None  # type: ignore[arg-type, return-value]
)  # fmt: skip


class Last(Selector):
    """Picks the last ones of each label."""

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        kept: list[str] = []
        for label, most in quota.items():
            ids = [record.id for record in records if (record.label or "") == label]
            kept += ids[len(ids) - min(most, len(ids)) :]
        return kept


def records(labels: Sequence[str]) -> list[Record]:
    return [Record(f"t{n}", Provenance("labelled"), (label,) if label else ()) for n, label in enumerate(labels)]


def test_no_quota_selects_everything() -> None:
    some = records("aab")
    assert select(some, [], [], NOWHERE) == (some, [])


def test_a_selector_picks_down_to_the_quota_and_the_rest_is_spare() -> None:
    some = records("aaab")
    selected, spare = select(
        some, [QuotaCell({"label": "a"}, 2, 2), QuotaCell({"label": "b"}, 2, 2)], [Last()], NOWHERE
    )
    assert [one.text for one in selected] == ["t1", "t2", "t3"]
    assert [one.text for one in spare] == ["t0"]


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40), st.integers(0, 50))
def test_a_total_is_spread_evenly_and_never_passed(labels: list[str], total: int) -> None:
    some = records(labels)
    quota = allocate(some, [QuotaCell({}, total, total)])
    there = Counter(labels)
    assert sum(quota.values()) == min(total, len(some))
    for label, most in quota.items():
        assert most <= there[label]
        assert most == there[label] or all(most >= other - 1 for other in quota.values())
    selected, spare = select(some, [QuotaCell({}, total, total)], [], NOWHERE)
    assert len(selected) == min(total, len(some))
    assert len(selected) + len(spare) == len(some)


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(0, 10), st.integers(0, 10), st.integers(1, 20))
def test_a_total_beyond_all_labels_gives_each_at_least_its_own(labels: list[str], a: int, b: int, more: int) -> None:
    some = records(labels)
    there = Counter(labels)
    lines = [
        QuotaCell({"label": "a"}, a, a),
        QuotaCell({"label": "b"}, b, b),
        QuotaCell({}, a + b + more, a + b + more),
    ]
    quota = allocate(some, lines)
    assert sum(quota.values()) == min(len(some), a + b + more)
    assert all(min(there[label], want) <= quota.get(label, 0) <= there[label] for label, want in (("a", a), ("b", b)))


def test_a_labels_own_quota_comes_first_where_only_a_total_is_wanted_of_the_others() -> None:
    some = records("aaaaaaaaaabbbbbbcc")
    lines = [QuotaCell({"label": "a"}, 9, 9), QuotaCell({}, 12, 12)]
    assert allocate(some, lines) == {"a": 9, "b": 2, "c": 1}
    assert allocate(records("aaaaaaaaaab"), lines) == {"a": 10, "b": 1}
    assert allocate(some, [QuotaCell({"label": "a"}, 1, 1), QuotaCell({}, 7, 7)]) == {"a": 1, "b": 4, "c": 2}


def short(line: QuotaCell, selected: Sequence[Record]) -> bool:
    return sum(line.counts(one) for one in selected) < line.wanted


def toned(cells: Sequence[tuple[str, str]]) -> list[Record]:
    return [Record(f"t{n}", Provenance("labelled"), (label,), {"tone": tone}) for n, (label, tone) in enumerate(cells)]


def test_a_line_by_an_attribute_gets_spare_texts_for_those_of_the_label_that_no_line_needs() -> None:
    some = toned([("a", "calm")] * 6 + [("b", "calm")] * 4 + [("a", "cross")] * 2 + [("b", "cross")] * 2)
    lines = [QuotaCell({"label": "a"}, 4, 4), QuotaCell({"label": "b"}, 3, 3), QuotaCell({"tone": "cross"}, 3, 3)]
    selected, _ = select(some, lines, [], NOWHERE)
    assert [one.text for one in selected] == ["t0", "t1", "t6", "t7", "t10", "t11", "t12"]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=30),
    st.lists(st.integers(0, 8), min_size=5, max_size=5),
)
def test_a_line_by_an_attribute_gets_what_there_is_and_no_other_line_loses_by_it(
    cells: list[tuple[str, str]], wants: list[int]
) -> None:
    some = toned(cells)
    by_label = [QuotaCell({"label": label}, want, want) for label, want in zip("ab", wants, strict=False)]
    by_tone = [QuotaCell({"tone": tone}, want, want) for tone, want in zip("xyz", wants[2:], strict=True)]
    before, _ = select(some, by_label, [], NOWHERE)
    after, spare = select(some, [*by_label, *by_tone], [], NOWHERE)
    assert not Counter(one.label for one in before) - Counter(one.label for one in after)
    assert not [one for one in spare if any(line.counts(one) and short(line, after) for line in by_tone)]
    assert len(after) + len(spare) == len(some)
    for line in by_tone:
        had, has = (sum(line.counts(one) for one in ones) for ones in (before, after))
        assert has >= min(had, line.wanted)


def test_attributes_that_want_more_than_the_labels_get_it_on_top() -> None:
    some = toned([("a", "calm"), ("a", "calm"), ("a", "cross"), ("a", "cross"), ("a", "cross")])
    lines = [QuotaCell({"label": "a"}, 2, 2), QuotaCell({"tone": "calm"}, 2, 2), QuotaCell({"tone": "cross"}, 2, 2)]
    selected, spare = select(some, lines, [], NOWHERE)
    assert [one.text for one in selected] == ["t0", "t1", "t2", "t3"]
    assert [one.text for one in spare] == ["t4"]


def test_where_only_attributes_are_wanted_no_more_is_selected_than_they_want() -> None:
    some = toned([("a", "calm"), ("b", "calm"), ("a", "cross"), ("a", "calm"), ("b", "cross"), ("b", "calm")])
    selected, _ = select(some, [QuotaCell({"tone": "calm"}, 2, 3), QuotaCell({"tone": "cross"}, 1, 2)], [], NOWHERE)
    assert [one.text for one in selected] == ["t0", "t1", "t2"]
    cells = [QuotaCell({"label": label, "tone": "calm"}, 1, 2) for label in "ab"]
    selected, _ = select(some, cells, [], NOWHERE)
    assert [one.text for one in selected] == ["t0", "t1"]


def test_a_total_is_not_passed_for_attributes() -> None:
    some = toned([("a", "calm"), ("a", "calm"), ("a", "cross"), ("a", "cross")])
    lines = [QuotaCell({"tone": "calm"}, 2, 2), QuotaCell({"tone": "cross"}, 2, 2), QuotaCell({}, 3, 3)]
    selected, _ = select(some, lines, [], NOWHERE)
    assert len(selected) == 3

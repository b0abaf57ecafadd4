from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runner.recipes import small_recipe
from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling
from textsynth.runner.quota import WITHOUT_END, Quota, QuotaCell, quota_cells


def ask(item: str, label: str, texts: int = 5, **fields: str) -> GenerationRequest:
    return GenerationRequest(
        step=item, model="generator", prompt=None, sampling=Sampling(), labels=(label,), fields=fields, candidates=texts
    )


def record(label: str, number: int, item: str = "labelled", **fields: str) -> Record:
    return Record(f"text {number}", Provenance(item, request_key=f"r{number}"), (label,), fields)


def test_without_lines_everything_is_asked_for_once() -> None:
    quota = Quota([], {"paraphrase": None}, patience=3)
    (short,) = quota.deficits("paraphrase")
    assert (dict(short.cell), short.candidates, short.single_pass) == ({}, WITHOUT_END, True)
    assert not quota.met


def test_a_shortfall_is_the_gap_over_the_yield() -> None:
    quota = Quota([QuotaCell({"label": "a"}, 10, 10)], {"labelled": None}, patience=30)
    (short,) = quota.deficits("labelled")
    assert short.candidates == 20  # nothing is known yet: half of the candidates are expected to pass


def test_what_is_on_its_way_is_not_asked_for_again() -> None:
    line = QuotaCell({"label": "a"}, 10, 10)
    quota = Quota([line], {"labelled": None}, patience=30)
    asks = [ask("labelled", "a") for _ in range(4)]
    quota.record_planned(asks)
    assert quota.deficits("labelled") == []
    quota.commit(asks, {0: [record("a", n) for n in range(5)]})
    assert line.accepted == 5
    (short,) = quota.deficits("labelled")
    assert short.candidates > 10  # a quarter passed, so more are asked for each one missing


def test_a_line_is_dry_after_answers_without_an_accepted_text() -> None:
    line = QuotaCell({"label": "a"}, 10, 10)
    quota = Quota([line], {"labelled": None}, patience=3)
    for turn in range(3):
        assert not quota.exhausted(line)
        some = [ask("labelled", "a")]
        quota.record_planned(some)
        quota.commit(some, {})
        assert line.consecutive_misses["labelled"] == turn + 1
    assert quota.exhausted(line)
    assert quota.deficits("labelled") == []


def test_a_generator_that_has_nothing_for_a_line_leaves_its_part_to_the_others_until_it_has() -> None:
    line = QuotaCell({"label": "a"}, 100, 100)
    quota = Quota([line, QuotaCell({"label": "b"}, 100, 100)], {"labelled": None, "paraphrase": 0.7}, patience=30)
    assert [one.candidates for one in quota.deficits("labelled")] == [60, 60]
    short = quota.deficits("paraphrase")
    assert quota.note_exhausted("paraphrase", short, [ask("paraphrase", "b")])
    assert line.exhausted_generators == {"paraphrase"}
    assert [one.candidates for one in quota.deficits("labelled")] == [200, 60]
    assert not quota.note_exhausted("paraphrase", short, [ask("paraphrase", "b")])
    assert not quota.note_exhausted(
        "paraphrase", quota.deficits("paraphrase"), [ask("paraphrase", "a"), ask("paraphrase", "b")]
    )
    assert [one.candidates for one in quota.deficits("labelled")] == [60, 60]


def test_shares_divide_what_is_missing_and_a_dry_generator_leaves_its_part_to_the_others() -> None:
    line = QuotaCell({"label": "a"}, 100, 100)
    quota = Quota([line], {"labelled": None, "paraphrase": 0.3}, patience=2)
    assert quota.deficits("labelled")[0].candidates == 140
    assert quota.deficits("paraphrase")[0].candidates == 60
    some = [ask("paraphrase", "a", 1), ask("paraphrase", "a", 1)]
    quota.record_planned(some)
    quota.commit(some, {})
    assert quota.deficits("paraphrase") == []
    assert quota.deficits("labelled")[0].candidates == 200


def test_a_combination_also_fills_the_lines_that_contain_it() -> None:
    lines = [QuotaCell({"label": "a"}, 10, 10), QuotaCell({"label": "a", "tone": "plain"}, 10, 10)]
    quota = Quota(lines, {"labelled": None}, patience=30)
    (short,) = quota.deficits("labelled")
    assert dict(short.cell) == {"label": "a", "tone": "plain"}


@given(st.integers(1, 40), st.lists(st.integers(0, 5), max_size=60), st.integers(1, 3))
def test_while_a_line_lacks_texts_and_is_not_dry_somebody_is_asked(want: int, brought: list[int], items: int) -> None:
    shares = {f"g{place}": None for place in range(items)}
    line = QuotaCell({"label": "a"}, want, want)
    quota = Quota([line], shares, patience=5)
    number = 0
    for count in brought:
        short = {item: quota.deficits(item) for item in shares}
        if line.accepted >= want:
            assert quota.met
            assert not any(short.values())
            return
        if quota.exhausted(line):
            assert not any(short.values())
            return
        assert any(short.values())
        item = next(name for name, some in short.items() if some)
        some = [ask(item, "a")]
        quota.record_planned(some)
        quota.commit(some, {0: [record("a", number + n, item) for n in range(count)]})
        number += count


def test_answers_that_say_nothing_of_later_ones_count_neither_as_yield_nor_as_barren() -> None:
    plain, void = (Quota([QuotaCell({}, 10, 10)], {"a": None}, patience=2) for _ in "12")
    some = [GenerationRequest("a", "m", None, Sampling())] * 5
    for quota, places in ((plain, ()), (void, range(5))):
        quota.record_planned(some)
        quota.commit(some, {}, places)
    assert plain.exhausted(plain.cells[0])
    assert not void.exhausted(void.cells[0])
    assert void.cells[0].pending["a"] == 0
    assert void.yield_rate(void.cells[0], "a") == 0.5 > plain.yield_rate(plain.cells[0], "a")


def lines(folder: Path, want: str, limit: int | None = None, more: str = "") -> list[tuple[dict[str, str], int, int]]:
    recipe = small_recipe(folder, want=want, vary="{tone: [calm, cross]}", more=more)
    return [(dict(line.values), line.wanted, line.target) for line in quota_cells(recipe, limit)]


def test_each_label_is_a_line_in_the_recipes_order(tmp_path: Path) -> None:
    found = lines(tmp_path, "{label: 8}", more="select: []")
    assert found == [({"label": "card"}, 8, 8), ({"label": "transfer"}, 8, 8)]


def test_a_total_stands_beside_the_labels(tmp_path: Path) -> None:
    found = lines(tmp_path, "{label: 8, total: 20}", more="select: []")
    assert found[-1] == ({}, 20, 20)
    assert len(found) == 3


def test_combinations_of_label_and_attribute_are_lines_each(tmp_path: Path) -> None:
    found = lines(tmp_path, '{"label*tone": 3}', more="select: []")
    assert [match for match, _, _ in found] == [
        {"label": label, "tone": tone} for label in ("card", "transfer") for tone in ("calm", "cross")
    ]


def test_selectors_are_given_more_than_they_keep(tmp_path: Path) -> None:
    found = lines(tmp_path, "{label: 8}", more="select: [diverse]")
    assert all(target > want for _, want, target in found)


@pytest.mark.parametrize("limit", [1, 2, 5, 15, 16, 100])
def test_a_limit_scales_every_line_and_adds_a_total(tmp_path: Path, limit: int) -> None:
    found = lines(tmp_path, "{label: 8}", limit, more="select: []")
    labels = [want for match, want, _ in found if match]
    assert sum(labels) == min(limit, 16)
    assert max(labels) - min(labels) <= 1
    assert found[-1][0] == {}
    assert found[-1][1] == min(limit, 16)


def test_a_limit_that_cuts_leaves_attributes_out_beside_labels(tmp_path: Path) -> None:
    want = "{label: 5, tone: 4, label*tone: 1}"
    assert [match for match, _, _ in lines(tmp_path, want, 3, more="select: []")] == [
        {"label": "card"}, {"label": "transfer"}, {},
    ]  # fmt: skip
    assert [want for _, want, _ in lines(tmp_path, "{label*tone: 3}", 4, more="select: []")] == [1, 1, 1, 1, 4]
    assert len(lines(tmp_path, want, 10, more="select: []")) == 9


def test_a_limit_beyond_what_is_wanted_wants_no_more(tmp_path: Path) -> None:
    assert lines(tmp_path, "{label*tone: 3}", 100, more="select: []")[-1] == ({}, 12, 12)
    assert lines(tmp_path, "{label: 8, total: 20}", 100, more="select: []")[-1] == ({}, 20, 20)


@given(
    each=st.integers(1, 40),
    total=st.one_of(st.none(), st.integers(1, 90)),
    limit=st.one_of(st.none(), st.integers(1, 99)),
)
def test_no_group_of_lines_wants_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, each: int, total: int | None, limit: int | None
) -> None:
    want = f"{{label: {each}" + (f", total: {2 * each + total}" if total else "") + "}"
    found = lines(tmp_path_factory.getbasetemp() / "wanted", want, limit, more="select: []")
    whole = sum(want for match, want, _ in found if match)
    assert whole == min(2 * each, limit or 2 * each)

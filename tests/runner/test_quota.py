from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runner.recipes import small_recipe
from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling
from textsynth.runner.quota import EVERYTHING, Quota, QuotaCell, quota_cells


def request(generator: str, label: str, candidates: int = 5, **fields: str) -> GenerationRequest:
    return GenerationRequest(
        step=generator,
        model="generator",
        prompt=None,
        sampling=Sampling(),
        labels=(label,),
        fields=fields,
        candidates=candidates,
    )


def record(label: str, number: int, generator: str = "labelled", **fields: str) -> Record:
    return Record(f"text {number}", Provenance(generator, request_key=f"r{number}"), (label,), fields)


def candidates(quota: Quota, generator: str) -> list[int]:
    return [deficit.candidates for deficit in quota.deficits(generator)]


def test_without_cells_everything_is_requested_once() -> None:
    quota = Quota([], {"paraphrase": None}, patience=3)
    assert tuple(quota.deficits("paraphrase")) == EVERYTHING
    assert EVERYTHING[0].single_pass
    assert not quota.met


def test_a_deficit_is_what_is_missing_divided_by_the_yield() -> None:
    quota = Quota([QuotaCell({"label": "a"}, 10, 10)], {"labelled": None}, patience=30)
    assert candidates(quota, "labelled") == [20]  # before any answer half of the candidates are expected to pass


def test_pending_candidates_are_not_requested_again() -> None:
    cell = QuotaCell({"label": "a"}, 10, 10)
    quota = Quota([cell], {"labelled": None}, patience=30)
    requests = [request("labelled", "a") for _ in range(4)]
    quota.record_planned(requests)
    assert quota.deficits("labelled") == []
    quota.commit(requests, {0: [record("a", n) for n in range(5)]})
    assert cell.accepted == 5
    (deficit,) = quota.deficits("labelled")
    assert deficit.candidates > 10  # a quarter passed, so more are requested for each missing one


def test_a_cell_is_dry_after_answers_in_a_row_without_an_accepted_text() -> None:
    cell = QuotaCell({"label": "a"}, 10, 10)
    quota = Quota([cell], {"labelled": None}, patience=3)
    for misses in range(3):
        assert not quota.is_dry(cell)
        requests = [request("labelled", "a")]
        quota.record_planned(requests)
        quota.commit(requests, {})
        assert cell.consecutive_misses["labelled"] == misses + 1
    assert quota.is_dry(cell)
    assert quota.deficits("labelled") == []


def test_other_generators_take_the_part_of_one_that_has_nothing_for_a_cell_until_it_has() -> None:
    cell = QuotaCell({"label": "a"}, 100, 100)
    quota = Quota([cell, QuotaCell({"label": "b"}, 100, 100)], {"labelled": None, "paraphrase": 0.7}, patience=30)
    assert candidates(quota, "labelled") == [60, 60]
    deficits = quota.deficits("paraphrase")
    assert quota.note_exhausted("paraphrase", deficits, [request("paraphrase", "b")])
    assert cell.exhausted_generators == {"paraphrase"}
    assert candidates(quota, "labelled") == [200, 60]
    assert not quota.note_exhausted("paraphrase", deficits, [request("paraphrase", "b")])
    both = [request("paraphrase", "a"), request("paraphrase", "b")]
    assert not quota.note_exhausted("paraphrase", quota.deficits("paraphrase"), both)
    assert candidates(quota, "labelled") == [60, 60]


def test_shares_divide_what_is_missing_and_others_take_the_part_of_a_dry_generator() -> None:
    cell = QuotaCell({"label": "a"}, 100, 100)
    quota = Quota([cell], {"labelled": None, "paraphrase": 0.3}, patience=2)
    assert candidates(quota, "labelled") == [140]
    assert candidates(quota, "paraphrase") == [60]
    requests = [request("paraphrase", "a", 1), request("paraphrase", "a", 1)]
    quota.record_planned(requests)
    quota.commit(requests, {})
    assert quota.deficits("paraphrase") == []
    assert candidates(quota, "labelled") == [200]


def test_texts_of_a_combination_also_fill_the_cells_that_contain_it() -> None:
    cells = [QuotaCell({"label": "a"}, 10, 10), QuotaCell({"label": "a", "tone": "plain"}, 10, 10)]
    quota = Quota(cells, {"labelled": None}, patience=30)
    (deficit,) = quota.deficits("labelled")
    assert dict(deficit.cell) == {"label": "a", "tone": "plain"}


@given(st.integers(1, 40), st.lists(st.integers(0, 5), max_size=60), st.integers(1, 3))
def test_while_a_cell_lacks_texts_and_is_not_dry_some_generator_has_a_deficit(
    limit: int, accepted_per_answer: list[int], generators: int
) -> None:
    shares = {f"g{index}": None for index in range(generators)}
    cell = QuotaCell({"label": "a"}, limit, limit)
    quota = Quota([cell], shares, patience=5)
    number = 0
    for count in accepted_per_answer:
        deficits = {generator: quota.deficits(generator) for generator in shares}
        if cell.accepted >= limit:
            assert quota.met
        if cell.accepted >= limit or quota.is_dry(cell):
            assert not any(deficits.values())
            return
        assert any(deficits.values())
        generator = next(name for name in shares if deficits[name])
        requests = [request(generator, "a")]
        quota.record_planned(requests)
        quota.commit(requests, {0: [record("a", number + n, generator) for n in range(count)]})
        number += count


def test_stale_requests_change_neither_the_yield_nor_the_misses() -> None:
    fresh, stale = (Quota([QuotaCell({}, 10, 10)], {"a": None}, patience=2) for _ in range(2))
    requests = [GenerationRequest("a", "m", None, Sampling())] * 5
    for quota, stale_indexes in ((fresh, ()), (stale, range(5))):
        quota.record_planned(requests)
        quota.commit(requests, {}, stale_indexes)
    assert fresh.is_dry(fresh.cells[0])
    assert not stale.is_dry(stale.cells[0])
    assert stale.cells[0].pending["a"] == 0
    assert stale.yield_rate(stale.cells[0], "a") == 0.5 > fresh.yield_rate(fresh.cells[0], "a")


def cells_of(
    folder: Path, want: str, limit: int | None = None, select: str = "[]"
) -> list[tuple[dict[str, str], int, int]]:
    recipe = small_recipe(folder, want=want, attributes="{tone: [calm, cross]}", sections=f"select: {select}")
    return [(dict(cell.values), cell.wanted, cell.target) for cell in quota_cells(recipe, limit)]


def test_each_label_is_a_cell_in_the_recipes_order(tmp_path: Path) -> None:
    assert cells_of(tmp_path, "{label: 8}") == [({"label": "card"}, 8, 8), ({"label": "transfer"}, 8, 8)]


def test_a_total_is_a_cell_beside_those_of_the_labels(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "{label: 8, total: 20}")
    assert cells[-1] == ({}, 20, 20)
    assert len(cells) == 3


def test_each_combination_of_label_and_attribute_is_a_cell(tmp_path: Path) -> None:
    assert [values for values, _, _ in cells_of(tmp_path, '{"label*tone": 3}')] == [
        {"label": label, "tone": tone} for label in ("card", "transfer") for tone in ("calm", "cross")
    ]


def test_more_texts_are_accepted_than_selected_where_a_selector_oversamples(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "{label: 8}", select="[diverse]")
    assert all(target > size for _, size, target in cells)


@pytest.mark.parametrize("limit", [1, 2, 5, 15, 16, 100])
def test_a_limit_scales_every_cell_and_adds_a_total(tmp_path: Path, limit: int) -> None:
    cells = cells_of(tmp_path, "{label: 8}", limit)
    by_label = [size for values, size, _ in cells if values]
    assert sum(by_label) == min(limit, 16)
    assert max(by_label) - min(by_label) <= 1
    assert cells[-1][:2] == ({}, min(limit, 16))


def test_a_limit_below_the_quota_leaves_out_attributes_beside_labels(tmp_path: Path) -> None:
    want = "{label: 5, tone: 4, label*tone: 1}"
    assert [values for values, _, _ in cells_of(tmp_path, want, 3)] == [{"label": "card"}, {"label": "transfer"}, {}]
    assert [size for _, size, _ in cells_of(tmp_path, "{label*tone: 3}", 4)] == [1, 1, 1, 1, 4]
    assert len(cells_of(tmp_path, want, 10)) == 9


def test_a_limit_above_the_quota_wants_no_more(tmp_path: Path) -> None:
    assert cells_of(tmp_path, "{label*tone: 3}", 100)[-1] == ({}, 12, 12)
    assert cells_of(tmp_path, "{label: 8, total: 20}", 100)[-1] == ({}, 20, 20)


@given(
    per_label=st.integers(1, 40),
    surplus=st.one_of(st.none(), st.integers(1, 90)),
    limit=st.one_of(st.none(), st.integers(1, 99)),
)
def test_no_group_of_cells_wants_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, per_label: int, surplus: int | None, limit: int | None
) -> None:
    want = f"{{label: {per_label}" + (f", total: {2 * per_label + surplus}" if surplus else "") + "}"
    cells = cells_of(tmp_path_factory.getbasetemp() / "quota", want, limit)
    by_label = sum(size for values, size, _ in cells if values)
    assert by_label == min(2 * per_label, limit or 2 * per_label)

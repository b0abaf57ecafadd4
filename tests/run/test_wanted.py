"""The quota's lines from a recipe's `want` and `--limit`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.recipes import small_recipe
from textsynth.run.wanted import lines_of


def lines(folder: Path, want: str, limit: int | None = None, more: str = "") -> list[tuple[dict[str, str], int, int]]:
    recipe = small_recipe(folder, want=want, vary="{tone: [calm, cross]}", more=more)
    return [(dict(line.match), line.want, line.target) for line in lines_of(recipe, limit)]


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

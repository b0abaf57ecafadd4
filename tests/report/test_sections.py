"""What holds for every section of every evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report import evaluations
from textsynth.report.proof import read_proof

CASES = [evaluations.small(), evaluations.big(), evaluations.harm(), evaluations.leak(), evaluations.bare()]


@pytest.mark.parametrize("told", [*CASES, evaluations.hostile()])
def test_rows_are_as_wide_as_their_head_and_places_are_columns(told: dict[str, Any]) -> None:
    proof = read_proof(told)
    tables = [figure.table for section in (*proof.sections, proof.measured) for figure in section.figures]
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}
        assert {*table.words, *table.spare} <= set(range(len(table.head)))
        assert not set(table.words) & set(table.spare)


@pytest.mark.parametrize("told", CASES)
def test_every_plot_has_a_title_a_description_and_room_for_its_marks(told: dict[str, Any]) -> None:
    for section in read_proof(told).sections:
        for figure in section.figures:
            if figure.plot is None:
                continue
            assert figure.plot.title
            assert figure.plot.told
            lowest = max(
                float(mark.at[key]) for mark in figure.plot.marks for key in ("y", "y2", "cy") if key in mark.at
            )
            assert lowest <= figure.plot.height


@pytest.mark.parametrize("told", CASES)
def test_sections_have_names_of_their_own(told: dict[str, Any]) -> None:
    keys = [section.key for section in read_proof(told).sections]
    assert len(keys) == len(set(keys))

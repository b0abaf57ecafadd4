"""Whatever a file holds, the reader gives a recipe or a RecipeError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.errors import RecipeError
from textsynth.recipe import read_recipe

PIECES = [
    *"{}[]:,-#&*!|>'\"%@`?~<\t\n ",
    "- ",
    ": ",
    "\n  ",
    "&a ",
    "*a",
    "!!set ",
    "<<: ",
    "---\n",
    "...\n",
    "? ",
    "null",
    "no",
    "012",
    "1e3",
    ".nan",
    "${X}",
    "./x.py",
    "\x00",
    "\u2028",
    "é",
    "\U0001f600",
    "models",
    "rows",
    "label*label",
]
PATHS = ["seed", "filter", "generate.0", "labels.refund", "sources", ".", "=", "0", "a", "b"]
few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reads_or_tells(path: Path, sets: tuple[str, ...] = ()) -> None:
    try:
        read_recipe(path, sets)
    except RecipeError as fault:
        mistakes = fault.mistakes
    else:
        return
    assert mistakes
    for mistake in mistakes:
        assert mistake.where.startswith((str(path), "--set "))
        assert "\n" not in mistake.sentence


@few
@given(st.lists(st.tuples(st.integers(0, len(RECIPE)), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4))
def test_a_recipe_with_pieces_cut_out_and_put_in(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = RECIPE
    for place, cut, piece in edits:
        text = text[:place] + piece + text[place + cut :]
    reads_or_tells(write_recipe(tmp_path, text))


@few
@given(st.lists(st.sampled_from(RECIPE.splitlines()), max_size=20))
def test_lines_of_a_recipe_in_any_order(tmp_path: Path, lines: list[str]) -> None:
    reads_or_tells(write_recipe(tmp_path, "\n".join(lines)))


@few
@given(st.binary(max_size=80))
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    reads_or_tells(path)


@few
@given(st.lists(st.sampled_from([*PIECES, *PATHS]), max_size=8))
def test_any_option(tmp_path: Path, pieces: list[str]) -> None:
    reads_or_tells(write_recipe(tmp_path), ("".join(pieces),))


@pytest.mark.parametrize("section", ["labels", "models", "sources", "generate", "filter", "select", "want", "export"])
@pytest.mark.parametrize("value", ["a", "7", "true", "~", "[]", "{}", "[a]", "[[a]]", "[{}]", "{a: {}}", "{a: [b]}"])
def test_every_section_with_every_kind_of_value(tmp_path: Path, section: str, value: str) -> None:
    lines = {line.split(":")[0]: line for line in ["version: 1", f"{section}: {value}"]}
    reads_or_tells(write_recipe(tmp_path, "\n".join(lines.values())))

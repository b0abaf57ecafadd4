"""Good recipes are read; whatever else a file holds is a RecipeError that tells everything at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.recipes import END, RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.recipe import Label, read_recipe

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


def test_the_name_is_the_file_s_where_none_is_given(tmp_path: Path) -> None:
    text = RECIPE.replace("name: bank\n", "")
    assert read_recipe(write_recipe(tmp_path, text, "my recipe (1).yaml")).name == "my-recipe-1"
    assert read_recipe(write_recipe(tmp_path, text, "....yaml")).name == "recipe"


def test_quoted_text_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    text = RECIPE.replace("refund: asks for money back", '"no": "012"').replace("[plain, angry]", "['1e3', \"yes\"]")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels["no"] == Label("012")
    assert recipe.generate[0].step.model_dump()["vary"] == {"tone": ("1e3", "yes")}


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "&means asks a thing").replace("asks where an order is", "*means")
    assert read_recipe(write_recipe(tmp_path, text)).meanings == {"refund": "asks a thing", "delay": "asks a thing"}


def test_texts_are_picked_from_a_pool_where_diverse_picks_them(tmp_path: Path) -> None:
    assert read_recipe(write_recipe(tmp_path, RECIPE + "pool: 2.5\n")).pool == 2.5


def test_several_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = RECIPE.replace("min_words", "minwords").replace("25k", "25q").replace("refund:", "no:") + "pol: 1\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(tmp_path, text), ["seed=x", "want.total=-1"])
    assert [mistake.where.rsplit(":", 1)[-1] for mistake in caught.value.mistakes] == [
        "5",
        "15",
        "19",
        str(END),
        *(mistake.where for mistake in caught.value.mistakes[-2:]),
    ]
    assert [mistake.where for mistake in caught.value.mistakes[-2:]] == ["--set 'seed=x'", "--set 'want.total=-1'"]
    assert str(caught.value).count("\n") == 5


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

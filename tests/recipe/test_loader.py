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
    assert read_recipe(write_recipe(tmp_path, text)).label_descriptions == {
        "refund": "asks a thing",
        "delay": "asks a thing",
    }


def test_texts_are_picked_from_a_pool_where_diverse_picks_them(tmp_path: Path) -> None:
    assert read_recipe(write_recipe(tmp_path, RECIPE + "oversample: 2.5\n")).oversample == 2.5


def test_several_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = RECIPE.replace("min_words", "minwords").replace("25k", "25q").replace("refund:", "no:") + "pol: 1\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(tmp_path, text), ["seed=x", "want.total=-1"])
    assert [mistake.where.rsplit(":", 1)[-1] for mistake in caught.value.issues] == [
        "5",
        "15",
        "19",
        str(END),
        *(mistake.where for mistake in caught.value.issues[-2:]),
    ]
    assert [mistake.where for mistake in caught.value.issues[-2:]] == ["--set 'seed=x'", "--set 'want.total=-1'"]
    assert str(caught.value).count("\n") == 5


def reads_or_tells(path: Path, sets: tuple[str, ...] = ()) -> None:
    try:
        read_recipe(path, sets)
    except RecipeError as fault:
        mistakes = fault.issues
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


FILES = [
    (b"", ":1", "is empty"),
    (b"# only a comment\n", ":1", "is empty"),
    (b"- a\n- b\n", ":1", "a map of sections, found a list of 2"),
    (b"just a text\n", ":1", "a map of sections, found 'just a text'"),
    (b"\xef\xbb\xbfname: a\n", ":1", "byte order mark"),
    (b"\xff\xfen\x00", ":1", "byte order mark"),
    (b"name: a\nlanguage: \xe9\n", ":2", "not UTF-8, found the byte 0xe9"),
    (b"name: a\nlanguage: \x00\n", ":2", "'\\x00' cannot stand in a recipe"),
    (b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
        b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 9)
    ), ":6", "with its aliases this is more than 200,000 values"),
    (b"a: " + b"[" * 100_000, ":1", "deep inside each other"),
    (b"a: {" * 10_000, ":1", "more than 24 deep"),
    (b"- " * 10_000, ":1", "more than 24 deep"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "line", "words"), FILES)
def test_a_file_that_is_no_recipe(tmp_path: Path, raw: bytes, line: str, words: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}{line}: ")
    assert words in str(caught.value)


def test_a_path_without_a_recipe(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"recipe\.yml: there is no such file; there are: recipe\.yaml"):
        read_recipe(tmp_path / "recipe.yml")
    with pytest.raises(RecipeError, match=r"this is a folder, a recipe is a file; there are: recipe\.yaml"):
        read_recipe(tmp_path)
    with pytest.raises(RecipeError, match="there is no such file; did you mean 'quickstart'"):
        read_recipe(Path("quikstart"))
    with pytest.raises(RecipeError, match="and no folder"):
        read_recipe(tmp_path / "gone" / "recipe.yml")


def test_nothing_is_written_beside_a_broken_recipe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("min_words", "minwords"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RecipeError):
        read_recipe(path)
    assert [one for one in sorted(tmp_path.iterdir()) if one.name != "__pycache__"] == before


def test_the_hash_is_the_tree_s(tmp_path: Path) -> None:
    first = read_recipe(write_recipe(tmp_path))
    other_order = "name: bank\nversion: 1\n" + RECIPE.replace("version: 1\nname: bank\n", "# a comment\n")
    assert read_recipe(write_recipe(tmp_path, other_order)).hash == first.hash
    assert read_recipe(write_recipe(tmp_path, RECIPE.replace("bank", '"bank"'))).hash == first.hash
    assert read_recipe(write_recipe(tmp_path), ["seed=0"]).hash != first.hash
    other_labels = RECIPE.replace("  refund: asks for money back\n", "").replace("models:", "  refund: asks\nmodels:")
    assert read_recipe(write_recipe(tmp_path, other_labels)).hash != first.hash
    assert len(first.hash) == 64


def test_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    first = read_recipe(write_recipe(tmp_path))
    (tmp_path / "recipe.yaml").write_bytes(RECIPE.replace("\n", "\r\n").encode())
    assert read_recipe(tmp_path / "recipe.yaml").hash == first.hash

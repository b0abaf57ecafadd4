"""A correct recipe is read; any other file is a RecipeError with all of its issues."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.recipes import LINE_AFTER, RECIPE, write_recipe
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
few_examples = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_recipe_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    text = RECIPE.replace("name: bank\n", "")
    assert read_recipe(write_recipe(tmp_path, text, "my recipe (1).yaml")).name == "my-recipe-1"
    assert read_recipe(write_recipe(tmp_path, text, "....yaml")).name == "recipe"


def test_quoted_text_is_always_text(tmp_path: Path) -> None:
    text = RECIPE.replace("refund: asks for money back", '"no": "012"').replace("[plain, angry]", "['1e3', \"yes\"]")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels["no"] == Label("012")
    assert recipe.generate[0].step.model_dump()["attributes"] == {"tone": ("1e3", "yes")}


def test_an_alias_repeats_the_text_of_its_anchor(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "&shared asks a thing").replace("asks where an order is", "*shared")
    assert read_recipe(write_recipe(tmp_path, text)).label_descriptions == {
        "refund": "asks a thing",
        "delay": "asks a thing",
    }


def test_oversample_may_be_set(tmp_path: Path) -> None:
    assert read_recipe(write_recipe(tmp_path, RECIPE + "oversample: 2.5\n")).oversample == 2.5


def test_all_issues_are_reported_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = RECIPE.replace("min_words", "minwords").replace("25k", "25q").replace("refund:", "no:") + "pol: 1\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(tmp_path, text), ["seed=x", "want.total=-1"])
    assert [issue.where.rsplit(":", 1)[-1] for issue in caught.value.issues] == [
        "5",
        "15",
        "19",
        str(LINE_AFTER),
        *(issue.where for issue in caught.value.issues[-2:]),
    ]
    assert [issue.where for issue in caught.value.issues[-2:]] == ["--set 'seed=x'", "--set 'want.total=-1'"]
    assert str(caught.value).count("\n") == 5


def assert_read_or_recipe_error(path: Path, overrides: tuple[str, ...] = ()) -> None:
    try:
        read_recipe(path, overrides)
    except RecipeError as error:
        issues = error.issues
    else:
        return
    assert issues
    for issue in issues:
        assert issue.where.startswith((str(path), "--set "))
        assert "\n" not in issue.sentence


@few_examples
@given(st.lists(st.tuples(st.integers(0, len(RECIPE)), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4))
def test_a_recipe_with_random_edits(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = RECIPE
    for position, length, piece in edits:
        text = text[:position] + piece + text[position + length :]
    assert_read_or_recipe_error(write_recipe(tmp_path, text))


@few_examples
@given(st.lists(st.sampled_from(RECIPE.splitlines()), max_size=20))
def test_lines_of_a_recipe_in_random_order(tmp_path: Path, lines: list[str]) -> None:
    assert_read_or_recipe_error(write_recipe(tmp_path, "\n".join(lines)))


@few_examples
@given(st.binary(max_size=80))
def test_random_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    assert_read_or_recipe_error(path)


@few_examples
@given(st.lists(st.sampled_from([*PIECES, *PATHS]), max_size=8))
def test_random_options(tmp_path: Path, pieces: list[str]) -> None:
    assert_read_or_recipe_error(write_recipe(tmp_path), ("".join(pieces),))


@pytest.mark.parametrize("section", ["labels", "models", "sources", "generate", "filter", "select", "want", "export"])
@pytest.mark.parametrize("value", ["a", "7", "true", "~", "[]", "{}", "[a]", "[[a]]", "[{}]", "{a: {}}", "{a: [b]}"])
def test_every_section_with_every_type_of_value(tmp_path: Path, section: str, value: str) -> None:
    lines = {line.split(":")[0]: line for line in ["version: 1", f"{section}: {value}"]}
    assert_read_or_recipe_error(write_recipe(tmp_path, "\n".join(lines.values())))


BROKEN_FILES = [
    (b"", ":1", "is empty"),
    (b"# only a comment\n", ":1", "is empty"),
    (b"- a\n- b\n", ":1", "a map of sections, found a list of 2"),
    (b"just a text\n", ":1", "a map of sections, found 'just a text'"),
    (b"\xef\xbb\xbfname: a\n", ":1", "byte order mark"),
    (b"\xff\xfen\x00", ":1", "byte order mark"),
    (b"name: a\nlanguage: \xe9\n", ":2", "not UTF-8, found the byte 0xe9"),
    (b"name: a\nlanguage: \x00\n", ":2", "'\\x00' is not allowed in a recipe"),
    (b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
        b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 9)
    ), ":6", "with its aliases this has more than 200,000 values"),
    (b"a: " + b"[" * 100_000, ":1", "nested too deep"),
    (b"a: {" * 10_000, ":1", "more than 24 deep"),
    (b"- " * 10_000, ":1", "more than 24 deep"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "line", "phrase"), BROKEN_FILES)
def test_a_file_that_is_no_recipe_is_an_error_with_a_line(tmp_path: Path, raw: bytes, line: str, phrase: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}{line}: ")
    assert phrase in str(caught.value)


def test_a_path_without_a_recipe_gets_a_hint(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"recipe\.yml: there is no such file; did you mean 'recipe\.yaml'\?"):
        read_recipe(tmp_path / "recipe.yml")
    with pytest.raises(RecipeError, match=r"this is a folder, and a recipe is a file; did you mean 'recipe\.yaml'\?"):
        read_recipe(tmp_path)
    with pytest.raises(RecipeError, match="there is no such file; did you mean 'quickstart'"):
        read_recipe(Path("quikstart"))
    with pytest.raises(RecipeError, match="and no folder"):
        read_recipe(tmp_path / "gone" / "recipe.yml")


def test_nothing_is_written_beside_a_recipe_with_issues(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("min_words", "minwords"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RecipeError):
        read_recipe(path)
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"] == before


def test_the_hash_depends_on_the_tree_alone(tmp_path: Path) -> None:
    first = read_recipe(write_recipe(tmp_path))
    other_order = "name: bank\nversion: 1\n" + RECIPE.replace("version: 1\nname: bank\n", "# a comment\n")
    assert read_recipe(write_recipe(tmp_path, other_order)).hash == first.hash
    assert read_recipe(write_recipe(tmp_path, RECIPE.replace("bank", '"bank"'))).hash == first.hash
    assert read_recipe(write_recipe(tmp_path), ["seed=0"]).hash != first.hash
    other_labels = RECIPE.replace("  refund: asks for money back\n", "").replace("models:", "  refund: asks\nmodels:")
    assert read_recipe(write_recipe(tmp_path, other_labels)).hash != first.hash
    assert len(first.hash) == 64


def test_windows_line_endings_do_not_change_the_hash(tmp_path: Path) -> None:
    first = read_recipe(write_recipe(tmp_path))
    (tmp_path / "recipe.yaml").write_bytes(RECIPE.replace("\n", "\r\n").encode())
    assert read_recipe(tmp_path / "recipe.yaml").hash == first.hash

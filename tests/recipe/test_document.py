from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.recipe import read_recipe

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

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.errors import RecipeError
from textsynth.filter.length import Length
from textsynth.models.scripted import Scripted
from textsynth.recipe import Budget, Export, Label, read_recipe


def test_a_recipe_offers_what_it_says(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert (recipe.path, recipe.base) == (tmp_path / "recipe.yaml", tmp_path)
    assert (recipe.name, recipe.version, recipe.task, recipe.language) == ("bank", 1, "classification", "en")
    assert (recipe.seed, recipe.many, recipe.embedder, recipe.pool) == (0, False, "all-MiniLM-L6-v2", 1.0)
    assert recipe.labels == {"refund": Label("asks for money back"), "delay": Label("asks where an order is")}
    assert recipe.meanings == {"refund": "asks for money back", "delay": "asks where an order is"}
    assert list(recipe.models) == ["generator", "judge"]
    assert recipe.models["judge"] is recipe.models["generator"]
    assert isinstance(recipe.models["judge"], Scripted)
    assert list(recipe.sources) == ["seeds"]
    assert [item.name for item in recipe.generate] == ["./writer.py"]
    assert [item.name for item in recipe.filter] == ["length", "exact_duplicate"]
    assert recipe.filter[0].step == Length(min_words=3, max_words=40)
    assert recipe.filter[1].where == f"{recipe.path}:16"
    assert (recipe.label, recipe.select) == ((), ())
    assert recipe.want == {("label",): 5, ("label", "tone"): 1}
    assert recipe.budget == Budget(requests=25_000, tokens=3_000_000, minutes=90)
    assert recipe.budget.patience == 30
    assert recipe.export == Export(splits={"train": 0.9, "validation": 0.1}, license=None)
    assert recipe.text == RECIPE
    assert recipe.places["sources.seeds"] == f"{recipe.path}:11"


def test_a_name_that_comes_again_is_numbered(tmp_path: Path) -> None:
    text = RECIPE.replace("- exact_duplicate", "- exact_duplicate\n  - length\n  - length: {max_words: 9}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert [item.name for item in recipe.filter] == ["length", "exact_duplicate", "length-2", "length-3"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("200", {(): 200}),
        ("25k", {(): 25_000}),
        ("{total: 5000}", {(): 5000}),
        ("{label: 200, tone: 500, label*tone: 20}", {("label",): 200, ("tone",): 500, ("label", "tone"): 20}),
        ("{label * tone: 20}", {("label", "tone"): 20}),
    ],
)
def test_what_is_wanted(tmp_path: Path, written: str, wanted: dict[tuple[str, ...], int]) -> None:
    text = RECIPE.replace("{label: 5, label*tone: 1}", written)
    assert read_recipe(write_recipe(tmp_path, text)).want == wanted


def test_a_label_may_have_a_quota_of_its_own_even_none_at_all(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "{means: asks for money back, want: 0}")
    text = text.replace("asks where an order is", "{means: asks where, want: 2k}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels == {"refund": Label("asks for money back", 0), "delay": Label("asks where", 2000)}


def test_a_source_may_be_given_by_its_path(tmp_path: Path) -> None:
    short = read_recipe(write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "seeds.csv")))
    assert short.sources == read_recipe(write_recipe(tmp_path)).sources


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


def test_texts_are_picked_from_a_pool_where_diverse_picks_them(tmp_path: Path) -> None:
    assert read_recipe(write_recipe(tmp_path, RECIPE + "pool: 2.5\n")).pool == 2.5


def test_given_rows_need_no_labels_no_model_and_no_number(tmp_path: Path) -> None:
    text = "sources: {raw: seeds.csv}\ngenerate: [existing]\nfilter: [exact_duplicate]\n"
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert (recipe.want, recipe.labels, recipe.select) == ({}, {}, ())


def test_writing_for_a_classification_needs_labels(tmp_path: Path) -> None:
    text = RECIPE.replace("labels:\n  refund: asks for money back\n  delay: asks where an order is\n", "")
    with pytest.raises(RecipeError, match="writes for a classification, but the recipe lists no labels") as caught:
        read_recipe(write_recipe(tmp_path, text + "label: [choice]\n"))
    assert "choice chooses among labels, but the recipe lists none" in str(caught.value)


def test_rows_without_labels_cannot_be_counted_by_label(tmp_path: Path) -> None:
    text = "sources: {raw: seeds.csv}\ngenerate: [existing]\nfilter: []\nwant: {label: 3}\n"
    with pytest.raises(RecipeError, match="want counts texts by label, but the recipe lists no labels"):
        read_recipe(write_recipe(tmp_path, text))

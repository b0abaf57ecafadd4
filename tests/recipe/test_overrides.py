from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.filter.length import Length
from textsynth.recipe import Label, Recipe, read_recipe


def read(folder: Path, *sets: str) -> Recipe:
    return read_recipe(write_recipe(folder), sets)


def test_a_value_takes_the_place_of_another(tmp_path: Path) -> None:
    recipe = read(tmp_path, "seed=7", "want.label=9", "want={total: 8}", "budget.minutes=1.5", "name=other")
    assert (recipe.seed, recipe.want, recipe.budget.minutes, recipe.name) == (7, {(): 8}, 1.5, "other")
    assert recipe.text == RECIPE


def test_a_list_is_entered_by_place(tmp_path: Path) -> None:
    recipe = read(tmp_path, "filter.0.length.min_words=1", "generate.0../writer.py.times=3")
    assert recipe.filter[0].step == Length(min_words=1, max_words=40)
    assert recipe.generate[0].step.model_dump()["times"] == 3


def test_what_is_written_short_is_opened(tmp_path: Path) -> None:
    text = RECIPE.replace("- exact_duplicate", "- near_duplicate").replace("{rows: {path: seeds.csv}}", "gone.csv")
    path = write_recipe(tmp_path, text)
    sets = ["filter.1.near_duplicate.similarity=0.9", "labels.refund.want=3", "sources.seeds.rows.path=seeds.csv"]
    recipe = read_recipe(path, sets)
    assert recipe.filter[1].step.model_dump() == {"similarity": 0.9}
    assert recipe.labels["refund"] == Label("asks for money back", 3)


def test_a_section_that_is_not_there_begins(tmp_path: Path) -> None:
    text = RECIPE.replace("budget: {requests: 25k, tokens: 3M, minutes: 90}\n", "")
    assert read_recipe(write_recipe(tmp_path, text), ["budget.tokens=2M"]).budget.tokens == 2_000_000


def test_a_key_may_hold_dots(tmp_path: Path) -> None:
    text = RECIPE.replace("refund:", "v1.2 refund:")
    assert (
        read_recipe(write_recipe(tmp_path, text), ["labels.v1.2 refund=asks"]).label_descriptions["v1.2 refund"]
        == "asks"
    )


MISTAKES = [
    ("seed", "an option is key.path=value"),
    ("=3", "an option is key.path=value"),
    ("seed=", "nothing stands after ="),
    ("seed=012", "write 12"),
    ("language=no", '"no" in quotes'),
    ('seed="7"', "write 7 without quotes"),
    ("wnt.label=7", "did you mean 'want'?"),
    ("labels.refund.wnt=7", "labels.refund has no field 'wnt'; did you mean 'want'?"),
    ("want.label.x=7", "want.label is 5 and has no 'x'"),
    ("filter.9.length.min_words=1", "name an entry by its place, 0 to 1, found '9'"),
    ("filter.length.min_words=1", "name an entry by its place, 0 to 1, found 'length'"),
    ("select.0=diverse", "but it has none"),
    ("filter.1.length.min_words=1", "filter.1 is 'exact_duplicate' and has no 'length.min_words'"),
    ("budget.requests=[1", "closing bracket"),
    ("budget=[1]", "budget is a map with requests"),
    ("sources.seeds.hub.path=x.csv", "sources.seeds is 'rows'"),
    ("models.generator.http.model=q", "--set 'models.generator={http: {model: q}}'"),
    ("models.judge.http.model=q", "models.judge is 'generator'"),
    ("name=\udc80", "not UTF-8"),
    ("name=a\nb: c", "a ':' stands where none can"),
]


@pytest.mark.parametrize(("option", "words"), MISTAKES)
def test_a_mistake_names_the_option(tmp_path: Path, option: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, option)
    (mistake,) = caught.value.issues
    assert mistake.where == f"--set {option!r}"
    assert words in mistake.sentence


def test_a_file_in_place_of_another_source_is_shown_as_it_is_typed(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "{hub: {path: acme/seeds}}"))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, ["sources.seeds.rows.path=x.csv"])
    assert "sources.seeds is 'hub' and has no 'rows.path': give it whole, such as --set 'sources.seeds=x.csv'" in str(
        caught.value
    )

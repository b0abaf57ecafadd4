from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.filter.length import Length
from textsynth.recipe import Label, Recipe, read_recipe


def read(folder: Path, *overrides: str) -> Recipe:
    return read_recipe(write_recipe(folder), overrides)


def test_a_value_is_replaced(tmp_path: Path) -> None:
    recipe = read(tmp_path, "seed=7", "want.label=9", "want={total: 8}", "budget.minutes=1.5", "name=other")
    assert (recipe.seed, recipe.want, recipe.budget.minutes, recipe.name) == (7, {(): 8}, 1.5, "other")
    assert recipe.text == RECIPE


def test_a_list_entry_is_given_by_its_index(tmp_path: Path) -> None:
    recipe = read(tmp_path, "filter.0.length.min_words=1", "generate.0../writer.py.times=3")
    assert recipe.filter[0].step == Length(min_words=1, max_words=40)
    assert recipe.generate[0].step.model_dump()["times"] == 3


def test_a_shorthand_is_expanded(tmp_path: Path) -> None:
    text = RECIPE.replace("- exact_duplicate", "- near_duplicate").replace("{rows: {path: seeds.csv}}", "gone.csv")
    path = write_recipe(tmp_path, text)
    overrides = ["filter.1.near_duplicate.similarity=0.9", "labels.refund.want=3", "sources.seeds.rows.path=seeds.csv"]
    recipe = read_recipe(path, overrides)
    assert recipe.filter[1].step.model_dump() == {"similarity": 0.9}
    assert recipe.labels["refund"] == Label("asks for money back", 3)


def test_a_missing_section_is_added(tmp_path: Path) -> None:
    text = RECIPE.replace("budget: {requests: 25k, tokens: 3M, minutes: 90}\n", "")
    assert read_recipe(write_recipe(tmp_path, text), ["budget.tokens=2M"]).budget.tokens == 2_000_000


def test_a_key_may_contain_dots(tmp_path: Path) -> None:
    text = RECIPE.replace("refund:", "v1.2 refund:")
    assert (
        read_recipe(write_recipe(tmp_path, text), ["labels.v1.2 refund=asks"]).label_descriptions["v1.2 refund"]
        == "asks"
    )


ISSUES = [
    ("seed", "an option is key.path=value"),
    ("=3", "an option is key.path=value"),
    ("seed=", "there is no value after ="),
    ("seed=012", "write 12"),
    ("language=no", '"no" in quotes'),
    ('seed="7"', "write 7 without quotes"),
    ("wnt.label=7", "did you mean 'want'?"),
    ("labels.refund.wnt=7", "labels.refund has no field 'wnt'; did you mean 'want'?"),
    ("want.label.x=7", "want.label is 5 and has no 'x'"),
    ("filter.9.length.min_words=1", "give the index of an entry, 0 to 1, found '9'"),
    ("filter.length.min_words=1", "give the index of an entry, 0 to 1, found 'length'"),
    ("select.0=diverse", "but it is empty"),
    ("filter.1.length.min_words=1", "filter.1 is 'exact_duplicate' and has no 'length.min_words'"),
    ("budget.requests=[1", "closing bracket"),
    ("budget=[1]", "budget is a map with requests"),
    ("sources.seeds.hub.path=x.csv", "sources.seeds is 'rows'"),
    ("models.generator.http.model=q", "--set 'models.generator={http: {model: q}}'"),
    ("models.judge.http.model=q", "models.judge is 'generator'"),
    ("task.paraphrasing.x=1", "--set 'task={paraphrasing: {x: 1}}'"),
    ("name=\udc80", "not UTF-8"),
    ("name=a\nb: c", "a ':' is not allowed here"),
]


@pytest.mark.parametrize(("option", "phrase"), ISSUES)
def test_an_issue_names_the_option(tmp_path: Path, option: str, phrase: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, option)
    (issue,) = caught.value.issues
    assert issue.where == f"--set {option!r}"
    assert phrase in issue.sentence


def test_the_hint_for_a_file_in_place_of_another_source_can_be_typed(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "{hub: {path: acme/seeds}}"))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, ["sources.seeds.rows.path=x.csv"])
    assert "sources.seeds is 'hub' and has no 'rows.path': give all of it, such as --set 'sources.seeds=x.csv'" in str(
        caught.value
    )


def test_a_key_behind_a_colon_is_hidden_as_behind_an_equals_sign(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"--set 'models\.generator\.api_key: \(hidden\)': an option is key\.path=value"
    ):
        read(tmp_path, "models.generator.api_key: abcdefgh")

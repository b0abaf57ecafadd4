from __future__ import annotations

from pathlib import Path

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.filter.length import Length
from textsynth.models.scripted import Scripted
from textsynth.recipe import Budget, Export, Label, read_recipe
from textsynth.task.classification import Classification


def test_a_recipe_has_the_values_of_its_file(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert (recipe.path, recipe.base) == (tmp_path / "recipe.yaml", tmp_path)
    assert (recipe.name, recipe.version, recipe.language) == ("bank", 1, "en")
    assert (recipe.task, recipe.task_name) == (Classification(), "classification")
    assert (recipe.seed, recipe.multi_label, recipe.embedder, recipe.oversample) == (0, False, "all-MiniLM-L6-v2", 1.0)
    assert recipe.labels == {"refund": Label("asks for money back"), "delay": Label("asks where an order is")}
    assert recipe.label_descriptions == {"refund": "asks for money back", "delay": "asks where an order is"}
    assert list(recipe.models) == ["generator", "judge"]
    assert recipe.models["judge"] is recipe.models["generator"]
    assert isinstance(recipe.models["judge"], Scripted)
    assert list(recipe.sources) == ["seeds"]
    assert [step.name for step in recipe.generate] == ["./writer.py"]
    assert [step.name for step in recipe.filter] == ["length", "exact_duplicate"]
    assert recipe.filter[0].step == Length(min_words=3, max_words=40)
    assert recipe.filter[1].where == f"{recipe.path}:16"
    assert (recipe.label, recipe.select) == ((), ())
    assert recipe.want == {("label",): 5, ("label", "tone"): 1}
    assert recipe.budget == Budget(requests=25_000, tokens=3_000_000, minutes=90)
    assert recipe.budget.patience == 30
    assert recipe.export == Export(splits={"train": 0.9, "validation": 0.1}, license=None)
    assert recipe.text == RECIPE
    assert recipe.positions["sources.seeds"] == f"{recipe.path}:11"

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import textsynth as ts
from textsynth.console.results import result_json, result_text
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run
from textsynth.runner.label_losses import label_losses

RECIPE = """\
name: losses
labels: {refund: asks for money back, delivery: asks where a parcel is, praise: says something nice}
sources: {raw: raw.csv}
generate: [existing]
filter: [length: {min_words: 3}]
select: []
"""


def recipe_with(folder: Path, **short_texts: int) -> Recipe:
    """Return a recipe with ten texts of each label, of which `short_texts` have fewer than three words."""
    lines = [
        f"text {label}{number}{'' if number < short else ' is long enough'},{label}"
        for label, short in {"refund": 0, "delivery": 0, "praise": 0, **short_texts}.items()
        for number in range(10)
    ]
    (folder / "raw.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return read_recipe(folder / "recipe.yaml")


def test_a_check_that_drops_most_texts_of_one_label_is_reported_everywhere(tmp_path: Path) -> None:
    summary = run(recipe_with(tmp_path, praise=7, refund=1), out=tmp_path / "run")
    (loss,) = summary.manifest["label_losses"]
    assert (loss["step"], loss["label"], loss["dropped"], loss["entered"]) == ("length", "praise", 7, 10)
    assert (loss["share"], loss["share_of_others"]) == (0.7, 0.05)
    assert loss["sentence"] == (
        "length dropped 7 of 10 texts of the label praise (70 %), but only 5 % of the others: change `min_words`, "
        "`max_words`, `min_chars` or `max_chars` of length, or name a length in the prompt"
    )
    assert f"note: {loss['sentence']}" in result_text(summary)
    assert result_json(summary)["manifest"]["label_losses"] == [loss]
    card = (tmp_path / "run" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "length dropped 7 of 10 texts of the label praise" in card
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "length dropped 7 of 10 texts of the label praise" in report


@pytest.mark.parametrize(
    "short_texts",
    [{"praise": 6}, {"praise": 8, "refund": 6, "delivery": 6}, {}],
    ids=["60 % or less", "most of the others too", "nothing"],
)
def test_other_drops_are_not_reported(tmp_path: Path, short_texts: dict[str, Any]) -> None:
    assert "label_losses" not in run(recipe_with(tmp_path, **short_texts), out=tmp_path / "run").manifest


def test_what_an_earlier_check_dropped_did_not_enter_a_later_one(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, praise=8)
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("filter: [", "filter: [exact_duplicate, "), encoding="utf-8")
    result = ts.run(path, out=tmp_path / "run", quiet=True)
    assert [(loss["step"], loss["entered"]) for loss in result.manifest["label_losses"]] == [("length", 10)]
    assert label_losses(recipe, [], []) == []

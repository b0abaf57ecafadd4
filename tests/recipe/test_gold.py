"""What must hold of the source of gold rows: told with its line in the recipe, or of its rows before a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.core.errors import RecipeError
from textsynth.core.records import Origin, Record
from textsynth.recipe import check_sources, read_recipe
from textsynth.recipe.gold import gold_of

RECIPE = """\
models: {generator: {scripted: {answers: [hello]}}}
labels: {refund: asks for money back, delay: asks where an order is}
sources: {seeds: seeds.csv, checked: checked.csv, test: test.csv}
generate:
  - labelled: {from: seeds}
filter: [length, {leak: {from: checked}}]
label:
  - choice: {gold: checked, precision: 0.95}
select: []
"""


def written(folder: Path, text: str = RECIPE) -> Path:
    for name in ("seeds", "checked", "test"):
        (folder / f"{name}.csv").write_text("text,label\nwhere is it,delay\n")
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def row(*labels: str, place: int = 0) -> Record:
    return Record("a text", Origin("checked", draw=place), labels)


def test_a_source_that_is_only_compared_with_may_be_gold(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    assert [(item.name, source) for item, source in gold_of(recipe.label)] == [("choice", "checked")]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("gold: checked", "gold: seeds", 8, ["choice.gold is 'seeds', and labelled writes from its rows", "aside"]),
        ("gold: checked", "gold: chekced", 8, ["choice.gold is 'chekced'", "did you mean 'checked'?"]),
        ("gold: checked, ", "", 8, ["choice: precision needs gold"]),
        ("precision: 0.95", "precision: 0.9, min_confidence: 0.5", 8, ["take min_confidence out"]),
        ("precision: 0.95", "precision: 95", 8, ["choice.precision takes", "found 95"]),
        ("precision: 0.95", "from: checked", 8, ["gold and from are both 'checked'"]),
        ("precision: 0.95}", "votes: 3}\n  - choice: {from: checked}", 8, ["choice-2 shows its rows as examples"]),
        ("select: []", "evaluate: {train: seeds, test: checked}", 8, ["evaluate.test too"]),
        ("- labelled: {from: seeds}", "- existing: {from: checked}", 8, ["existing writes from its rows"]),
        ("select: []", "gold: {rows: {path: checked.csv}}", 9, ["no section 'gold'", "choice: {gold: NAME}"]),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert old in RECIPE
    path = written(tmp_path, RECIPE.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (mistake,) = caught.value.mistakes
    assert mistake.where == f"{path}:{line}"
    assert all(word in mistake.sentence for word in words), mistake.sentence


def test_a_source_may_be_called_gold_and_nothing_is_written_from_it(tmp_path: Path) -> None:
    text = RECIPE.replace("seeds: seeds.csv, checked", "gold").replace("checked", "gold")
    text = text.replace("generate:\n  - labelled: {from: seeds}\n", "").replace("gold.csv", "checked.csv")
    (written_by,) = read_recipe(written(tmp_path, text)).generate
    assert getattr(written_by.step, "from_", None) is None


def test_every_row_needs_a_label(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    rows = [row("delay"), row(), row()]
    (mistake,) = check_sources(recipe, {"seeds": [row("delay")], "test": [row()], "checked": rows})
    assert mistake.where == f"{recipe.path}:3"
    assert mistake.sentence == (
        "sources.checked: 2 rows of 3 without a label, and choice is tried on them: give each its label, or name their"
        " column, label: COLUMN"
    )


def test_a_label_that_the_recipe_lacks_is_told_as_for_all_sources(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    (mistake,) = check_sources(recipe, {"seeds": [row("delay")], "test": [row()], "checked": [row("delya")] * 20})
    assert "20 rows with the label 'delya', which `labels` does not list; did you mean 'delay'?" in mistake.sentence


def test_a_precision_cannot_be_read_from_few_rows(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    given = {"seeds": [row("delay")], "test": [row()]}
    (mistake,) = check_sources(recipe, {**given, "checked": [row("delay")] * 19})
    assert mistake.sentence.startswith("sources.checked has 19 rows, and choice reads a precision from 20 or more")
    assert check_sources(recipe, {**given, "checked": [row("delay")] * 20}) == []
    plain = read_recipe(written(tmp_path, RECIPE.replace(", precision: 0.95", "")))
    assert check_sources(plain, {**given, "checked": [row("delay")]}) == []

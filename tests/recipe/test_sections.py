from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import DESCRIPTION, LINE_AFTER, RECIPE, assert_one_issue, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.models.scripted import Scripted
from textsynth.recipe import Label, read_recipe

# Text of the recipe, its replacement ("" appends it), the line of the issue, and phrases of its sentence.
BROKEN = [
    ("version: 1", "versoin: 1", 1, ["no section 'versoin'", "did you mean 'version'?"]),
    ("{requests: 25k, tokens: 3M, minutes: 90}", "25k", 19, ["budget is a map with requests", "found '25k'"]),
    ("export: {", "export: {hub: bank, ", 20, ["a repository is owner/name"]),
    ("", "push: acme/bank", LINE_AFTER, ["push"]),
    ("", "evaluate: {train: seeds}", LINE_AFTER, ["evaluate", "test"]),
    ("", "evaluate: {test: sedes}", LINE_AFTER, ["evaluate.test is 'sedes'", "did you mean 'seeds'?"]),
    (
        "",
        "evaluate: {train: seeds, test: seeds}",
        LINE_AFTER,
        ["are both 'seeds'", "nothing may be fitted on test rows"],
    ),
    ("", "evaluate: [seeds]", LINE_AFTER, ["evaluate is a map with test"]),
    ("select: []", "select:", 17, ["there is no value after 'select:'"]),
    ("angry]}", "angry]}, share: 0.5", 13, ["shares of generate make 0.5"]),
    ("angry]}}", "angry]}, share: 1}\n  - ./writer.py", 13, ["leaves nothing for './writer.py-2'"]),
    ("angry]}}", "angry]}, share: 0.7}\n  - ./writer.py: {share: 0.6}", 14, ["make 1.3 in all, more than 1"]),
    ("{rows: {path: seeds.csv}}", "gone.csv", 11, ["sources.seeds", "gone.csv"]),
    ("", "gold: seeds", LINE_AFTER, ["no section 'gold'", "choice: {gold: NAME}"]),
    ("", "review: {}", LINE_AFTER, ["no section 'review'", "textsynth review RUN"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN)
def test_a_wrong_section_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def test_a_source_may_be_the_path_of_a_file(tmp_path: Path) -> None:
    short = read_recipe(write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "seeds.csv")))
    assert short.sources == read_recipe(write_recipe(tmp_path)).sources


def test_a_source_may_be_the_file_of_a_component(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "./notes.py"))
    (tmp_path / "notes.py").write_text(
        "from textsynth.core.protocols import Source\n\n\nclass Notes(Source):\n    path: str = 'notes'\n"
        "    def read(self, base, *, name, seed): ...\n",
        encoding="utf-8",
    )
    assert read_recipe(path).sources["seeds"].model_dump() == {"path": "notes"}


def test_existing_rows_need_neither_labels_nor_model_nor_quota(tmp_path: Path) -> None:
    text = "sources: {raw: seeds.csv}\ngenerate: [existing]\nfilter: [exact_duplicate]\n"
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert (recipe.want, recipe.labels, recipe.select) == ({}, {}, ())


def test_a_classification_needs_labels_to_write_texts(tmp_path: Path) -> None:
    text = RECIPE.replace("labels:\n  refund: asks for money back\n  delay: asks where an order is\n", "")
    with pytest.raises(
        RecipeError, match="writes for the task classification, but the recipe lists no labels"
    ) as caught:
        read_recipe(write_recipe(tmp_path, text + "label: [choice]\n"))
    assert "choice chooses among labels, but the recipe lists none" in str(caught.value)


def test_a_quota_by_label_needs_labels(tmp_path: Path) -> None:
    text = "sources: {raw: seeds.csv}\ngenerate: [existing]\nfilter: []\nwant: {label: 3}\n"
    with pytest.raises(RecipeError, match="want counts texts by label, but the recipe lists no labels"):
        read_recipe(write_recipe(tmp_path, text))


SHORT_RECIPE = """\
name: tickets
labels:
  refund: asks for money back
  delay: asks where an order is
sources:
  seeds: seeds.csv
  test: {rows: {path: seeds.csv}}
want: {label: 20}
"""


def test_a_short_recipe_gets_the_defaults_of_its_task(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, SHORT_RECIPE))
    assert list(recipe.models) == ["generator"]
    assert [step.name for step in recipe.generate] == ["labelled"]
    assert {"length", "near_duplicate", "copies_source", "leak", "agreement"} <= {step.name for step in recipe.filter}
    assert [step.name for step in recipe.select] == ["diverse"]
    assert recipe.oversample == 1.3
    assert recipe.filter[0].where == str(recipe.path)


@pytest.mark.parametrize(("task", "generator"), [("paraphrasing", "paraphrase"), ("summarization", "summary")])
def test_every_task_has_defaults(tmp_path: Path, task: str, generator: str) -> None:
    recipe = read_recipe(write_recipe(tmp_path, f"task: {task}\nsources: {{seeds: seeds.csv}}\n"))
    assert [step.name for step in recipe.generate] == [generator]
    assert recipe.generate[0].step.model_dump()["source"] == "seeds"
    assert (recipe.want, recipe.select, recipe.oversample) == ({(): 100}, (), 1.0)


BROKEN_LABELS = [
    (DESCRIPTION, "7", 5, ["labels.refund.description takes text", "found 7", '"7" in quotes']),
    (DESCRIPTION, "~", 5, ["labels.refund has no description"]),
    (DESCRIPTION, '""', 5, ["labels.refund.description takes text (not empty)", "found ''"]),
    (
        f"  refund: {DESCRIPTION}\n  delay: asks where an order is",
        "  [a, b]",
        4,
        ["labels is a map", "`parking: parking`"],
    ),
    (DESCRIPTION, "{descripton: x}", 5, ["labels.refund has no field 'descripton'; did you mean 'description'?"]),
    (DESCRIPTION, "{want: 3}", 5, ["labels.refund needs 'description', which is text"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN_LABELS)
def test_a_wrong_label_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def test_a_label_may_have_its_own_quota_also_of_zero(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "{description: asks for money back, want: 0}")
    text = text.replace("asks where an order is", "{description: asks where, want: 2k}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels == {"refund": Label("asks for money back", 0), "delay": Label("asks where", 2000)}


BROKEN_MODELS = [
    ("scripted", "scriptd", 8, ["models has no component 'scriptd'; did you mean 'scripted'?"]),
    (
        "judge: generator",
        "judge: generatr",
        9,
        ["neither a model nor a component 'generatr'; did you mean 'generator'?"],
    ),
    (
        "judge: generator",
        "judge: other\n  other: judge",
        9,
        ["models.judge is an alias of itself: judge → other → judge"],
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), BROKEN_MODELS)
def test_a_wrong_model_is_one_issue(tmp_path: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def test_a_model_may_be_the_name_of_another_one(tmp_path: Path) -> None:
    text = RECIPE.replace("judge: generator", "judge: other\n  other: generator\n  scripted: scripted")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert list(recipe.models) == ["generator", "judge", "other", "scripted"]
    assert recipe.models["judge"] is recipe.models["other"] is recipe.models["generator"]
    assert recipe.models["scripted"] == Scripted()

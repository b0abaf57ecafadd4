from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import END, MEANS, RECIPE, assert_broken, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.models.scripted import Scripted
from textsynth.recipe import Label, read_recipe

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    ("version: 1", "versoin: 1", 1, ["no section 'versoin'", "did you mean 'version'?"]),
    ("{requests: 25k, tokens: 3M, minutes: 90}", "25k", 19, ["budget is a map with requests", "found '25k'"]),
    ("export: {", "export: {hub: bank, ", 20, ["a repository is owner/name"]),
    ("", "push: acme/bank", END, ["push"]),
    ("", "evaluate: {train: seeds}", END, ["evaluate", "test"]),
    ("", "evaluate: {test: sedes}", END, ["evaluate.test is 'sedes'", "did you mean 'seeds'?"]),
    ("", "evaluate: {train: seeds, test: seeds}", END, ["are both 'seeds'", "never fitted on"]),
    ("", "evaluate: [seeds]", END, ["evaluate is a map with test"]),
    ("select: []", "select:", 17, ["nothing stands after 'select:'"]),
    ("angry]}", "angry]}, share: 0.5", 13, ["shares of generate make 0.5"]),
    ("angry]}}", "angry]}, share: 1}\n  - ./writer.py", 13, ["leaves nothing for './writer.py-2'"]),
    ("angry]}}", "angry]}, share: 0.7}\n  - ./writer.py: {share: 0.6}", 14, ["make 1.3 in all, more than 1"]),
    ("{rows: {path: seeds.csv}}", "gone.csv", 11, ["sources.seeds", "gone.csv"]),
    ("", "gold: seeds", END, ["no section 'gold'", "choice: {gold: NAME}"]),
    ("", "review: {}", END, ["no section 'review'", "textsynth review RUN"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_section(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_a_source_may_be_given_by_its_path(tmp_path: Path) -> None:
    short = read_recipe(write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "seeds.csv")))
    assert short.sources == read_recipe(write_recipe(tmp_path)).sources


def test_a_source_of_one_s_own_may_be_a_bare_name(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("{rows: {path: seeds.csv}}", "./notes.py"))
    (tmp_path / "notes.py").write_text(
        "from textsynth.core.protocols import Source\n\n\nclass Notes(Source):\n    path: str = 'notes'\n"
        "    def read(self, base, *, name, seed): ...\n",
        encoding="utf-8",
    )
    assert read_recipe(path).sources["seeds"].model_dump() == {"path": "notes"}


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


TWELVE_LINES = """\
name: tickets
labels:
  refund: asks for money back
  delay: asks where an order is
sources:
  seeds: seeds.csv
  test: {rows: {path: seeds.csv}}
want: {label: 20}
"""


def test_a_few_lines_make_a_recipe_of_bundled_items(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, TWELVE_LINES))
    assert list(recipe.models) == ["generator"]
    assert [item.name for item in recipe.generate] == ["labelled"]
    assert {"length", "near_duplicate", "copies_source", "leak", "agreement"} <= {item.name for item in recipe.filter}
    assert [item.name for item in recipe.select] == ["diverse"]
    assert recipe.oversample == 1.3
    assert recipe.filter[0].where == str(recipe.path)


@pytest.mark.parametrize(("task", "item"), [("paraphrase", "paraphrase"), ("summarization", "summary")])
def test_every_task_has_defaults(tmp_path: Path, task: str, item: str) -> None:
    recipe = read_recipe(write_recipe(tmp_path, f"task: {task}\nsources: {{seeds: seeds.csv}}\n"))
    assert [one.name for one in recipe.generate] == [item]
    assert recipe.generate[0].step.model_dump(by_alias=True)["from"] == "seeds"
    assert (recipe.want, recipe.select, recipe.oversample) == ({(): 100}, (), 1.0)


# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN_LABELS = [
    (MEANS, "7", 5, ["labels.refund.means takes text", "found 7", '"7" in quotes']),
    (MEANS, "~", 5, ["labels.refund says nothing"]),
    (MEANS, '""', 5, ["labels.refund.means takes text (not empty)", "found ''"]),
    (f"  refund: {MEANS}\n  delay: asks where an order is", "  [a, b]", 4, ["labels is a map", "`parking: parking`"]),
    (MEANS, "{mean: x}", 5, ["labels.refund has no field 'mean'; did you mean 'means'?"]),
    (MEANS, "{want: 3}", 5, ["labels.refund needs 'means', which is text"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN_LABELS)
def test_a_broken_label(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_a_label_may_have_a_quota_of_its_own_even_none_at_all(tmp_path: Path) -> None:
    text = RECIPE.replace("asks for money back", "{description: asks for money back, want: 0}")
    text = text.replace("asks where an order is", "{description: asks where, want: 2k}")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert recipe.labels == {"refund": Label("asks for money back", 0), "delay": Label("asks where", 2000)}


# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN_MODELS = [
    ("scripted", "scriptd", 8, ["models has no item 'scriptd'; did you mean 'scripted'?"]),
    ("judge: generator", "judge: generatr", 9, ["no item is called 'generatr'; did you mean 'generator'?"]),
    ("judge: generator", "judge: other\n  other: judge", 9, ["models.judge stands for itself: judge → other → judge"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN_MODELS)
def test_a_broken_model(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


def test_names_may_stand_for_names(tmp_path: Path) -> None:
    text = RECIPE.replace("judge: generator", "judge: other\n  other: generator\n  scripted: scripted")
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert list(recipe.models) == ["generator", "judge", "other", "scripted"]
    assert recipe.models["judge"] is recipe.models["other"] is recipe.models["generator"]
    assert recipe.models["scripted"] == Scripted()

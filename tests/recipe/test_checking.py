from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.core.records import Origin, Record
from textsynth.recipe import check_sources, read_recipe


def row(*labels: str) -> Record:
    return Record("a text", Origin("seeds"), labels)


def test_rows_whose_labels_are_listed_are_right(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert check_sources(recipe, {"seeds": [row("refund"), row("delay"), row()]}) == []


def test_a_label_that_is_not_listed_is_told_once_with_its_rows(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    (mistake,) = check_sources(recipe, {"seeds": [row("refnd"), row("refnd")]})
    assert mistake.where == f"{recipe.path}:11"
    assert mistake.sentence == (
        "sources.seeds has 2 rows with the label 'refnd', which `labels` does not list; did you mean 'refund'?"
    )


def test_rows_with_several_labels_need_a_recipe_whose_texts_may_have_them(tmp_path: Path) -> None:
    several = {"seeds": [row("refund"), row("refund", "delay"), row("delay", "refund")]}
    (mistake,) = check_sources(read_recipe(write_recipe(tmp_path)), several)
    assert mistake.sentence == (
        "sources.seeds has 2 rows with several labels ('refund', 'delay'), and a text has one: "
        "write `many: true`, or give each row one label"
    )
    assert check_sources(read_recipe(write_recipe(tmp_path, RECIPE + "many: true\n")), several) == []


def test_many_labels_that_are_not_listed_are_counted(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    mistakes = check_sources(recipe, {"seeds": [*(row(f"x{n}") for n in range(8)), row("x7")]})
    assert len(mistakes) == 6
    assert "2 rows with the label 'x7'" in mistakes[0].sentence
    assert mistakes[-1].sentence == "sources.seeds has 3 more labels which `labels` does not list"


def test_examples_shown_by_label_must_have_labels(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, "labels: {a: one, b: two}\nsources: {seeds: seeds.csv}\n"))
    (mistake,) = check_sources(recipe, {"seeds": [row(), row()]})
    assert mistake.sentence.startswith("sources.seeds has no labels, and labelled shows examples by label: name their")
    assert check_sources(recipe, {"seeds": [row(), row("a")]}) == []


def test_rows_that_are_taken_as_they_are_have_labels_or_are_given_some(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nsources: {seeds: seeds.csv}\ngenerate: [existing: {from: seeds}]\n"
    rows = {"seeds": [row("a"), row(), row("b")]}
    (mistake,) = check_sources(read_recipe(write_recipe(tmp_path, text)), rows)
    assert mistake.sentence.startswith(
        "sources.seeds: 1 row of 3 without a label, and existing takes rows as they are:"
    )
    for other in (f"{text}label: [choice]\nmodels: {{generator: {{scripted: {{}}}}}}\n", text[text.index("sources") :]):
        assert check_sources(read_recipe(write_recipe(tmp_path, other)), rows) == []


def test_where_a_text_may_have_many_labels_it_may_have_none(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nmany: true\nsources: {seeds: seeds.csv}\ngenerate: [existing: {from: seeds}]\n"
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert check_sources(recipe, {"seeds": [row("a", "b"), row()]}) == []
    assert "2 rows of 2 without a label" in check_sources(recipe, {"seeds": [row(), row()]})[0].sentence


def test_rows_that_an_evaluation_scores_on_have_labels(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nsources: {seeds: seeds.csv, test: seeds.csv}\nevaluate: {test: test}\n"
    recipe = read_recipe(write_recipe(tmp_path, text))
    (mistake,) = check_sources(recipe, {"seeds": [row("a")], "test": [row(), row("b")]})
    assert mistake.sentence.startswith("sources.test: 1 row of 2 without a label, and evaluate.test needs one of each")
    assert check_sources(recipe, {"seeds": [row("a")], "test": [row("a"), row("b")]}) == []


def test_a_source_without_rows_is_a_mistake(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert [one.sentence for one in check_sources(recipe, {"seeds": []})] == ["sources.seeds has no rows"]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ("[tnoe]", "balanced.over has 'tnoe', which no generator varies and no source keeps in `fields`; did you mean"),
        ("[tone, label]", "balanced.over has 'label', which no generator varies and no source keeps in `fields`"),
        ("[tone, channel]", None),
    ],
)
def test_what_is_to_be_even_is_what_texts_have(over: str, told: str | None, tmp_path: Path) -> None:
    recipe = (
        "labels: {a: one}\nsources: {seeds: {rows: {path: seeds.csv, fields: [channel]}}}\n"
        f"generate: [labelled: {{vary: {{tone: [calm, cross]}}}}]\nselect: [balanced: {{over: {over}}}]\n"
    )
    if told is None:
        read_recipe(write_recipe(tmp_path, recipe))
    else:
        with pytest.raises(RecipeError, match=re.escape(told)):
            read_recipe(write_recipe(tmp_path, recipe))


@pytest.mark.parametrize("generate", ["[./writer.py]", "[labelled: {from: own}]"])
def test_what_a_generator_or_source_of_ones_own_brings_may_be_evened_over(generate: str, tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text(
        "from textsynth.core.protocols import Source\n\n\nclass Rows(Source):\n    def read(self, base, *, name, seed): ...\n",
        encoding="utf-8",
    )
    own = "labels: {a: one}\nselect: [balanced: {over: [tone]}]\nsources: {own: {./rows.py: {}}}\n"
    read_recipe(write_recipe(tmp_path, own + f"generate: {generate}\n"))


@pytest.mark.parametrize(
    ("task", "generate", "told"),
    [
        ("paraphrase", "existing: {from: seeds}", "existing gives texts without what they rewrite (the column text"),
        (
            "paraphrase",
            "labelled: {}",
            "labelled gives texts without what they rewrite (the column text",
        ),
        (
            "summarization",
            "paraphrase: {from: seeds}",
            "paraphrase gives texts without what they rewrite (the column d",
        ),
        ("summarization", "existing: {from: pairs}", None),
        ("paraphrase", "paraphrase: {from: seeds}", None),
        ("classification", "existing: {from: seeds}", None),
    ],
)
def test_a_task_that_rewrites_needs_what_is_rewritten(
    task: str, generate: str, told: str | None, tmp_path: Path
) -> None:
    recipe = (
        f"task: {task}\nlabels: {{a: one}}\nsources:\n  seeds: seeds.csv\n"
        f"  pairs: {{rows: {{path: pairs.csv, text: summary, fields: [document]}}}}\ngenerate: [{generate}]\n"
    )
    (tmp_path / "pairs.csv").write_text("summary,document,label\nshort,a long one,a\n")
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is it,a\n")
    (tmp_path / "recipe.yaml").write_text(recipe)
    if told is None:
        read_recipe(tmp_path / "recipe.yaml")
    else:
        with pytest.raises(RecipeError, match=re.escape(told)):
            read_recipe(tmp_path / "recipe.yaml")

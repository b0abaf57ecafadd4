from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_broken, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.core.records import Provenance, Record
from textsynth.recipe import check_sources, read_recipe
from textsynth.recipe.checks import gold_source


def row(*labels: str) -> Record:
    return Record("a text", Provenance("seeds"), labels)


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
        "write `multi_label: true`, or give each row one label"
    )
    assert check_sources(read_recipe(write_recipe(tmp_path, RECIPE + "multi_label: true\n")), several) == []


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
    text = "labels: {a: one, b: two}\nsources: {seeds: seeds.csv}\ngenerate: [existing: {source: seeds}]\n"
    rows = {"seeds": [row("a"), row(), row("b")]}
    (mistake,) = check_sources(read_recipe(write_recipe(tmp_path, text)), rows)
    assert mistake.sentence.startswith(
        "sources.seeds: 1 row of 3 without a label, and existing takes rows as they are:"
    )
    for other in (f"{text}label: [choice]\nmodels: {{generator: {{scripted: {{}}}}}}\n", text[text.index("sources") :]):
        assert check_sources(read_recipe(write_recipe(tmp_path, other)), rows) == []


def test_where_a_text_may_have_many_labels_it_may_have_none(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nmulti_label: true\nsources: {seeds: seeds.csv}\ngenerate: [existing: {source: seeds}]\n"
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
        f"generate: [labelled: {{attributes: {{tone: [calm, cross]}}}}]\nselect: [balanced: {{over: {over}}}]\n"
    )
    if told is None:
        read_recipe(write_recipe(tmp_path, recipe))
    else:
        with pytest.raises(RecipeError, match=re.escape(told)):
            read_recipe(write_recipe(tmp_path, recipe))


@pytest.mark.parametrize("generate", ["[./writer.py]", "[labelled: {source: own}]"])
def test_what_a_generator_or_source_of_ones_own_brings_may_be_evened_over(generate: str, tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text(
        "from textsynth import Source\n\n\nclass Rows(Source):\n    def read(self, base, *, name, seed): ...\n",
        encoding="utf-8",
    )
    own = "labels: {a: one}\nselect: [balanced: {over: [tone]}]\nsources: {own: {./rows.py: {}}}\n"
    read_recipe(write_recipe(tmp_path, own + f"generate: {generate}\n"))


@pytest.mark.parametrize(
    ("task", "generate", "told"),
    [
        ("paraphrase", "existing: {source: seeds}", "existing gives texts without what they rewrite (the column text"),
        (
            "paraphrase",
            "labelled: {}",
            "labelled gives texts without what they rewrite (the column text",
        ),
        (
            "summarization",
            "paraphrase: {source: seeds}",
            "paraphrase gives texts without what they rewrite (the column d",
        ),
        ("summarization", "existing: {source: pairs}", None),
        ("paraphrase", "paraphrase: {source: seeds}", None),
        ("classification", "existing: {source: seeds}", None),
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


RECIPE_GOLD = """\
models: {generator: {scripted: {answers: [hello]}}}
labels: {refund: asks for money back, delay: asks where an order is}
sources: {seeds: seeds.csv, checked: checked.csv, test: test.csv}
generate:
  - labelled: {source: seeds}
filter: [length, {leak: {source: checked}}]
label:
  - choice: {gold: checked, precision: 0.95}
select: []
"""


def written(folder: Path, text: str = RECIPE_GOLD) -> Path:
    for name in ("seeds", "checked", "test"):
        (folder / f"{name}.csv").write_text("text,label\nwhere is it,delay\n")
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def row_of_gold(*labels: str, place: int = 0) -> Record:
    return Record("a text", Provenance("checked", index=place), labels)


def test_a_source_that_is_only_compared_with_may_be_gold(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    assert [(item.name, source) for item, source in gold_source(recipe.label)] == [("choice", "checked")]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("gold: checked", "gold: seeds", 8, ["choice.gold is 'seeds', and labelled writes from its rows", "aside"]),
        ("gold: checked", "gold: chekced", 8, ["choice.gold is 'chekced'", "did you mean 'checked'?"]),
        ("gold: checked, ", "", 8, ["choice: precision needs gold"]),
        ("precision: 0.95", "precision: 0.9, min_confidence: 0.5", 8, ["remove one of them"]),
        ("precision: 0.95", "precision: 95", 8, ["choice.precision takes", "found 95"]),
        ("precision: 0.95", "source: checked", 8, ["gold and source are both 'checked'"]),
        ("precision: 0.95}", "votes: 3}\n  - choice: {source: checked}", 8, ["choice-2 shows its rows as examples"]),
        ("select: []", "evaluate: {train: seeds, test: checked}", 8, ["evaluate.test too"]),
        ("- labelled: {source: seeds}", "- existing: {source: checked}", 8, ["existing writes from its rows"]),
        ("select: []", "gold: {rows: {path: checked.csv}}", 9, ["no section 'gold'", "choice: {gold: NAME}"]),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert old in RECIPE_GOLD
    path = written(tmp_path, RECIPE_GOLD.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (mistake,) = caught.value.issues
    assert mistake.where == f"{path}:{line}"
    assert all(word in mistake.sentence for word in words), mistake.sentence


def test_a_source_may_be_called_gold_and_nothing_is_written_from_it(tmp_path: Path) -> None:
    text = RECIPE_GOLD.replace("seeds: seeds.csv, checked", "gold").replace("checked", "gold")
    text = text.replace("generate:\n  - labelled: {source: seeds}\n", "").replace("gold.csv", "checked.csv")
    (written_by,) = read_recipe(written(tmp_path, text)).generate
    assert getattr(written_by.step, "from_", None) is None


def test_every_row_needs_a_label(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    rows = [row_of_gold("delay"), row_of_gold(), row_of_gold()]
    (mistake,) = check_sources(recipe, {"seeds": [row_of_gold("delay")], "test": [row_of_gold()], "checked": rows})
    assert mistake.where == f"{recipe.path}:3"
    assert mistake.sentence == (
        "sources.checked: 2 rows of 3 without a label, and choice is tried on them: give each its label, or name their"
        " column, label: COLUMN"
    )


def test_a_label_that_the_recipe_lacks_is_told_as_for_all_sources(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    (mistake,) = check_sources(
        recipe, {"seeds": [row_of_gold("delay")], "test": [row_of_gold()], "checked": [row_of_gold("delya")] * 20}
    )
    assert "20 rows with the label 'delya', which `labels` does not list; did you mean 'delay'?" in mistake.sentence


def test_a_precision_cannot_be_read_from_few_rows(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    given = {"seeds": [row_of_gold("delay")], "test": [row_of_gold()]}
    (mistake,) = check_sources(recipe, {**given, "checked": [row_of_gold("delay")] * 19})
    assert mistake.sentence.startswith("sources.checked has 19 rows, and choice reads a precision from 20 or more")
    assert check_sources(recipe, {**given, "checked": [row_of_gold("delay")] * 20}) == []
    plain = read_recipe(written(tmp_path, RECIPE_GOLD.replace(", precision: 0.95", "")))
    assert check_sources(plain, {**given, "checked": [row_of_gold("delay")]}) == []


EXPORT = "export: {splits: {train: 0.9, validation: 0.1}}"
LINE = RECIPE.splitlines().index(EXPORT) + 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("license: CC-BY-4.0", ["the Hub's name for it is 'cc-by-4.0', found 'CC-BY-4.0'"]),
        ("license: apache-2", ["did you mean 'apache-2.0'"]),
        ("license: other", ["add license_name"]),
        ("license: mit, license_name: ours", ["write license: other, or take it out"]),
        ("source_licenses: {seed: mit}", ["sources has no 'seed'", "did you mean 'seeds'"]),
        ("source_licenses: {seeds: cc-by-sa}", ["the license 'cc-by-sa' of 'seeds': ", "did you mean 'cc-by-sa-"]),
        ("model_licenses: {jugde: mit}", ["models has no 'jugde'", "did you mean 'judge'"]),
        ("task_ids: [intent-clasification]", ["did you mean 'intent-classification'"]),
        ("task_ids: [news-articles-summarization]", ["is no kind of text-classification"]),
        ("task_categories: [intent-classification]", ["write it under task_ids"]),
        ("pretty_nam: x", ["pretty_nam", "did you mean 'pretty_name'"]),
    ],
)
def test_a_slip_in_export_is_a_sentence_with_the_right_name(tmp_path: Path, settings: str, words: list[str]) -> None:
    assert_broken(tmp_path, EXPORT, f"export: {{{settings}}}", LINE, words)


def test_everything_an_author_may_say_is_read(tmp_path: Path) -> None:
    settings = (
        "license: other, license_name: ours, license_link: LICENSE.md, source_licenses: {seeds: cc0-1.0}, "
        "model_licenses: {generator: mit}, pretty_name: Bank, description: words, authors: [Ann], "
        "citation: '@misc{a}', "
        "intended_use: a, out_of_scope: b, tags: [bank], task_categories: [text-classification], "
        "task_ids: [intent-classification], source_datasets: [acme/raw]"
    )
    export = read_recipe(write_recipe(tmp_path, RECIPE.replace(EXPORT, f"export: {{{settings}}}"))).export
    assert (export.license_name, export.authors, export.source_licenses) == ("ours", ("Ann",), {"seeds": "cc0-1.0"})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("english", ["did you mean 'en'"]),
        ("jp", ["did you mean 'ja'"]),
        ("xx", ["found 'xx'"]),
        ("EN", ["did you mean 'en'"]),
    ],
)
def test_a_language_is_checked_by_our_own_list(tmp_path: Path, language: str, words: list[str]) -> None:
    assert_broken(tmp_path, "name: bank", f"name: bank\nlanguage: {language}", 3, words)

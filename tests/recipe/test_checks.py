from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_one_issue, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.core.records import Provenance, Record
from textsynth.recipe import check_sources, read_recipe
from textsynth.recipe.checks import gold_sources


def row(*labels: str) -> Record:
    return Record("a text", Provenance("seeds"), labels)


def test_rows_with_labels_of_the_recipe_have_no_issue(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert check_sources(recipe, {"seeds": [row("refund"), row("delay"), row()]}) == []


def test_a_label_that_is_not_listed_is_one_issue_with_the_number_of_rows(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    (issue,) = check_sources(recipe, {"seeds": [row("refnd"), row("refnd")]})
    assert issue.where == f"{recipe.path}:11"
    assert issue.sentence == (
        "sources.seeds has 2 rows with the label 'refnd', which `labels` does not list; did you mean 'refund'?"
    )


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("want: {label: 5}", "every label has `want: 0`, and there is no other quota, so the run would make no text"),
        ("", "every label has `want: 0`, and there is no other quota, so the run would make no text"),
        ("want: {total: 5}", None),
        ("want: {total: 5}\nbudget: {requests: 0}", "budget.requests is 0, and every generator sends requests"),
        ("want: {total: 5}\nbudget: {tokens: 0}", "budget.tokens is 0, and every generator sends requests"),
    ],
)
def test_a_recipe_that_can_make_no_text_is_an_issue_that_says_why(
    lines: str, sentence: str | None, tmp_path: Path
) -> None:
    labels = "labels: {a: {description: x, want: 0}, b: {description: y, want: 0}}"
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: t\n{labels}\ngenerate: [labelled]\n{lines}\n", encoding="utf-8")
    if sentence is None:
        read_recipe(path)
        return
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (issue,) = caught.value.issues
    assert sentence in issue.sentence


@pytest.mark.parametrize(
    ("want", "generate", "labels", "has_issue"),
    [
        ("{label: 5}", "[paraphrase: {source: seeds}]", (), True),
        ("{label: 5}", "[paraphrase: {source: seeds}]", ("refund",), False),
        ("{total: 5}", "[paraphrase: {source: seeds}]", (), False),
    ],
)
def test_a_quota_by_label_needs_labels_on_the_rows_that_are_rewritten(
    want: str, generate: str, labels: tuple[str, ...], has_issue: bool, tmp_path: Path
) -> None:
    (tmp_path / "seeds.csv").write_text("text\nwhere is it\n", encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: t\ntask: paraphrasing\nlabels: {{refund: x, delay: y}}\nsources: {{seeds: seeds.csv}}\n"
        f"generate: {generate}\nfilter: [length]\nwant: {want}\n",
        encoding="utf-8",
    )
    issues = check_sources(read_recipe(path), {"seeds": [row(*labels)]})
    assert [issue.where for issue in issues] == [f"{path}:4"] * has_issue
    assert all("so the run would make no text" in issue.sentence for issue in issues)


def test_rows_with_several_labels_need_multi_label(tmp_path: Path) -> None:
    several = {"seeds": [row("refund"), row("refund", "delay"), row("delay", "refund")]}
    (issue,) = check_sources(read_recipe(write_recipe(tmp_path)), several)
    assert issue.sentence == (
        "sources.seeds has 2 rows with several labels ('refund', 'delay'), and a text has one: "
        "write `multi_label: true`, or give each row one label"
    )
    assert check_sources(read_recipe(write_recipe(tmp_path, RECIPE + "multi_label: true\n")), several) == []


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        (
            "refund, delay",
            'these are several of them: write `separator: ","` in sources.seeds, and `multi_label: true`',
        ),
        ("delay;refund", 'write `separator: ";"`'),
        ('["refund", "delay"]', "a list in a cell of a CSV file is not read: save the rows as JSON lines or parquet"),
    ],
)
def test_several_labels_in_one_cell_are_recognized(label: str, hint: str, tmp_path: Path) -> None:
    (issue,) = check_sources(read_recipe(write_recipe(tmp_path)), {"seeds": [row(label)]})
    assert hint in issue.sentence


def test_of_many_labels_that_are_not_listed_the_rest_is_counted(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    issues = check_sources(recipe, {"seeds": [*(row(f"x{n}") for n in range(8)), row("x7")]})
    assert len(issues) == 6
    assert "2 rows with the label 'x7'" in issues[0].sentence
    assert issues[-1].sentence == "sources.seeds has 3 more labels which `labels` does not list"


def test_a_source_shown_by_label_must_have_labels(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, "labels: {a: one, b: two}\nsources: {seeds: seeds.csv}\n"))
    (issue,) = check_sources(recipe, {"seeds": [row(), row()]})
    assert issue.sentence.startswith("sources.seeds has no labels, and labelled shows examples by label: name their")
    assert check_sources(recipe, {"seeds": [row(), row("a")]}) == []


def test_rows_that_become_candidates_need_labels_or_a_labeller(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nsources: {seeds: seeds.csv}\ngenerate: [existing: {source: seeds}]\n"
    rows = {"seeds": [row("a"), row(), row("b")]}
    (issue,) = check_sources(read_recipe(write_recipe(tmp_path, text)), rows)
    assert issue.sentence.startswith("sources.seeds: 1 row of 3 without a label, and existing takes rows as they are:")
    for correct in (
        f"{text}label: [choice]\nmodels: {{generator: {{scripted: {{}}}}}}\n",
        text[text.index("sources") :],
    ):
        assert check_sources(read_recipe(write_recipe(tmp_path, correct)), rows) == []


def test_with_multi_label_a_row_may_have_no_label(tmp_path: Path) -> None:
    text = (
        "labels: {a: one, b: two}\nmulti_label: true\nsources: {seeds: seeds.csv}\n"
        "generate: [existing: {source: seeds}]\n"
    )
    recipe = read_recipe(write_recipe(tmp_path, text))
    assert check_sources(recipe, {"seeds": [row("a", "b"), row()]}) == []
    assert "2 rows of 2 without a label" in check_sources(recipe, {"seeds": [row(), row()]})[0].sentence


def test_the_rows_of_an_evaluation_need_labels(tmp_path: Path) -> None:
    text = "labels: {a: one, b: two}\nsources: {seeds: seeds.csv, test: seeds.csv}\nevaluate: {test: test}\n"
    recipe = read_recipe(write_recipe(tmp_path, text))
    (issue,) = check_sources(recipe, {"seeds": [row("a")], "test": [row(), row("b")]})
    assert issue.sentence.startswith("sources.test: 1 row of 2 without a label, and evaluate.test needs one of each")
    assert check_sources(recipe, {"seeds": [row("a")], "test": [row("a"), row("b")]}) == []


def test_a_source_without_rows_is_an_issue(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert [issue.sentence for issue in check_sources(recipe, {"seeds": []})] == ["sources.seeds has no rows"]


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ("[tnoe]", "balanced.over has 'tnoe', which no generator varies and no source keeps in `fields`; did you mean"),
        ("[tone, label]", "balanced.over has 'label', which no generator varies and no source keeps in `fields`"),
        ("[tone, channel]", None),
    ],
)
def test_only_fields_that_texts_can_have_may_be_balanced(over: str, sentence: str | None, tmp_path: Path) -> None:
    recipe = (
        "labels: {a: one}\nsources: {seeds: {rows: {path: seeds.csv, fields: [channel]}}}\n"
        f"generate: [labelled: {{attributes: {{tone: [calm, cross]}}}}]\nselect: [balanced: {{over: {over}}}]\n"
    )
    if sentence is None:
        read_recipe(write_recipe(tmp_path, recipe))
    else:
        with pytest.raises(RecipeError, match=re.escape(sentence)):
            read_recipe(write_recipe(tmp_path, recipe))


@pytest.mark.parametrize("generate", ["[./writer.py]", "[labelled: {source: own}]"])
def test_any_field_may_be_balanced_where_a_plugin_may_set_it(generate: str, tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text(
        "from textsynth import Source\n\n\nclass Rows(Source):\n    def read(self, base, *, name, seed): ...\n",
        encoding="utf-8",
    )
    own = "labels: {a: one}\nselect: [balanced: {over: [tone]}]\nsources: {own: {./rows.py: {}}}\n"
    read_recipe(write_recipe(tmp_path, own + f"generate: {generate}\n"))


PROMPT_WITH_A_FIELD = """\
---
description: Writes texts with a document each.
variables: {label: the label}
answer: {json: {texts: "[].summary", fields: [document]}}
---
{% chat role="user" %}
Write about {{ label }}.
{% endchat %}
"""


@pytest.mark.parametrize(
    ("task", "generate", "sentence"),
    [
        (
            "paraphrasing",
            "existing: {source: seeds}",
            "existing writes no 'source_text', which fills the column 'text'",
        ),
        (
            "paraphrasing",
            "labelled: {}",
            "labelled writes no 'source_text', which fills the column 'text' of the task paraphrasing: take",
        ),
        (
            "summarization",
            "paraphrase: {source: seeds}",
            "paraphrase writes no 'document', which fills the column 'document' of the task summarization",
        ),
        ("summarization", "existing: {source: pairs}", None),
        ("summarization", "labelled: {source: pairs}", "labelled writes no 'document'"),
        ("summarization", "labelled: {source: pairs, prompt: with_document}", None),
        ("summarization", "labelled: {source: pairs, prompt: missing}", "missing"),
        ("paraphrasing", "paraphrase: {source: seeds}", None),
        ("classification", "existing: {source: seeds}", None),
    ],
)
def test_a_generator_must_set_the_fields_that_the_columns_of_the_task_need(
    task: str, generate: str, sentence: str | None, tmp_path: Path
) -> None:
    recipe = (
        f"task: {task}\nlabels: {{a: one}}\nsources:\n  seeds: seeds.csv\n"
        f"  pairs: {{rows: {{path: pairs.csv, text: summary, fields: [document]}}}}\ngenerate: [{generate}]\n"
    )
    (tmp_path / "pairs.csv").write_text("summary,document,label\nshort,a long one,a\n")
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is it,a\n")
    (tmp_path / "with_document.jinja").write_text(PROMPT_WITH_A_FIELD)
    (tmp_path / "recipe.yaml").write_text(recipe)
    if sentence is None:
        read_recipe(tmp_path / "recipe.yaml")
    else:
        with pytest.raises(RecipeError, match=re.escape(sentence)):
            read_recipe(tmp_path / "recipe.yaml")


GOLD_RECIPE = """\
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


def write_gold_recipe(folder: Path, text: str = GOLD_RECIPE) -> Path:
    for name in ("seeds", "checked", "test"):
        (folder / f"{name}.csv").write_text("text,label\nwhere is it,delay\n")
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def gold_row(*labels: str) -> Record:
    return Record("a text", Provenance("checked"), labels)


def test_a_source_that_a_filter_compares_with_may_be_gold(tmp_path: Path) -> None:
    recipe = read_recipe(write_gold_recipe(tmp_path))
    assert [(item.name, source) for item, source in gold_sources(recipe.label)] == [("choice", "checked")]


@pytest.mark.parametrize(
    ("old", "new", "line", "phrases"),
    [
        ("gold: checked", "gold: seeds", 8, ["choice.gold is 'seeds', and labelled writes from its rows", "apart"]),
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
def test_a_wrong_use_of_gold_rows_is_one_issue(
    tmp_path: Path, old: str, new: str, line: int, phrases: list[str]
) -> None:
    assert old in GOLD_RECIPE
    path = write_gold_recipe(tmp_path, GOLD_RECIPE.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (issue,) = caught.value.issues
    assert issue.where == f"{path}:{line}"
    assert all(phrase in issue.sentence for phrase in phrases), issue.sentence


def test_a_source_called_gold_is_not_written_from_by_default(tmp_path: Path) -> None:
    text = GOLD_RECIPE.replace("seeds: seeds.csv, checked", "gold").replace("checked", "gold")
    text = text.replace("generate:\n  - labelled: {source: seeds}\n", "").replace("gold.csv", "checked.csv")
    (generator,) = read_recipe(write_gold_recipe(tmp_path, text)).generate
    assert generator.step.model_dump()["source"] is None


def test_every_gold_row_needs_a_label(tmp_path: Path) -> None:
    recipe = read_recipe(write_gold_recipe(tmp_path))
    rows = [gold_row("delay"), gold_row(), gold_row()]
    (issue,) = check_sources(recipe, {"seeds": [gold_row("delay")], "test": [gold_row()], "checked": rows})
    assert issue.where == f"{recipe.path}:3"
    assert issue.sentence == (
        "sources.checked: 2 rows of 3 without a label, and choice is calibrated on them: give each its label, or name "
        "their column, label: COLUMN"
    )


def test_a_gold_label_that_is_not_listed_is_an_issue_as_in_every_source(tmp_path: Path) -> None:
    recipe = read_recipe(write_gold_recipe(tmp_path))
    (issue,) = check_sources(
        recipe, {"seeds": [gold_row("delay")], "test": [gold_row()], "checked": [gold_row("delya")] * 20}
    )
    assert "20 rows with the label 'delya', which `labels` does not list; did you mean 'delay'?" in issue.sentence


def test_a_precision_needs_enough_gold_rows(tmp_path: Path) -> None:
    recipe = read_recipe(write_gold_recipe(tmp_path))
    other_sources = {"seeds": [gold_row("delay")], "test": [gold_row()]}
    (issue,) = check_sources(recipe, {**other_sources, "checked": [gold_row("delay")] * 19})
    assert issue.sentence.startswith("sources.checked has 19 rows, and choice estimates a precision from 20 or more")
    assert check_sources(recipe, {**other_sources, "checked": [gold_row("delay")] * 20}) == []
    without_precision = read_recipe(write_gold_recipe(tmp_path, GOLD_RECIPE.replace(", precision: 0.95", "")))
    assert check_sources(without_precision, {**other_sources, "checked": [gold_row("delay")]}) == []


EXPORT_SECTION = "export: {splits: {train: 0.9, validation: 0.1}}"
EXPORT_LINE = RECIPE.splitlines().index(EXPORT_SECTION) + 1


@pytest.mark.parametrize(
    ("settings", "phrases"),
    [
        ("license: CC-BY-4.0", ["the Hub's name for it is 'cc-by-4.0', found 'CC-BY-4.0'"]),
        ("license: apache-2", ["did you mean 'apache-2.0'"]),
        ("license: other", ["add license_name"]),
        ("license: mit, license_name: ours", ["write license: other, or take it out"]),
        ("source_licenses: {seed: mit}", ["sources has no 'seed'", "did you mean 'seeds'"]),
        ("source_licenses: {seeds: cc-by-sa}", ["the license 'cc-by-sa' of 'seeds': ", "did you mean 'cc-by-sa-"]),
        ("model_licenses: {jugde: mit}", ["models has no 'jugde'", "did you mean 'judge'"]),
        ("task_ids: [intent-clasification]", ["did you mean 'intent-classification'"]),
        ("task_ids: [news-articles-summarization]", ["is no task id of text-classification"]),
        ("task_categories: [intent-classification]", ["write it under task_ids"]),
        ("pretty_nam: x", ["pretty_nam", "did you mean 'pretty_name'"]),
    ],
)
def test_a_wrong_export_setting_is_one_issue(tmp_path: Path, settings: str, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, EXPORT_SECTION, f"export: {{{settings}}}", EXPORT_LINE, phrases)


def test_all_settings_of_export_are_read(tmp_path: Path) -> None:
    settings = (
        "license: other, license_name: ours, license_link: LICENSE.md, source_licenses: {seeds: cc0-1.0}, "
        "model_licenses: {generator: mit}, pretty_name: Bank, description: words, authors: [Ann], "
        "citation: '@misc{a}', "
        "intended_use: a, out_of_scope: b, tags: [bank], task_categories: [text-classification], "
        "task_ids: [intent-classification], source_datasets: [acme/raw]"
    )
    export = read_recipe(write_recipe(tmp_path, RECIPE.replace(EXPORT_SECTION, f"export: {{{settings}}}"))).export
    assert (export.license_name, export.authors, export.source_licenses) == ("ours", ("Ann",), {"seeds": "cc0-1.0"})


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        ("english", ["did you mean 'en'"]),
        ("jp", ["did you mean 'ja'"]),
        ("xx", ["found 'xx'"]),
        ("EN", ["did you mean 'en'"]),
    ],
)
def test_an_unknown_language_is_one_issue(tmp_path: Path, language: str, phrases: list[str]) -> None:
    assert_one_issue(tmp_path, "name: bank", f"name: bank\nlanguage: {language}", 3, phrases)


def test_a_label_that_differs_in_case_or_spaces_comes_with_the_line_that_renames_it(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    (issue,) = check_sources(recipe, {"seeds": [row("Refund "), row("Refund "), row("delay")]})
    assert issue.sentence == (
        "sources.seeds has 2 rows with the label 'Refund ', which `labels` does not list; it differs from 'refund' in "
        'case, and a space at its start or end: write `rename: {"Refund ": "refund"}` in sources.seeds'
    )


def test_labels_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    recipe = read_recipe(write_recipe(tmp_path, RECIPE.replace("refund", decomposed)))
    assert composed in recipe.labels
    assert check_sources(recipe, {"seeds": [row(composed), row("delay")]}) == []


def test_two_unicode_forms_of_one_label_are_an_issue(tmp_path: Path) -> None:
    forms = "\n".join(f"  {unicodedata.normalize(form, 'café')}: a place" for form in ("NFC", "NFD"))
    path = write_recipe(tmp_path, RECIPE.replace("labels:\n", f"labels:\n{forms}\n", 1))
    with pytest.raises(RecipeError, match="labels has 'café' twice, in two Unicode forms of the same letters"):
        read_recipe(path)

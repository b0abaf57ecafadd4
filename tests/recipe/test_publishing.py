from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, assert_broken, write_recipe
from textsynth.recipe import read_recipe

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

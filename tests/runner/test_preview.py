"""A preview shows prompts, answers and all verdicts, and keeps nothing."""

from __future__ import annotations

from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.runner.preview import preview

LIGHT = "filter: [{length: {min_words: 6}}, exact_duplicate]\nselect: []"


def test_every_text_is_shown_with_the_verdict_of_every_filter(tmp_path: Path) -> None:
    samples = preview(
        small_recipe(tmp_path, answers='["1. where is my new card now\\n2. it ate my card at noon"]', more=LIGHT), 2
    )
    assert [sample.item for sample in samples] == ["labelled", "labelled"]
    first = samples[0]
    assert "where is my new card now" in first.answer
    assert any("card" in content for _, content in first.prompt)
    assert [seen.text for seen in first.texts] == ["where is my new card now", "it ate my card at noon"]
    assert [[check.item for check in seen.checks] for seen in first.texts] == [["length", "exact_duplicate"]] * 2
    assert first.texts[0].checks[0].reason is None


def test_a_text_that_one_filter_drops_goes_on_to_the_next(tmp_path: Path) -> None:
    short = small_recipe(tmp_path, answers='["1. too short"]', more=LIGHT)
    (sample,) = preview(short, 1)
    (seen,) = sample.texts
    assert seen.checks[0].reason is not None
    assert seen.checks[1].item == "exact_duplicate"


def test_an_answer_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (sample,) = preview(small_recipe(tmp_path, answers='[""]', more=LIGHT), 1)
    assert sample.failure or sample.texts[0].unread


def test_the_recipes_folder_stays_as_it_was(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, more=LIGHT)
    before = sorted(tmp_path.rglob("*"))
    preview(recipe, 3)
    assert sorted(tmp_path.rglob("*")) == before

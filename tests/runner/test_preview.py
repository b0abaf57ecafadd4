"""A preview shows prompts, answers and all verdicts, and keeps nothing."""

from __future__ import annotations

from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.runner.preview import preview

TWO_FILTERS = "filter: [{length: {min_words: 6}}, exact_duplicate]\nselect: []"


def test_every_text_has_the_verdict_of_every_filter(tmp_path: Path) -> None:
    answers = '["1. where is my new card now\\n2. it ate my card at noon"]'
    samples = preview(small_recipe(tmp_path, answers=answers, sections=TWO_FILTERS), 2)
    assert [sample.item for sample in samples] == ["labelled", "labelled"]
    first = samples[0]
    assert "where is my new card now" in first.answer
    assert any("card" in content for _, content in first.prompt)
    assert [text.text for text in first.texts] == ["where is my new card now", "it ate my card at noon"]
    assert [[check.item for check in text.checks] for text in first.texts] == [["length", "exact_duplicate"]] * 2
    assert first.texts[0].checks[0].reason is None


def test_a_text_that_one_filter_drops_goes_on_to_the_next(tmp_path: Path) -> None:
    (sample,) = preview(small_recipe(tmp_path, answers='["1. too short"]', sections=TWO_FILTERS), 1)
    (text,) = sample.texts
    assert text.checks[0].reason is not None
    assert text.checks[1].item == "exact_duplicate"


def test_an_answer_that_cannot_be_parsed_has_a_reason(tmp_path: Path) -> None:
    (sample,) = preview(small_recipe(tmp_path, answers='[""]', sections=TWO_FILTERS), 1)
    assert sample.failure or sample.texts[0].unread


def test_the_recipes_folder_is_not_changed(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, sections=TWO_FILTERS)
    before = sorted(tmp_path.rglob("*"))
    preview(recipe, 3)
    assert sorted(tmp_path.rglob("*")) == before

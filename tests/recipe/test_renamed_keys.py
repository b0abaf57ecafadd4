"""A recipe with a key, value or name of an earlier version gets a sentence with the name of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.core.errors import RecipeError
from textsynth.core.validation_errors import RENAMED_FIELDS
from textsynth.recipe import read_recipe

BASE = """\
labels: {a: asks about a, b: asks about b}
sources: {seeds: seeds.csv}
models: {generator: {scripted: {answers: [x]}}}
"""
HTTP = "models: {{generator: {{http: {{base_url: 'http://127.0.0.1:9/v1', model: m, {}}}}}}}"
KEYS = [
    ("many", "multi_label", "many: true", "a recipe"),
    ("pool", "oversample", "pool: 1.5", "a recipe"),
    ("vary", "attributes", "generate: [{labelled: {vary: {tone: [calm]}}}]", "labelled"),
    ("about", "domain", "generate: [{labelled: {about: letters}}]", "labelled"),
    ("others", "contrast_labels", "generate: [{labelled: {others: 2}}]", "labelled"),
    ("avoid", "show_accepted", "generate: [{labelled: {avoid: 2}}]", "labelled"),
    ("texts", "per_request", "generate: [{labelled: {texts: 2}}]", "labelled"),
    ("from", "source", "generate: [{labelled: {from: seeds}}]", "labelled"),
    ("with", "source", "filter: [{leak: {with: seeds}}]", "leak"),
    ("points", "key_points", "generate: [{summary: {source: seeds, points: facts}}]", "summary"),
    ("means", "description", "labels: {a: {means: asks about a}, b: asks about b}", "labels.a"),
    ("accept", "top_k", "filter: [{agreement: {source: seeds, accept: 2}}]", "agreement"),
    ("by", "method", "label: [{choice: {by: votes}}]", "choice"),
    ("disagree", "on_disagreement", "label: [{choice: {disagree: drop}}]", "choice"),
    ("unsure", "on_low_confidence", "label: [{choice: {unsure: drop}}]", "choice"),
    ("in_flight", "concurrency", HTTP.format("in_flight: 3"), "http"),
    ("key_env", "api_key_env", HTTP.format("key_env: KEY"), "http"),
    ("body", "extra_body", HTTP.format("body: {min_p: 0.1}"), "http"),
    ("draws_together", "batch_n", HTTP.format("draws_together: 4"), "http"),
    ("speaks", "server", HTTP.format("speaks: vllm"), "http"),
    ("patience_seconds", "max_downtime_seconds", HTTP.format("patience_seconds: 9"), "http"),
    ("prompts", "mode", HTTP.format("prompts: chat"), "http"),
    ("keep", "keep_running", "models: {generator: {vllm: {model: m, keep: true}}}", "vllm"),
]


def issues_of(folder: Path, lines: str) -> list[str]:
    """Return the sentences about the recipe whose sections are `lines`, over those of BASE, and their line numbers."""
    (folder / "seeds.csv").write_text("text,label\nhello,a\n", encoding="utf-8")
    section = lines.split(":")[0]
    unchanged = [line for line in BASE.splitlines() if not line.startswith(f"{section}:")]
    path = folder / "recipe.yaml"
    path.write_text("\n".join([lines, *unchanged]) + "\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    return [str(issue).removeprefix(f"{folder}/") for issue in caught.value.issues]


@pytest.mark.parametrize(("old", "new", "lines", "owner"), KEYS)
def test_a_renamed_key_is_one_sentence_with_the_new_name(
    old: str, new: str, lines: str, owner: str, tmp_path: Path
) -> None:
    noun = "section" if owner == "a recipe" else "field"
    expected = f"recipe.yaml:1: {owner} has no {noun} {old!r}; it was renamed to {new!r}"
    assert expected in issues_of(tmp_path, lines)


def test_every_renamed_key_is_tested_here() -> None:
    assert {old: new for old, new, _, _ in KEYS} == dict(RENAMED_FIELDS)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "label: [{choice: {by: probabilities}}]",
            "choice has no field 'by'; it was renamed to 'method', and its value 'probabilities' to 'logprobs'",
        ),
        (
            "label: [{choice: {method: probabilities}}]",
            "choice.method takes 'votes' or 'logprobs', found 'probabilities'; it was renamed to 'logprobs'",
        ),
        ("task: paraphrase", "task has no component 'paraphrase'; it was renamed to 'paraphrasing'"),
        ("filter: [faithful]", "filter has no component 'faithful'; it was renamed to 'faithfulness'"),
        (
            "filter: [{faithful: {min_overlap: 0.5}}]",
            "filter has no component 'faithful'; it was renamed to 'faithfulness'",
        ),
    ],
)
def test_a_renamed_value_or_component_is_a_sentence_with_the_new_name(
    lines: str, sentence: str, tmp_path: Path
) -> None:
    assert any(issue.startswith(f"recipe.yaml:1: {sentence}") for issue in issues_of(tmp_path, lines))


def test_a_required_field_under_its_old_name_is_one_issue(tmp_path: Path) -> None:
    lines = "labels: {a: {means: asks about a}, b: asks about b}"
    assert [issue for issue in issues_of(tmp_path, lines) if issue.startswith("recipe.yaml:1:")] == [
        "recipe.yaml:1: labels.a has no field 'means'; it was renamed to 'description'"
    ]


def test_a_key_that_the_owner_never_had_is_no_renamed_one(tmp_path: Path) -> None:
    (issue, *_) = issues_of(tmp_path, "filter: [{length: {vary: 3}}]")
    assert issue.startswith("recipe.yaml:1: length has no field 'vary'; there are: min_words")

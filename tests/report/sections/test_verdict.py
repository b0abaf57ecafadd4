"""The verdict: harm and leaks come first, whatever else holds."""

from __future__ import annotations

import pytest

from tests.report import evaluations
from textsynth.report.sections.verdict import (
    EFFECTS,
    MAX_CLASSES_NAMED,
    change_style,
    compared_arms,
    summarize_verdict,
)


def test_the_first_sentence_is_the_headline_and_losing_classes_come_first() -> None:
    verdict = summarize_verdict(evaluations.big())
    assert (verdict.effect, verdict.word, verdict.sign) == ("helps", "Helps", "▲")
    assert verdict.headline.startswith("The synthetic texts help")
    assert [title for title, _ in verdict.class_groups] == [
        "Classes that lose (1)",
        "Classes that gain (15)",
        "Classes with too few test texts (9)",
    ]
    assert verdict.class_groups[1][1].endswith(f" and {15 - MAX_CLASSES_NAMED} more")


def test_the_difference_is_plotted_for_every_classifier() -> None:
    figure = summarize_verdict(evaluations.harmful()).figure
    assert figure is not None
    assert figure.plot is not None
    assert [row[0] for row in figure.table.rows] == ["words (TF-IDF)", "sentence embeddings"]
    assert {mark.css_class for mark in figure.plot.marks if mark.tag == "rect"} == {"mark loss"}


def test_another_classifier_that_is_harmed_is_named() -> None:
    evaluation = evaluations.small()
    evaluation["differences"][0] |= {"difference": -0.05, "interval": [-0.08, -0.02]}
    verdict = summarize_verdict(evaluation)
    assert (verdict.effect, verdict.harmed) == ("helps", ["words (TF-IDF)"])
    assert verdict.classifier == "sentence embeddings"


def test_a_leak_that_the_effect_does_not_mention_is_a_warning() -> None:
    evaluation = evaluations.small()
    evaluation["contamination"]["test_copies"] = 2
    warning = "Training and test data share texts (2): see Contamination."
    assert summarize_verdict(evaluation).warnings == [warning]
    evaluation["verdict"]["test_copies"] = 2
    assert summarize_verdict(evaluation).warnings == []
    evaluation["contamination"]["above_base_rate"] = ["train-test"]
    (warning,) = summarize_verdict(evaluation).warnings
    assert warning == "More texts are shared than expected by chance (train and test): see Contamination."


def test_classes_that_a_sentence_names_are_not_listed_again() -> None:
    evaluation = evaluations.small()
    evaluation["verdict"]["sentences"].append("1 label gains clearly: route.")
    assert [title for title, _ in summarize_verdict(evaluation).class_groups] == ["Classes that lose (1)"]


@pytest.mark.parametrize("evaluation", [evaluations.leaking(), evaluations.harmful()])
def test_what_the_effect_says_is_not_repeated_as_a_warning(evaluation: dict[str, object]) -> None:
    verdict = summarize_verdict(evaluation)
    assert verdict.warnings == verdict.harmed == []


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_has_a_sign_a_word_and_a_sentence(effect: str) -> None:
    verdict = summarize_verdict({"verdict": {"effect": effect}})
    assert verdict.effect == effect
    assert verdict.sign
    assert verdict.word
    assert verdict.headline.endswith(".")


@pytest.mark.parametrize(
    "evaluation", [{}, {"verdict": None}, {"verdict": {"effect": "wonderful"}}, {"verdict": {"effect": 1}}]
)
def test_without_a_known_effect_there_is_no_verdict(evaluation: dict[str, object]) -> None:
    assert summarize_verdict(evaluation).word == "No verdict"
    assert compared_arms(evaluation) == ("seeds_selected", "seeds")


def test_a_change_is_certain_only_where_its_interval_excludes_zero() -> None:
    styles = [change_style(interval) for interval in ((-0.2, -0.1), (-0.2, 0.0), (-0.1, 0.1), (0.1, 0.2), None)]
    assert styles == ["loss", "uncertain", "uncertain", "gain", "uncertain"]

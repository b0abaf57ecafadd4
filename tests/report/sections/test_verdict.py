"""The verdict: harm and leak are said first, whatever else holds."""

from __future__ import annotations

import pytest

from tests.report import evaluations
from textsynth.report.sections.verdict import EFFECTS, NAMED, compared, look_of, read_verdict


def test_the_first_sentence_is_the_headline_and_the_losing_classes_stand_first() -> None:
    verdict = read_verdict(evaluations.big())
    assert (verdict.effect, verdict.word, verdict.sign) == ("helps", "Helps", "▲")
    assert verdict.headline.startswith("The synthetic texts help")
    assert [title for title, _ in verdict.classes] == [
        "Classes that lose (1)",
        "Classes that gain (15)",
        "Too few test texts to say (9)",
    ]
    assert verdict.classes[1][1].endswith(f" and {15 - NAMED} more")


def test_the_difference_is_plotted_for_every_classifier() -> None:
    figure = read_verdict(evaluations.harm()).figure
    assert figure is not None
    assert figure.plot is not None
    assert [row[0] for row in figure.table.rows] == ["words (TF-IDF)", "sentence embeddings"]
    assert {mark.style for mark in figure.plot.marks if mark.tag == "rect"} == {"mark loss"}


def test_a_harm_that_the_effect_hides_is_said_before_it() -> None:
    told = evaluations.small()
    told["differences"][0] |= {"difference": -0.05, "interval": [-0.08, -0.02]}
    verdict = read_verdict(told)
    assert (verdict.effect, verdict.harmed, verdict.by) == ("helps", ["words (TF-IDF)"], "sentence embeddings")


def test_a_leak_that_the_effect_hides_is_warned_of() -> None:
    told = evaluations.small()
    told["leaks"]["found"] = 2
    assert read_verdict(told).warnings == ["Training and test data share texts (2): see the leaks below."]
    told["verdict"]["leaks"] = 2
    assert read_verdict(told).warnings == []
    told["leaks"]["beyond_chance"] = ["train-test"]
    (said,) = read_verdict(told).warnings
    assert said == "More texts are shared than chance explains (train and test): see the leaks below."


def test_classes_that_a_sentence_names_are_not_listed_again() -> None:
    told = evaluations.small()
    told["verdict"]["sentences"].append("1 label gains clearly: route.")
    assert [title for title, _ in read_verdict(told).classes] == ["Classes that lose (1)"]


@pytest.mark.parametrize("told", [evaluations.leak(), evaluations.harm()])
def test_what_the_effect_says_is_not_warned_of_again(told: dict[str, object]) -> None:
    assert read_verdict(told).warnings == read_verdict(told).harmed == []


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_has_a_sign_a_word_and_a_sentence(effect: str) -> None:
    verdict = read_verdict({"verdict": {"effect": effect}})
    assert verdict.effect == effect
    assert verdict.sign
    assert verdict.headline.endswith(".")


@pytest.mark.parametrize(
    "told", [{}, {"verdict": None}, {"verdict": {"effect": "wonderful"}}, {"verdict": {"effect": 1}}]
)
def test_no_verdict_is_told_as_none(told: dict[str, object]) -> None:
    assert read_verdict(told).word == "No verdict"
    assert compared(told) == ("seeds_selected", "seeds")


def test_a_change_counts_only_where_its_interval_leaves_zero() -> None:
    looks = [look_of(ends) for ends in ((-0.2, -0.1), (-0.2, 0.0), (-0.1, 0.1), (0.1, 0.2), None)]
    assert looks == ["loss", "unsure", "unsure", "gain", "unsure"]

"""Scores of the arms and differences between them."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.arms import arms_section, classifiers, differences_section


def test_every_arm_has_its_score_in_plot_and_table_for_each_classifier() -> None:
    section = arms_section(evaluations.small())
    assert section is not None
    words, embeddings = section.figures
    assert words.table.head == [
        "arm", "macro-F1", "95\u00a0% interval", "accuracy", "balanced accuracy",
        "training texts", "weight", "SD over samples",
    ]  # fmt: skip
    assert [row[0] for row in words.table.rows][:3] == ["seeds only", "raw synthetic", "random sample of raw"]
    assert words.table.rows[0][1] == "0.577"
    assert words.plot is not None
    assert "seeds only 0.577" in words.plot.description
    assert "mean of 3 samples" in " ".join(section.paragraphs)
    assert "the seeds are repeated to as many rows" in section.paragraphs[-1]
    assert "seeds repeated" in [row[0] for row in words.table.rows]
    assert embeddings.table.title == "Scores: sentence embeddings"


def test_only_measures_that_some_arm_has_are_columns() -> None:
    section = arms_section(evaluations.scores_only())
    assert section is not None
    assert section.figures[0].table.head == ["arm", "macro-F1"]
    evaluation = evaluations.small()
    evaluation["arms"]["seeds"]["words"] |= {"quadratic_kappa": 0.61, "micro_f1": 0.7}
    section = arms_section(evaluation)
    assert section is not None
    assert {"quadratic kappa", "micro-F1"} <= set(section.figures[0].table.head)


def test_unknown_arms_come_last_under_their_own_name() -> None:
    section = arms_section({"arms": {"my_arm": {"words": {"macro_f1": 0.4}}, "seeds": {"words": {"macro_f1": 0.5}}}})
    assert section is not None
    assert [row[0] for row in section.figures[0].table.rows] == ["seeds only", "my arm"]


def test_differences_are_named_by_both_arms() -> None:
    section = differences_section(evaluations.small())
    assert section is not None
    names = [row[0] for row in section.figures[0].table.rows]
    assert names[:2] == ["seeds + selected vs. seeds only", "selected synthetic vs. random sample of raw"]
    assert differences_section(evaluations.scores_only()) is None
    assert arms_section({}) is None


def test_listed_classifiers_come_before_those_that_only_results_name() -> None:
    evaluation = {"classifiers": ["embeddings"], "arms": {"seeds": {"words": {}}}, "learning_curves": {"setfit": []}}
    assert classifiers(evaluation) == ["embeddings", "words", "setfit"]

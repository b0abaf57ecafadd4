"""The learning curve and the weight of synthetic texts."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.learning_curve import learning_curve_section, sample_weight_section


def test_the_curve_has_a_marker_for_seeds_and_selected() -> None:
    evaluation = evaluations.small()
    section = learning_curve_section(evaluation)
    assert section is not None
    table = section.figures[0].table
    assert [row[1] for row in table.rows] == ["2", "4", "6", "8", "10", "10"]
    assert table.rows[-1][:3] == (
        "seeds + selected",
        "10",
        f"{evaluation['arms']['seeds_selected']['words']['macro_f1']:.3f}",
    )
    del evaluation["arms"]["seeds_selected"]
    section = learning_curve_section(evaluation)
    assert section is not None
    assert section.figures[0].table.rows[-1][0] == "seeds alone"


def test_the_weight_has_a_sentence_and_a_table_of_all_weights_tried() -> None:
    section = sample_weight_section(evaluations.small())
    assert section is not None
    assert section.paragraphs[0] == (
        "words (TF-IDF): a synthetic text has 0.3 times the weight of a real one. Of the weights within one standard "
        "error of the best, it is the nearest to 0.3."
    )
    assert [row[0] for row in section.figures[0].table.rows] == [
        "weight 0",
        "weight 0.1",
        "weight 0.3, chosen",
        "weight 1",
    ]
    assert section.figures[0].table.rows[0][2] == "0.050"


def test_a_weight_of_zero_is_explained() -> None:
    section = sample_weight_section(evaluations.harmful())
    assert section is not None
    assert "The seeds score higher without synthetic texts." in section.paragraphs[0]


def test_without_curve_or_weight_there_is_no_section() -> None:
    assert learning_curve_section(evaluations.scores_only()) is None
    assert sample_weight_section({"sample_weights": {"words": {"weight": None}}}) is None
    section = sample_weight_section({"sample_weights": {"words": {"weight": 1}}})
    assert section is not None
    assert not section.figures
    not_fitted = sample_weight_section(
        {"sample_weights": {"words": {"weight": 1, "prior": 1, "held_out_rows": 0, "grid": []}}}
    )
    assert not_fitted is not None
    assert "too few seeds to fit it" in not_fitted.paragraphs[0]

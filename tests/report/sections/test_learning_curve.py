"""The learning curve and the weight."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.learning_curve import curve_section, weights_section


def test_the_curve_has_a_marker_where_seeds_and_selected_stand() -> None:
    told = evaluations.small()
    section = curve_section(told)
    assert section is not None
    table = section.figures[0].table
    assert [row[1] for row in table.rows] == ["2", "4", "6", "8", "10", "10"]
    assert table.rows[-1][:3] == (
        "seeds + selected",
        "10",
        f"{told['arms']['seeds_selected']['words']['macro_f1']:.3f}",
    )
    del told["arms"]["seeds_selected"]
    section = curve_section(told)
    assert section is not None
    assert section.figures[0].table.rows[-1][0] == "seeds alone"


def test_the_weight_is_said_with_what_was_tried() -> None:
    section = weights_section(evaluations.small())
    assert section is not None
    assert section.said[0] == "words (TF-IDF): a synthetic text counts 0.3 of a real one, looked for near 0.3."
    assert [row[0] for row in section.figures[0].table.rows] == [
        "weight 0",
        "weight 0.1",
        "weight 0.3, chosen",
        "weight 1",
    ]
    assert section.figures[0].table.rows[0][2] == "0.050"


def test_a_weight_of_nothing_is_said_plainly() -> None:
    section = weights_section(evaluations.harm())
    assert section is not None
    assert "The seeds do better without them." in section.said[0]


def test_without_curve_or_weight_there_is_no_section() -> None:
    assert curve_section(evaluations.bare()) is None
    assert weights_section({"weights": {"words": {"weight": None}}}) is None
    section = weights_section({"weights": {"words": {"weight": 1}}})
    assert section is not None
    assert not section.figures
    unfitted = weights_section({"weights": {"words": {"weight": 1, "prior": 1, "rows": 0, "grid": []}}})
    assert unfitted is not None
    assert "too few seeds to fit it" in unfitted.said[0]

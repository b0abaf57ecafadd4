"""What each check earned."""

from __future__ import annotations

from tests.report.charts.test_svg import marks
from textsynth.report.sections.ablation import HEAD, earned_section

EARNED = {"step": "agreement", "classifier": "words", "dropped": 39, "readmitted": 30, "with": 0.71, "without": 0.69}


def test_the_bars_stand_on_the_score_without_the_check() -> None:
    section = earned_section({"earned": [{**EARNED, "random": 0.70, "random_spread": 0.01}]})
    assert section is not None
    (figure,) = section.figures
    assert dict(zip(HEAD, figure.table.rows[0], strict=True)) == {
        "check": "agreement",
        "dropped": "39",
        "let back": "30",
        "with it": "0.710",
        "without it": "0.690",
        "random": "0.700",
        "SD of random": "0.010",
        "earned": "+0.020",
        "over random": "+0.010",
    }
    assert figure.plot is not None
    assert [mark.text for mark in marks(figure.plot, "value")] == ["+0.020 / +0.010"]


def test_a_check_that_costs_is_a_loss_and_random_may_be_unknown() -> None:
    section = earned_section({"earned": [{**EARNED, "with": 0.66}]})
    assert section is not None
    (figure,) = section.figures
    assert figure.plot is not None
    assert [mark.text for mark in marks(figure.plot, "value")] == ["−0.030"]
    assert len(marks(figure.plot, "loss")) == 2
    assert figure.table.rows[0][-1] == "–"


def test_nothing_tried_is_no_section() -> None:
    assert earned_section({}) is None
    assert earned_section({"earned": [{**EARNED, "without": None}]}) is None

"""The ablation of the checks."""

from __future__ import annotations

from tests.report.charts.test_svg import marks_of_class
from textsynth.report.sections.ablation import HEAD, ablation_section

ROW = {
    "step": "agreement",
    "classifier": "words",
    "dropped": 39,
    "readmitted": 30,
    "with_filter": 0.71,
    "without_filter": 0.69,
}


def test_bars_show_the_change_from_the_score_without_the_check() -> None:
    section = ablation_section({"ablation": [{**ROW, "random_drop": 0.70, "random_drop_sd": 0.01}]})
    assert section is not None
    (figure,) = section.figures
    assert dict(zip(HEAD, figure.table.rows[0], strict=True)) == {
        "check": "agreement",
        "dropped": "39",
        "readmitted": "30",
        "with it": "0.710",
        "without it": "0.690",
        "random": "0.700",
        "SD of random": "0.010",
        "gain": "+0.020",
        "gain over random": "+0.010",
    }
    assert figure.plot is not None
    assert [mark.text for mark in marks_of_class(figure.plot, "value")] == ["+0.020 / +0.010"]


def test_a_harmful_check_is_a_loss_and_the_random_drop_may_be_missing() -> None:
    section = ablation_section({"ablation": [{**ROW, "with_filter": 0.66}]})
    assert section is not None
    (figure,) = section.figures
    assert figure.plot is not None
    assert [mark.text for mark in marks_of_class(figure.plot, "value")] == ["−0.030"]
    assert len(marks_of_class(figure.plot, "loss")) == 2
    assert figure.table.rows[0][-1] == "–"


def test_without_evaluated_checks_there_is_no_section() -> None:
    assert ablation_section({}) is None
    assert ablation_section({"ablation": [{**ROW, "without_filter": None}]}) is None

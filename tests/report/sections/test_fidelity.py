"""The fidelity of the synthetic texts, column by column."""

from __future__ import annotations

from tests.report import evaluations
from textsynth.report.sections.fidelity import fidelity_section, privacy_section


def test_every_column_has_a_row_and_the_lowest_score_comes_first() -> None:
    section = fidelity_section(evaluations.small())
    assert section is not None
    table = section.figures[0].table
    assert list(table.head) == ["column", "measure", "score", "category coverage", "synthetic mean", "real mean"]
    assert [row[0] for row in table.rows] == ["end mark", "label", "length in words"]
    assert list(table.rows[0][1:]) == ["TVComplement", "0.420", "1.000", "0.98", "0.4"]
    assert table.rows[2][3] == "–"


def test_the_least_similar_column_and_pair_are_named_and_means_stand_next_to_those_of_real_rows() -> None:
    section = fidelity_section(evaluations.small())
    assert section is not None
    assert list(section.paragraphs[1:]) == [
        "Mean of the surface features: 0.655 (two halves of the real rows: 0.981).",
        "Mean of the pairs of columns: 0.610 (two halves of the real rows: 0.962).",
        "The least similar column is “end mark” (0.420).",
        "The least similar pair is “label” with “end mark” (0.390).",
    ]


def test_an_evaluation_without_fidelity_has_no_section() -> None:
    assert fidelity_section({}) is None
    assert fidelity_section({"fidelity": None}) is None
    only_column = fidelity_section({"fidelity": {"columns": [{"column": "label", "score": 0.5}]}})
    assert only_column is not None
    assert len(only_column.paragraphs) == 1


def test_the_share_of_texts_near_to_seeds_has_its_interval_and_that_of_real_rows() -> None:
    evaluation = evaluations.small()
    section = privacy_section(evaluation)
    assert section is not None
    first, of_real = section.paragraphs
    share, low, high = (f"{number}\N{NO-BREAK SPACE}%" for number in ("52.0", "46.0", "58.0"))
    assert first.startswith(f"{share} of 240 selected texts (")
    assert f" {low} to {high}) are nearer to a seed than to as many real rows" in first
    assert of_real.endswith("are nearer to a seed.")
    evaluation["privacy"] |= {"share": 0.97, "overfits": True, "real_share": None}
    overfitting = privacy_section(evaluation)
    assert overfitting is not None
    assert overfitting.paragraphs[-1].startswith("The data set overfits its seeds")
    assert privacy_section({}) is None

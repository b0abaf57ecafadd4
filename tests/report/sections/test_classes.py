"""Change by class."""

from __future__ import annotations

from tests.report import evaluations
from tests.report.charts.test_svg import marks
from textsynth.report.sections.classes import SHOWN, classes_section


def test_losses_stand_first_and_few_test_texts_apart() -> None:
    section = classes_section(evaluations.big())
    assert section is not None
    words, embeddings, few, _ = section.figures
    assert (words.table.title, embeddings.table.title) == ("Classes: words (TF-IDF)", "Classes: sentence embeddings")
    assert few.table.title == "Classes with under 20 test texts: words (TF-IDF)"
    assert few.plot is None
    assert (len(words.table.rows), len(few.table.rows)) == (68, 9)
    changes = [float(row[1].replace("−", "-")) for row in words.table.rows]
    assert changes == sorted(changes)
    assert {row[-1] for row in few.table.rows} == {"11"}


def test_the_plot_shows_the_forty_clearest_in_the_same_order() -> None:
    section = classes_section(evaluations.big())
    assert section is not None
    plot = section.figures[0].plot
    assert plot is not None
    shown = [mark.text for mark in marks(plot, "value")]
    assert len(shown) == SHOWN
    assert not marks(plot, "unsure")
    assert f"The plot shows the {SHOWN} clearest changes, the table below it all of them." in section.said


def test_a_row_has_the_scores_before_and_after() -> None:
    told = evaluations.small()
    section = classes_section(told)
    assert section is not None
    row = section.figures[0].table.rows[0]
    before = told["arms"]["seeds"]["words"]["per_class"][row[0]]["f1"]
    after = told["arms"]["seeds_selected"]["words"]["per_class"][row[0]]["f1"]
    assert row[3:] == (f"{before:.3f}", f"{after:.3f}", "150")


def test_where_all_classes_have_few_test_texts_there_is_only_the_table() -> None:
    told = evaluations.evaluation(["a", "b"], ["length"], shift=0.0, test=30)
    section = classes_section(told)
    assert section is not None
    assert [figure.plot for figure in section.figures] == [None, None]
    assert classes_section(evaluations.bare()) is None

"""Change by class."""

from __future__ import annotations

from tests.report import evaluations
from tests.report.charts.test_svg import marks_of_class
from textsynth.report.sections.classes import MAX_PLOTTED, classes_section


def test_losses_come_first_and_classes_with_few_test_texts_have_their_own_table() -> None:
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


def test_the_plot_shows_the_forty_clearest_changes_in_the_order_of_the_table() -> None:
    section = classes_section(evaluations.big())
    assert section is not None
    plot = section.figures[0].plot
    assert plot is not None
    values = [mark.text for mark in marks_of_class(plot, "value")]
    assert len(values) == MAX_PLOTTED
    changes = [float(value.replace("−", "-")) for value in values]
    assert changes == sorted(changes)
    assert not marks_of_class(plot, "uncertain")
    sentence = f"The plot shows the {MAX_PLOTTED} clearest changes, the table below it all of them."
    assert sentence in section.paragraphs


def test_a_row_has_the_scores_before_and_after() -> None:
    evaluation = evaluations.small()
    section = classes_section(evaluation)
    assert section is not None
    row = section.figures[0].table.rows[0]
    before = evaluation["arms"]["seeds"]["words"]["per_label"][row[0]]["f1"]
    after = evaluation["arms"]["seeds_selected"]["words"]["per_label"][row[0]]["f1"]
    assert row[3:] == (f"{before:.3f}", f"{after:.3f}", "150")


def test_without_a_class_with_enough_test_texts_there_is_only_a_table() -> None:
    evaluation = evaluations.evaluation(["a", "b"], ["length"], shift=0.0, test_texts=30)
    section = classes_section(evaluation)
    assert section is not None
    assert [figure.plot for figure in section.figures] == [None, None]
    assert classes_section(evaluations.scores_only()) is None

"""The report of an evaluation, including damaged ones."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import evaluations
from tests.report.test_sections import JSON_VALUES
from textsynth.report import evaluation_page, evaluation_text
from textsynth.report.evaluation import build_evaluation_report


def test_sections_are_in_reading_order() -> None:
    assert [section.key for section in build_evaluation_report(evaluations.big()).sections] == [
        "arms",
        "differences",
        "learning_curve",
        "sample_weights",
        "ablation",
        "classes",
        "domain_shift",
        "words",
        "fidelity",
        "diversity",
        "privacy",
        "nearest_texts",
        "contamination",
    ]


def test_an_evaluation_with_scores_only_has_no_other_section() -> None:
    report = build_evaluation_report(evaluations.scores_only())
    assert [section.key for section in report.sections] == ["arms"]
    assert (report.name, report.facts) == ("evaluation", [])
    assert (report.real_text_facts, report.has_contamination_section) == ([], False)


def test_facts_are_the_counts_that_are_not_zero() -> None:
    report = build_evaluation_report(evaluations.small())
    assert list(report.facts) == [
        ("16", "synthetic texts selected"),
        ("52", "before the checks"),
        ("10", "real training texts"),
        ("300", "real test texts"),
        ("2", "labels"),
    ]
    assert report.real_text_facts == [("10", "real training texts"), ("300", "real test texts")]


def test_the_settings_have_time_and_versions() -> None:
    rows = dict(build_evaluation_report(evaluations.small()).settings.figures[0].table.rows)
    assert rows["time"] == "12.3 s"
    assert rows["versions"] == "textsynth 0.1.0, scikit-learn 1.7"


def paths_in(value: Any, parent: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value in an evaluation."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    paths = [(*parent, key) for key, _ in items]
    return paths + [path for key, child in items for path in paths_in(child, (*parent, key))]


def two_labels() -> dict[str, Any]:
    return evaluations.evaluation(["a", "b"], ["length"], shift=0.02, test_texts=60)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(paths_in(two_labels())), JSON_VALUES), min_size=1, max_size=4))
def test_an_evaluation_with_any_values_replaced_still_has_a_page_and_a_text(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    evaluation = two_labels()
    for path, value in changes:
        parent: Any = evaluation
        for key in path[:-1]:
            parent = parent[key] if isinstance(parent, dict) and key in parent else {}
        if isinstance(parent, dict):
            parent[path[-1]] = value
    assert evaluation_page(evaluation).rstrip().endswith("</html>")
    assert evaluation_text(evaluation, 80)

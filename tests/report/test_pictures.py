from __future__ import annotations

from tests.export.outcomes import outcome, record
from tests.report.evaluations import small
from textsynth.report.pictures import pictures

CHECKS = [("filter", "length"), ("filter", "agreement")]


def paths(**changes: object) -> list[str]:
    return [one.path.removeprefix("figures/").removesuffix(".svg") for one in pictures(outcome(**changes))]


def test_each_part_that_has_numbers_has_its_picture() -> None:
    assert paths(checks=CHECKS) == ["labels", "funnel", "measures-agreement"]
    told = paths(checks=CHECKS, evaluation=small())
    assert told[3:5] == ["proof-words", "proof-embeddings"]
    assert paths(labels={}, dropped=(), task="summarization") == []
    assert paths(selected=(), checks=CHECKS) == ["funnel"]


def test_pictures_do_not_depend_on_the_order_of_the_texts() -> None:
    told = outcome()
    again = outcome(checks=CHECKS, selected=told.selected[::-1], dropped=told.dropped[::-1])
    assert pictures(again) == pictures(outcome(checks=CHECKS))


def test_very_many_labels_and_reasons_stay_a_picture() -> None:
    labels = {f"label {n}": "" for n in range(90)}
    some = [record(n, f"label {n % 90}") for n in range(900)]
    (shown, *_) = pictures(outcome(labels=labels, selected=some))
    assert "the 40 with the fewest" in shown.title

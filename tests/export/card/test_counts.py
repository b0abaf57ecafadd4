from __future__ import annotations

from dataclasses import replace

from tests.export.outcomes import outcome, record
from textsynth.core.records import REVIEW_DECISION, DroppedRecord
from textsynth.export.card.counts import counts, funnel, quantile, review_counts, score_table


def test_texts_are_counted_by_label_and_split_and_measured_in_words() -> None:
    told = outcome()
    text = counts(told, {"train": told.selected, "test": []})
    assert "| refund | wants money back | 15 |" in text
    assert "A text has 2 words in the median" in text


def test_checks_that_dropped_nothing_are_named() -> None:
    text = funnel(outcome(checks=[("filter", "length"), ("filter", "refusal"), ("filter", "leak")]))
    assert "| filter | length | too few words | 1 |" in text
    assert text.endswith("Nothing was dropped by refusal, leak.")


def test_measures_do_not_depend_on_the_order_of_the_texts() -> None:
    told = outcome()
    some = [one.with_scores({"agreement": n / 30}) for n, one in enumerate(told.selected)]
    forth, back = (score_table(outcome(selected=order)) for order in (some, some[::-1]))
    assert forth == back
    assert "| agreement | 30 | 0.07 | 0.47 | 0.48 |" in forth
    assert score_table(outcome(selected=())) == ""


def test_ranks_are_of_texts_that_are_there() -> None:
    assert [quantile([1.0, 2.0, 3.0], share) for share in (0.0, 0.1, 0.5, 1.0)] == [1.0, 1.0, 2.0, 3.0]


def test_what_people_decided_is_counted_by_what_they_did() -> None:
    said = [replace(record(n), fields={REVIEW_DECISION: ("keep", "relabel")[n == 2]}) for n in range(3)]
    gone = DroppedRecord(record(9), "person", "review", "a person dropped it")
    told = outcome(selected=[*said[:2], record(7)], surplus=[said[2]], dropped=[gone])
    assert "People decided on 4 of them: kept 2, given other labels 1, dropped 1." in funnel(told)
    assert (review_counts(told), review_counts(outcome())) == ("2 of 3", "")
    assert "People decided" not in funnel(outcome())

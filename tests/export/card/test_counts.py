from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tests.export.outcomes import record, run_result
from textsynth.core.records import REVIEW_DECISION, DroppedRecord
from textsynth.export.card.counts import counts, funnel, quantile, review_counts, score_table
from textsynth.export.run_result import CheckInfo
from textsynth.export.splits import SplitCounts


def test_texts_are_counted_by_label_and_split_and_their_lengths_in_words() -> None:
    result = run_result()
    text = counts(result, {"train": SplitCounts(30, Counter(refund=15, delivery=15)), "test": SplitCounts(0, {})})
    assert "| refund | wants money back | 15 |" in text
    assert "The median length is 2 words; one text in ten has at most 2, nine in ten at most 2." in text


def test_checks_that_dropped_nothing_are_named() -> None:
    checks = [CheckInfo("filter", name) for name in ("length", "refusal", "leak")]
    text = funnel(run_result(checks=checks))
    assert "| filter | length | too few words | 1 |" in text
    assert text.endswith("Nothing was dropped by refusal, leak.")


def test_the_scores_do_not_depend_on_the_order_of_the_texts() -> None:
    selected = [row.with_scores({"agreement": n / 30}) for n, row in enumerate(run_result().selected)]
    table, reversed_table = (score_table(run_result(selected=order)) for order in (selected, selected[::-1]))
    assert table == reversed_table
    assert "| agreement | 30 | 0.07 | 0.47 | 0.48 |" in table
    assert score_table(run_result(selected=())) == ""


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([1.0, 2.0, 3.0], share) for share in (0.0, 0.1, 0.5, 1.0)] == [1.0, 1.0, 2.0, 3.0]


def test_decisions_of_reviews_are_counted() -> None:
    reviewed = [replace(record(n), fields={REVIEW_DECISION: ("keep", "relabel")[n == 2]}) for n in range(3)]
    dropped = DroppedRecord(record(9), "person", "review", "a person dropped it")
    result = run_result(selected=[*reviewed[:2], record(7)], surplus=[reviewed[2]], dropped=[dropped])
    assert "People decided on 4 of them: kept 2, relabelled 1, dropped 1." in funnel(result)
    assert (review_counts(result), review_counts(run_result())) == ("2 of 3", "")
    assert "People decided" not in funnel(run_result())

from __future__ import annotations

import pytest

from textsynth.core.records import Provenance, Record, Verdict
from textsynth.label.decision_rule import DecisionRule, OnDisagreement, OnLowConfidence, Threshold

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))
THRESHOLD = Threshold(0.6, "too low")


def decide(record: Record, chosen: str, confidence: float, rule: DecisionRule) -> tuple[Record, Verdict | None]:
    return rule.decide(record, (chosen,), confidence)


def test_the_record_gets_both_labels_and_the_confidence() -> None:
    record, verdict = decide(TEXT, "refund", 0.6, DecisionRule("choice", THRESHOLD))
    assert verdict is None
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}
    assert record.scores == {"choice": 0.6}
    assert (record.id, record.labels) == (TEXT.id, ("refund",))


def test_a_record_without_labels_gets_the_chosen_one() -> None:
    record, verdict = decide(TEXT.with_labels(()), "praise", 0.9, DecisionRule("choice", THRESHOLD))
    assert verdict is None
    assert record.labels == ("praise",)
    assert record.fields == {"chosen_label": "praise", "intended_label": ""}


@pytest.mark.parametrize(
    ("on_disagreement", "labels", "verdict"),
    [
        ("drop", ("refund",), Verdict("the model chose another label: praise", 0.9, 0.6)),
        ("review", ("refund",), Verdict("the model chose another label: praise", 0.9, 0.6, needs_review=True)),
        ("relabel", ("praise",), None),
    ],
)
def test_a_disagreement_is_decided_by_the_option(
    on_disagreement: OnDisagreement, labels: tuple[str, ...], verdict: Verdict | None
) -> None:
    rule = DecisionRule("choice", THRESHOLD, on_disagreement)
    record, decision = decide(TEXT, "praise", 0.9, rule)
    assert (record.labels, decision) == (labels, verdict)


@pytest.mark.parametrize(("on_low_confidence", "needs_review"), [("drop", False), ("review", True)])
@pytest.mark.parametrize("limit", [0.6, None])
def test_a_low_confidence_takes_precedence_over_a_disagreement(
    on_low_confidence: OnLowConfidence, needs_review: bool, limit: float | None
) -> None:
    rule = DecisionRule("choice", THRESHOLD, "relabel", on_low_confidence).with_threshold(Threshold(limit, "too low"))
    _, verdict = decide(TEXT, "praise", 0.5999, rule)
    assert verdict == Verdict("too low", 0.5999, limit, needs_review=needs_review)


def test_several_labels_are_compared_without_their_order() -> None:
    record = TEXT.with_labels(("refund", "praise"))
    _, verdict = DecisionRule("choice", THRESHOLD).decide(record, ("praise", "refund"), 1.0)
    assert verdict is None

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.contexts import LABELS, context
from textsynth.core.records import Completion, Provenance, Record
from textsynth.label.choice import Choice

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def desk(multi_label: bool = False, **options: object):  # noqa: ANN201
    return Choice.model_validate(options).start(context(multi_label=multi_label), "choice")


def answers(*texts: str) -> list[Completion]:
    return [Completion(text) for text in texts]


def test_each_vote_shows_all_labels_in_another_order_and_never_the_intended_one() -> None:
    (asks,) = desk(votes=6).build_requests([TEXT])
    prompts = [ask.prompt for ask in asks]
    assert len(prompts) == 6
    systems = {prompt.messages[0].content for prompt in prompts if prompt is not None}
    assert len(systems) > 1
    assert all(name in system for name in LABELS for system in systems)
    unlabelled = Record(TEXT.text, TEXT.provenance, ())
    (blind,) = desk(votes=6).build_requests([unlabelled])
    assert [ask.prompt for ask in blind] == prompts


def test_agreement_keeps_the_text_with_its_confidence() -> None:
    record, verdict = desk().parse_responses(TEXT, answers("refund", " Refund. ", "delivery"))
    assert verdict is None
    assert record.labels == ("refund",)
    assert record.scores == {"choice": 0.6667}
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}
    assert record.id == TEXT.id


@pytest.mark.parametrize(("disagree", "review"), [("drop", False), ("review", True)])
def test_another_label_drops_or_goes_to_review_and_both_labels_are_kept(disagree: str, review: bool) -> None:
    record, verdict = desk(disagree=disagree).parse_responses(TEXT, answers("praise", "praise", "praise"))
    assert verdict is not None
    assert verdict.reason == "the model chose another label: praise"
    assert verdict.needs_review is review
    assert record.labels == ("refund",)
    assert record.fields["chosen_label"] == "praise"


def test_relabel_takes_the_chosen_label() -> None:
    record, verdict = desk(disagree="relabel").parse_responses(TEXT, answers("praise", "praise", "praise"))
    assert verdict is None
    assert record.labels == ("praise",)
    assert record.fields["intended_label"] == "refund"


def test_too_few_votes_are_a_verdict_with_number_and_limit() -> None:
    _, verdict = desk(min_confidence=0.9).parse_responses(TEXT, answers("refund", "refund", "praise"))
    assert verdict is not None
    assert (verdict.score, verdict.limit) == (0.6667, 0.9)


@pytest.mark.parametrize("answer", ["none of them", "refund or delivery", "", "I think it is a refund", "refunds"])
def test_an_answer_outside_the_list_is_never_taken_as_a_label(answer: str) -> None:
    record, verdict = desk().parse_responses(TEXT, answers(answer, answer, answer))
    assert verdict is not None
    assert "none of the labels" in (verdict.reason or "")
    assert record.labels == ("refund",)


def test_a_failed_request_counts_against_the_confidence() -> None:
    failed = Completion("", failure="the prompt is too long")
    _, verdict = desk().parse_responses(TEXT, [*answers("refund"), failed, failed])
    assert verdict is not None
    assert verdict.score == 0.3333


def test_several_labels_are_read_where_a_text_may_have_many() -> None:
    unlabelled = Record(TEXT.text, TEXT.provenance, ())
    record, verdict = desk(multi_label=True).parse_responses(
        unlabelled, answers("refund, praise", "refund", "praise, refund")
    )
    assert verdict is None
    assert record.labels == ("refund", "praise")


def test_many_labels_are_shown_as_a_shortlist_with_the_intended_one_in_it() -> None:
    labels = {f"label_{n}": f"meaning {n}" for n in range(30)}

    def embed(texts: object) -> np.ndarray:
        vectors = np.zeros((len(list(texts)), 30), np.float32)  # type: ignore[call-overload]
        for row, text in enumerate(texts):  # type: ignore[call-overload]
            vectors[row, int(re.findall(r"\d+", text)[0])] = 1
        return vectors

    record = Record("about 7", Provenance("labelled"), ("label_29",))
    (asks,) = Choice(shortlist=5, votes=1).start(context(labels=labels, embed=embed), "choice").build_requests([record])
    assert asks[0].prompt is not None
    system = asks[0].prompt.messages[0].content
    assert "label_7:" in system
    assert "label_29:" in system
    assert sum(f"label_{n}:" in system for n in range(30)) == 5

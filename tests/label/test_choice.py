from __future__ import annotations

import re

import numpy as np
import pytest

from tests.contexts import LABELS, context
from textsynth.core.records import Completion, Provenance, Record
from textsynth.core.sessions import LabellerSession
from textsynth.label.choice import Choice

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def start(multi_label: bool = False, **options: object) -> LabellerSession:
    return Choice.model_validate(options).start(context(multi_label=multi_label), "choice")


def answers(*texts: str) -> list[Completion]:
    return [Completion(text) for text in texts]


def test_each_vote_lists_all_labels_in_another_order_and_never_the_intended_one() -> None:
    (requests,) = start(votes=6).build_requests([TEXT])
    prompts = [request.prompt for request in requests]
    assert len(prompts) == 6
    systems = {prompt.messages[0].content for prompt in prompts if prompt is not None}
    assert len(systems) > 1
    assert all(name in system for name in LABELS for system in systems)
    unlabelled = Record(TEXT.text, TEXT.provenance, ())
    (blind,) = start(votes=6).build_requests([unlabelled])
    assert [request.prompt for request in blind] == prompts


def test_a_text_whose_intended_label_is_chosen_is_kept_with_the_confidence() -> None:
    record, verdict = start().parse_responses(TEXT, answers("refund", " Refund. ", "delivery"))
    assert verdict is None
    assert record.labels == ("refund",)
    assert record.scores == {"choice": 0.6667}
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}
    assert record.id == TEXT.id


@pytest.mark.parametrize(("on_disagreement", "needs_review"), [("drop", False), ("review", True)])
def test_another_label_drops_the_text_or_sends_it_to_review(on_disagreement: str, needs_review: bool) -> None:
    record, verdict = start(on_disagreement=on_disagreement).parse_responses(
        TEXT, answers("praise", "praise", "praise")
    )
    assert verdict is not None
    assert verdict.reason == "the model chose another label: praise"
    assert verdict.needs_review is needs_review
    assert record.labels == ("refund",)
    assert record.fields["chosen_label"] == "praise"


def test_relabel_replaces_the_intended_label() -> None:
    record, verdict = start(on_disagreement="relabel").parse_responses(TEXT, answers("praise", "praise", "praise"))
    assert verdict is None
    assert record.labels == ("praise",)
    assert record.fields["intended_label"] == "refund"


def test_too_few_votes_give_a_verdict_with_score_and_limit() -> None:
    _, verdict = start(min_confidence=0.9).parse_responses(TEXT, answers("refund", "refund", "praise"))
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.limit) == ("too few votes for the chosen label", 0.6667, 0.9)


@pytest.mark.parametrize("answer", ["none of them", "refund or delivery", "", "I think it is a refund", "refunds"])
def test_an_answer_that_is_not_a_label_is_never_read_as_one(answer: str) -> None:
    record, verdict = start().parse_responses(TEXT, answers(answer, answer, answer))
    assert verdict is not None
    assert "none of the labels" in (verdict.reason or "")
    assert record.labels == ("refund",)


def test_a_failed_request_is_a_vote_for_no_label() -> None:
    failed = Completion("", failure="the prompt is too long")
    _, verdict = start().parse_responses(TEXT, [*answers("refund"), failed, failed])
    assert verdict is not None
    assert verdict.score == 0.3333


def test_several_labels_are_read_where_a_text_may_have_several() -> None:
    unlabelled = Record(TEXT.text, TEXT.provenance, ())
    record, verdict = start(multi_label=True).parse_responses(
        unlabelled, answers("refund, praise", "refund", "praise, refund")
    )
    assert verdict is None
    assert record.labels == ("refund", "praise")


def test_label_sets_are_compared_whole() -> None:
    both = Record(TEXT.text, TEXT.provenance, ("refund", "praise"))
    for votes, kept in (
        (("praise, refund", "refund, praise", "refund"), True),
        (("refund", "refund", "refund"), False),
    ):
        record, verdict = start(multi_label=True).parse_responses(both, answers(*votes))
        assert (verdict is None) == kept
        assert record.labels == ("refund", "praise")
    relabelled, verdict = start(multi_label=True, on_disagreement="relabel").parse_responses(
        TEXT, answers(*["refund, praise"] * 3)
    )
    assert verdict is None
    assert relabelled.labels == ("refund", "praise")


def test_the_prompt_asks_for_all_labels_and_shows_a_seed_of_several_labels_once() -> None:
    seeds = [Record("paid twice, still a lovely shop", Provenance("seeds"), ("refund", "praise"))]
    run = context(sources={"seeds": seeds}, multi_label=True)
    ((request, *_),) = Choice(source="seeds").start(run, "choice").build_requests([TEXT])
    assert request.prompt is not None
    rules, _, answer, question = (turn.content for turn in request.prompt.messages)
    assert "separated by commas" in rules
    assert answer == "refund, praise"
    assert question.endswith("Labels:")


def test_of_many_labels_the_shortlist_with_the_intended_one_is_listed() -> None:
    labels = {f"label_{n}": f"meaning {n}" for n in range(30)}

    def embed(texts: object) -> np.ndarray:
        vectors = np.zeros((len(list(texts)), 30), np.float32)  # type: ignore[call-overload]
        for row, text in enumerate(texts):  # type: ignore[call-overload]
            vectors[row, int(re.findall(r"\d+", text)[0])] = 1
        return vectors

    record = Record("about 7", Provenance("labelled"), ("label_29",))
    (requests,) = (
        Choice(shortlist=5, votes=1).start(context(labels=labels, embed=embed), "choice").build_requests([record])
    )
    assert requests[0].prompt is not None
    system = requests[0].prompt.messages[0].content
    assert "label_7:" in system
    assert "label_29:" in system
    assert sum(f"label_{n}:" in system for n in range(30)) == 5

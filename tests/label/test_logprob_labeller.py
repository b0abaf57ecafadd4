from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.contexts import LABELS, context
from textsynth.core.errors import UsageError
from textsynth.core.records import Completion, GenerationRequest, OptionScores, Provenance, Record
from textsynth.core.sessions import LabellerSession
from textsynth.label.choice import Choice
from textsynth.label.logprob_labeller import LogprobSession

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def start(**options: object) -> LabellerSession:
    return Choice.model_validate({"method": "logprobs", **options}).start(context(), "choice")


def answer(requests: Sequence[GenerationRequest], **probabilities: float) -> list[Completion]:
    """Answer like a model for which the labels have these probabilities, whatever their letters are."""
    completions: list[Completion] = []
    for request in requests:
        assert request.prompt is not None
        lines = request.prompt.messages[0].content.splitlines()
        labels = {line[0]: line[3:].partition(":")[0] for line in lines if line[1:3] == ". "}
        assert tuple(labels) == request.options
        logprobs = {
            letter: math.log(probabilities[label]) for letter, label in labels.items() if label in probabilities
        }
        completions.append(Completion("", scores=OptionScores(logprobs, -9.0, exact=True)))
    return completions


def test_each_request_lists_all_labels_rotated_and_never_the_intended_one() -> None:
    (requests,) = start().build_requests([TEXT])
    assert len(requests) == 3
    assert len({request.prompt for request in requests}) == 3
    assert all(request.options == ("A", "B", "C") for request in requests)
    (blind,) = start().build_requests([Record(TEXT.text, TEXT.provenance, ())])
    assert [request.prompt for request in blind] == [request.prompt for request in requests]


def test_all_texts_get_the_same_lists_of_labels() -> None:
    other = Record("Where is my parcel?", Provenance("labelled"), ("delivery",))
    first, second = start().build_requests([TEXT, other])
    systems = [
        [request.prompt.messages[0] for request in requests if request.prompt is not None]
        for requests in (first, second)
    ]
    assert systems[0] == systems[1]


def test_the_mean_probability_is_the_confidence() -> None:
    session = start()
    (requests,) = session.build_requests([TEXT])
    record, verdict = session.parse_responses(TEXT, answer(requests, refund=0.4, delivery=0.05, praise=0.05))
    assert verdict is None
    assert record.scores == {"choice": 0.8}
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}


def test_another_label_and_a_low_probability_give_verdicts() -> None:
    session = start()
    (requests,) = session.build_requests([TEXT])
    _, verdict = session.parse_responses(TEXT, answer(requests, refund=0.1, delivery=0.8, praise=0.1))
    assert verdict is not None
    assert (verdict.reason, verdict.score) == ("the model chose another label: delivery", 0.8)
    _, verdict = session.parse_responses(TEXT, answer(requests, refund=0.5, delivery=0.4, praise=0.1))
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.limit) == (
        "the probability of the chosen label is too low",
        0.5,
        0.6,
    )


def test_letters_with_too_little_probability_give_a_verdict() -> None:
    session = start()
    (requests,) = session.build_requests([TEXT])
    _, verdict = session.parse_responses(TEXT, answer(requests, refund=0.01, delivery=0.001, praise=0.001))
    assert verdict is not None
    assert verdict.reason == "the labels' letters together have too little probability"
    assert (verdict.score, verdict.limit) == (0.012, 0.05)


def test_a_model_without_log_probabilities_gives_a_verdict_with_the_reason() -> None:
    session = start()
    (requests,) = session.build_requests([TEXT])
    record, verdict = session.parse_responses(TEXT, [Completion("A")] * len(requests))
    assert verdict is not None
    assert verdict.reason == "the model gave no label probabilities: the model gives no log-probabilities"
    assert record == TEXT


def test_the_prompt_has_an_example_of_each_label_with_its_letter() -> None:
    session = Choice.model_validate({"method": "logprobs", "source": "seeds"}).start(context(), "choice")
    (requests,) = session.build_requests([TEXT])
    assert requests[0].prompt is not None
    messages = requests[0].prompt.messages
    assert [message.content for message in messages if message.role == "assistant"] == ["A", "B", "C"]


def test_of_many_labels_the_shortlist_is_listed_in_the_recipes_order() -> None:
    labels = {f"label_{n}": f"meaning {n}" for n in range(30)}

    def embed(texts: Sequence[str]) -> np.ndarray:
        vectors = np.eye(30, dtype=np.float32)
        return np.stack([vectors[int("".join(filter(str.isdigit, text))[:1])] for text in texts])

    step = Choice(method="logprobs", shortlist=5, votes=1)
    session = step.start(context(labels=labels, embed=embed), "choice")
    assert isinstance(session, LogprobSession)
    record = Record("about 7", Provenance("labelled"), ("label_29",))
    (requests,) = session.build_requests([record])
    assert requests[0].options == ("A", "B", "C", "D", "E")
    decided, verdict = session.parse_responses(record, answer(requests, **{"label 7": 0.1, "label 29": 0.8}))
    assert verdict is None
    assert decided.fields["chosen_label"] == "label_29"


def test_unsupported_options_are_errors_before_any_request() -> None:
    with pytest.raises(UsageError, match="method: logprobs chooses exactly one label, but the recipe has multi_label"):
        Choice.model_validate({"method": "logprobs"}).start(context(multi_label=True), "choice")
    with pytest.raises(ValueError, match="shortlist is 30, but method: logprobs has 26 letters"):
        Choice.model_validate({"method": "logprobs", "shortlist": 30})
    assert Choice.model_validate({"method": "logprobs", "prompt": "mine"}).prompt == "mine"
    assert set(LABELS) == {"refund", "delivery", "praise"}

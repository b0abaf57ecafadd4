from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.contexts import LABELS, context
from textsynth.core.errors import UsageError
from textsynth.core.protocols import LabellerSession
from textsynth.core.records import Completion, GenerationRequest, OptionScores, Provenance, Record
from textsynth.label.choice import Choice
from textsynth.label.logprob_labeller import LogprobSession

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def desk(**options: object) -> LabellerSession:
    return Choice.model_validate({"method": "logprobs", **options}).start(context(), "choice")


def answered(asks: Sequence[GenerationRequest], **held: float) -> list[Completion]:
    """Answer as a model does that holds these probabilities of the labels, wherever they stand."""
    found: list[Completion] = []
    for ask in asks:
        assert ask.prompt is not None
        lines = ask.prompt.messages[0].content.splitlines()
        named = {line[0]: line[3:].partition(":")[0] for line in lines if line[1:3] == ". "}
        assert tuple(named) == ask.options
        known = {letter: math.log(held[label]) for letter, label in named.items() if label in held}
        found.append(Completion("", scores=OptionScores(known, -9.0, exact=True)))
    return found


def test_each_turn_shows_all_labels_moved_round_and_never_the_intended_one() -> None:
    (asks,) = desk().build_requests([TEXT])
    assert len(asks) == 3
    assert len({ask.prompt for ask in asks}) == 3
    assert all(ask.options == ("A", "B", "C") for ask in asks)
    (blind,) = desk().build_requests([Record(TEXT.text, TEXT.provenance, ())])
    assert [ask.prompt for ask in blind] == [ask.prompt for ask in asks]


def test_texts_share_their_lists_of_labels_so_that_an_engine_reads_each_once() -> None:
    other = Record("Where is my parcel?", Provenance("labelled"), ("delivery",))
    first, second = desk().build_requests([TEXT, other])
    systems = [[ask.prompt.messages[0] for ask in asks if ask.prompt is not None] for asks in (first, second)]
    assert systems[0] == systems[1]


def test_the_mean_probability_is_the_confidence() -> None:
    one = desk()
    (asks,) = one.build_requests([TEXT])
    record, verdict = one.parse_responses(TEXT, answered(asks, refund=0.4, delivery=0.05, praise=0.05))
    assert verdict is None
    assert record.scores == {"choice": 0.8}
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}


def test_another_label_and_a_close_call_are_verdicts() -> None:
    one = desk()
    (asks,) = one.build_requests([TEXT])
    _, verdict = one.parse_responses(TEXT, answered(asks, refund=0.1, delivery=0.8, praise=0.1))
    assert verdict is not None
    assert (verdict.reason, verdict.score) == ("the model chose another label: delivery", 0.8)
    _, verdict = one.parse_responses(TEXT, answered(asks, refund=0.5, delivery=0.4, praise=0.1))
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.limit) == ("no label is probable enough", 0.5, 0.6)


def test_a_model_that_would_answer_something_else_is_not_believed() -> None:
    one = desk()
    (asks,) = one.build_requests([TEXT])
    _, verdict = one.parse_responses(TEXT, answered(asks, refund=0.01, delivery=0.001, praise=0.001))
    assert verdict is not None
    assert verdict.reason == "the model would answer with none of the letters"
    assert (verdict.score, verdict.limit) == (0.012, 0.05)


def test_a_model_without_log_probabilities_is_a_verdict_that_says_so() -> None:
    one = desk()
    (asks,) = one.build_requests([TEXT])
    record, verdict = one.parse_responses(TEXT, [Completion("A")] * len(asks))
    assert verdict is not None
    assert verdict.reason == "the model told no probabilities: the model gives no log-probabilities"
    assert record == TEXT


def test_an_example_of_each_label_stands_with_its_letter() -> None:
    one = Choice.model_validate({"method": "logprobs", "source": "seeds"}).start(context(), "choice")
    (asks,) = one.build_requests([TEXT])
    assert asks[0].prompt is not None
    turns = asks[0].prompt.messages
    assert [turn.content for turn in turns if turn.role == "assistant"] == ["A", "B", "C"]


def test_many_labels_are_shown_as_a_shortlist_in_the_recipes_order() -> None:
    labels = {f"label_{n}": f"meaning {n}" for n in range(30)}

    def embed(texts: Sequence[str]) -> np.ndarray:
        vectors = np.eye(30, dtype=np.float32)
        return np.stack([vectors[int("".join(filter(str.isdigit, text))[:1])] for text in texts])

    step = Choice(method="probabilities", prompt="choice_letters", shortlist=5, votes=1)
    one = step.start(context(labels=labels, embed=embed), "choice")
    assert isinstance(one, LogprobSession)
    record = Record("about 7", Provenance("labelled"), ("label_29",))
    (asks,) = one.build_requests([record])
    assert asks[0].options == ("A", "B", "C", "D", "E")
    judged, verdict = one.parse_responses(record, answered(asks, **{"label 7": 0.1, "label 29": 0.8}))
    assert verdict is None
    assert judged.fields["chosen_label"] == "label_29"


def test_what_letters_cannot_do_is_said_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="choice: method: logprobs chooses one label, but the recipe says many"):
        Choice.model_validate({"method": "logprobs"}).start(context(multi_label=True), "choice")
    with pytest.raises(ValueError, match="shortlist is 30, but by probabilities there are 26 letters"):
        Choice.model_validate({"method": "logprobs", "shortlist": 30})
    assert Choice.model_validate({"method": "logprobs", "prompt": "mine"}).prompt == "mine"
    assert set(LABELS) == {"refund", "delivery", "praise"}

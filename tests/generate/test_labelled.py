from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import LABELS, context, rows
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.generate.labelled import Labelled


def step(**options: object) -> Labelled:
    return Labelled.model_validate({"from": "seeds", **options})


def plan(labelled: Labelled, *short: QuotaDeficit, room: int = 512) -> list[GenerationRequest]:
    return labelled.start(context(), "labelled").plan_requests(short, room)


def everything(texts: int) -> list[QuotaDeficit]:
    return [QuotaDeficit({"label": label}, texts) for label in LABELS]


@pytest.mark.parametrize("form", ["chat", "completion"])
def test_a_prompt_shows_seeds_of_its_label_and_of_one_fold_and_the_ask_names_them(form: str) -> None:
    seeds = rows()
    known = {seed.id: seed for seed in seeds}
    folds = assign_folds(seeds)
    asks = step(shots=2).start(context(form=form), "labelled").plan_requests(everything(50), 512)
    assert len(asks) == 30
    used = set()
    for ask in asks:
        assert ask.prompt is not None
        shown = [known[one] for one in ask.example_ids]
        assert {seed.label for seed in shown} == set(ask.labels)
        assert len({folds[seed.id] for seed in shown}) == 1
        used |= {folds[seed.id] for seed in shown}
        told = ask.prompt.text or " ".join(turn.content for turn in ask.prompt.messages)
        assert all(seed.text in told for seed in shown)
        assert not [seed for seed in seeds if seed.id not in ask.example_ids and f"{seed.text}\n" in f"{told}\n"]
    assert used == {0, 1}


def test_examples_of_other_labels_come_from_the_same_fold_and_are_named_too() -> None:
    seeds = rows()
    folds = assign_folds(seeds)
    known = {seed.id: seed for seed in seeds}
    for ask in plan(step(others=2), *everything(20)):
        assert {known[one].label for one in ask.example_ids} == set(LABELS)
        assert len({folds[one] for one in ask.example_ids}) == 1


@given(st.integers(1, 60))
def test_every_combination_of_attributes_is_used_evenly(texts: int) -> None:
    vary = {"tone": ("plain", "annoyed", "in a hurry"), "channel": ("mail", "chat")}
    asks = plan(step(vary=vary, texts=1), QuotaDeficit({"label": "refund"}, texts))
    counts = Counter((ask.fields["tone"], ask.fields["channel"]) for ask in asks)
    assert len(asks) == texts
    assert len(counts) == min(6, texts)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_shortfall_of_an_attribute_fixes_it_and_varies_the_others() -> None:
    vary = {"tone": ("plain", "annoyed"), "channel": ("mail", "chat")}
    asks = plan(step(vary=vary, texts=1), QuotaDeficit({"label": "refund", "tone": "annoyed"}, 4))
    assert {ask.fields["tone"] for ask in asks} == {"annoyed"}
    assert {ask.fields["channel"] for ask in asks} == {"mail", "chat"}


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ({"label": ["x"]}, "an attribute cannot be called 'label', which prompts and data sets have already"),
        ({"id": ["x"]}, "an attribute cannot be called 'id'"),
        ({"decided_by_person": ["x"]}, "an attribute cannot be called 'decided_by_person'"),
        ({"tone*mood": ["x"]}, r"no \* in it and no space at its ends, found 'tone\*mood'"),
        ({"": ["x"]}, "no space at its ends, found ''"),
        ({"tone": []}, "'vary.tone' must have at least 1 item, but has 0"),
    ],
)
def test_an_attribute_needs_values_and_a_name_of_its_own(vary: dict[str, list[str]], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        Labelled(attributes=vary)


def test_room_is_shared_between_the_labels() -> None:
    asks = plan(step(), *everything(500), room=6)
    assert Counter(ask.labels[0] for ask in asks) == dict.fromkeys(LABELS, 2)


def test_the_same_prompts_of_a_label_stand_side_by_side() -> None:
    asks = plan(step(shots=2), *everything(100))
    stretches = [key for key, _ in itertools.groupby((ask.labels, ask.prompt) for ask in asks)]
    assert len(stretches) == len(set(stretches)) < len(asks)
    assert [key for key, _ in itertools.groupby(ask.labels[0] for ask in asks)] == list(LABELS)


def test_the_total_goes_to_the_label_asked_for_least() -> None:
    asks = plan(step(texts=1), QuotaDeficit({}, 9))
    assert Counter(ask.labels[0] for ask in asks) == dict.fromkeys(LABELS, 3)


def test_the_same_calls_give_the_same_asks_and_another_order_of_seeds_changes_no_fold() -> None:
    assert plan(step(), *everything(20)) == plan(step(), *everything(20))


def test_texts_inherit_label_and_attributes_and_an_unreadable_answer_is_a_drop() -> None:
    writer = step(vary={"tone": ("plain",)}).start(context(), "labelled")
    (ask,) = writer.plan_requests([QuotaDeficit({"label": "refund"}, 5)], 1)
    found = writer.parse_response(ask, "key", Completion("1. I want my money back.\n2. Refund me, please."))
    assert [one.text for one in found if isinstance(one, Record)] == ["I want my money back.", "Refund me, please."]
    for place, one in enumerate(found):
        assert isinstance(one, Record)
        assert one.labels == ("refund",)
        assert one.fields == {"tone": "plain"}
        assert (one.provenance.request_key, one.provenance.index, one.provenance.example_ids) == (
            "key",
            place,
            ask.example_ids,
        )
    (drop,) = writer.parse_response(ask, "key", Completion("   "))
    assert isinstance(drop, DroppedRecord)
    assert drop.section == "parse"


def test_texts_to_avoid_come_from_prompts_of_the_same_fold_only() -> None:
    writer = step(avoid=3, texts=1).start(context(), "labelled")
    asks = writer.plan_requests([QuotaDeficit({"label": "refund"}, 2)], 2)
    for ask, text in zip(asks, ["Money back, now!", "Please refund order 12."], strict=True):
        (record,) = writer.parse_response(ask, f"key {text}", Completion(f"1. {text}"))
        assert isinstance(record, Record)
        writer.observe_accepted([record])
    again = writer.plan_requests([QuotaDeficit({"label": "refund"}, 2)], 2)
    told = [" ".join(turn.content for turn in ask.prompt.messages) for ask in again if ask.prompt is not None]
    assert ["Money back, now!" in one for one in told] == [True, False]
    assert ["Please refund order 12." in one for one in told] == [False, True]


def test_without_seeds_a_prompt_has_the_meaning_alone() -> None:
    writer = Labelled().start(context(sources={}), "labelled")
    (ask,) = writer.plan_requests([QuotaDeficit({"label": "praise"}, 1)], 1)
    assert ask.prompt is not None
    assert "says something nice" in ask.prompt.messages[-1].content
    assert ask.example_ids == ()

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import LABELS, context, rows
from textsynth.core.errors import RecipeError
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.labelled import Labelled


def labelled(**options: object) -> Labelled:
    return Labelled.model_validate({"source": "seeds", **options})


def plan(step: Labelled, *deficits: QuotaDeficit, max_requests: int = 512) -> list[GenerationRequest]:
    return step.start(context(), "labelled").plan_requests(deficits, max_requests)


def deficit_per_label(candidates: int) -> list[QuotaDeficit]:
    return [QuotaDeficit({"label": label}, candidates) for label in LABELS]


@pytest.mark.parametrize("mode", ["chat", "completion"])
def test_a_prompt_shows_seeds_of_its_label_and_of_one_fold_and_the_request_names_them(mode: str) -> None:
    seeds = rows()
    seed_by_id = {seed.id: seed for seed in seeds}
    folds = assign_folds(seeds)
    requests = labelled(shots=2).start(context(form=mode), "labelled").plan_requests(deficit_per_label(50), 512)
    assert len(requests) == 30
    folds_used = set()
    for request in requests:
        assert request.prompt is not None
        shown = [seed_by_id[seed_id] for seed_id in request.example_ids]
        assert {seed.label for seed in shown} == set(request.labels)
        assert len({folds[seed.id] for seed in shown}) == 1
        folds_used |= {folds[seed.id] for seed in shown}
        prompt = request.prompt.text or " ".join(turn.content for turn in request.prompt.messages)
        assert all(seed.text in prompt for seed in shown)
        hidden = [seed for seed in seeds if seed.id not in request.example_ids]
        assert not [seed for seed in hidden if f"{seed.text}\n" in f"{prompt}\n"]
    assert folds_used == {0, 1}


def test_examples_of_contrast_labels_come_from_the_same_fold_and_are_named_too() -> None:
    seeds = rows()
    folds = assign_folds(seeds)
    seed_by_id = {seed.id: seed for seed in seeds}
    for request in plan(labelled(contrast_labels=2), *deficit_per_label(20)):
        assert {seed_by_id[seed_id].label for seed_id in request.example_ids} == set(LABELS)
        assert len({folds[seed_id] for seed_id in request.example_ids}) == 1


@given(st.integers(1, 60))
def test_every_combination_of_attributes_is_used_evenly(candidates: int) -> None:
    attributes = {"tone": ("plain", "annoyed", "in a hurry"), "channel": ("mail", "chat")}
    requests = plan(
        labelled(attributes=attributes, per_request=1), QuotaDeficit({"label": "refund"}, candidates)
    )  # fmt: skip
    counts = Counter((request.fields["tone"], request.fields["channel"]) for request in requests)
    assert len(requests) == candidates
    assert len(counts) == min(6, candidates)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_deficit_of_an_attribute_fixes_it_and_varies_the_others() -> None:
    attributes = {"tone": ("plain", "annoyed"), "channel": ("mail", "chat")}
    deficit = QuotaDeficit({"label": "refund", "tone": "annoyed"}, 4)
    requests = plan(labelled(attributes=attributes, per_request=1), deficit)
    assert {request.fields["tone"] for request in requests} == {"annoyed"}
    assert {request.fields["channel"] for request in requests} == {"mail", "chat"}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"label": ["x"]}, "an attribute cannot be called 'label', a name that prompts or data sets use"),
        ({"id": ["x"]}, "an attribute cannot be called 'id'"),
        ({"decided_by_person": ["x"]}, "an attribute cannot be called 'decided_by_person'"),
        ({"tone*mood": ["x"]}, r"no \* in it and no space at its ends, found 'tone\*mood'"),
        ({"": ["x"]}, "no space at its ends, found ''"),
        ({"tone": []}, r"attributes\.tone takes .* or a list of texts \(not empty\) or .*, found an empty list"),
    ],
)
def test_an_attribute_needs_values_and_a_name_that_nothing_else_uses(
    attributes: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        Labelled(attributes=attributes)


def test_the_requests_that_are_allowed_are_shared_between_the_labels() -> None:
    requests = plan(labelled(), *deficit_per_label(500), max_requests=6)
    assert Counter(request.labels[0] for request in requests) == dict.fromkeys(LABELS, 2)


def test_equal_prompts_of_a_label_follow_each_other() -> None:
    requests = plan(labelled(shots=2), *deficit_per_label(100))
    stretches = [key for key, _ in itertools.groupby((request.labels, request.prompt) for request in requests)]
    assert len(stretches) == len(set(stretches)) < len(requests)
    assert [key for key, _ in itertools.groupby(request.labels[0] for request in requests)] == list(LABELS)


def test_a_total_is_requested_evenly_over_the_labels() -> None:
    requests = plan(labelled(per_request=1), QuotaDeficit({}, 9))
    assert Counter(request.labels[0] for request in requests) == dict.fromkeys(LABELS, 3)


def test_the_same_calls_give_the_same_requests() -> None:
    assert plan(labelled(), *deficit_per_label(20)) == plan(labelled(), *deficit_per_label(20))


def test_texts_inherit_label_and_attributes_and_an_unreadable_answer_is_a_drop() -> None:
    session = labelled(attributes={"tone": ("plain",)}).start(context(), "labelled")
    (request,) = session.plan_requests([QuotaDeficit({"label": "refund"}, 5)], 1)
    answer = Completion("1. I want my money back.\n2. Refund me, please.")
    candidates = session.parse_response(request, "key", answer)
    records = [candidate for candidate in candidates if isinstance(candidate, Record)]
    assert len(records) == len(candidates)
    assert [record.text for record in records] == ["I want my money back.", "Refund me, please."]
    for index, record in enumerate(records):
        assert record.labels == ("refund",)
        assert record.fields == {"tone": "plain"}
        provenance = record.provenance
        assert (provenance.request_key, provenance.index) == ("key", index)
        assert provenance.example_ids == request.example_ids
    (drop,) = session.parse_response(request, "key", Completion("   "))
    assert isinstance(drop, DroppedRecord)
    assert drop.section == "parse"


def test_accepted_texts_are_shown_only_to_prompts_of_the_fold_that_they_were_written_from() -> None:
    session = labelled(show_accepted=3, per_request=1).start(context(), "labelled")
    requests = session.plan_requests([QuotaDeficit({"label": "refund"}, 2)], 2)
    for request, text in zip(requests, ["Money back, now!", "Please refund order 12."], strict=True):
        (record,) = session.parse_response(request, f"key {text}", Completion(f"1. {text}"))
        assert isinstance(record, Record)
        session.observe_accepted([record])
    later = session.plan_requests([QuotaDeficit({"label": "refund"}, 2)], 2)
    prompts = [
        " ".join(turn.content for turn in request.prompt.messages) for request in later if request.prompt is not None
    ]
    assert ["Money back, now!" in prompt for prompt in prompts] == [True, False]
    assert ["Please refund order 12." in prompt for prompt in prompts] == [False, True]


def test_without_seeds_a_prompt_has_only_the_description_of_the_label() -> None:
    session = Labelled().start(context(sources={}), "labelled")
    (request,) = session.plan_requests([QuotaDeficit({"label": "praise"}, 1)], 1)
    assert request.prompt is not None
    assert "says something nice" in request.prompt.messages[-1].content
    assert request.example_ids == ()

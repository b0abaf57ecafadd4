from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import LABELS, context
from textsynth.core.errors import RecipeError
from textsynth.core.records import GenerationRequest, Provenance, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.label_sets import LabelSets, ordered_set, weigh_sets
from textsynth.generate.labelled import Labelled
from textsynth.generate.pair import Pair

LABEL_SETS = st.lists(st.sampled_from(list(LABELS)), min_size=1, max_size=3, unique=True).map(
    lambda labels: ordered_set(labels, LABELS)
)
WEIGHTS = st.dictionaries(LABEL_SETS, st.integers(1, 9), min_size=1)


def seeds_with(*label_sets: tuple[str, ...]) -> list[Record]:
    return [
        Record(f"seed {number} about {' and '.join(labels)}", Provenance("seeds"), labels)
        for number, labels in enumerate(label_sets)
    ]


def plan(
    step: Labelled,
    seeds: list[Record],
    *deficits: QuotaDeficit,
    form: str = "chat",
    max_requests: int = 512,
) -> list[GenerationRequest]:
    run = context(sources={"seeds": seeds}, multi_label=True, form=form)
    return step.start(run, "labelled").plan_requests(deficits, max_requests)


def prompt_text(request: GenerationRequest) -> str:
    assert request.prompt is not None
    return request.prompt.text or "\n".join(turn.content for turn in request.prompt.messages)


TWO_IN_THREE = seeds_with(*[("refund", "delivery"), ("delivery", "refund"), ("praise",)] * 4)


@given(WEIGHTS, st.integers(1, 200), st.text(max_size=3))
def test_sets_are_drawn_in_proportion_to_their_weights_at_any_time(
    weights: dict[tuple[str, ...], int], draws: int, seed: str
) -> None:
    sets = LabelSets(weights, seed)
    drawn = Counter(sets.draw() for _ in range(draws))
    total = sum(weights.values())
    for size in {len(labels) for labels in weights}:
        expected = draws * sum(weight for labels, weight in weights.items() if len(labels) == size) / total
        assert abs(sum(count for labels, count in drawn.items() if len(labels) == size) - expected) <= 2
    for labels, weight in weights.items():
        assert abs(drawn[labels] - draws * weight / total) <= len(weights)


def test_weights_count_the_seeds_of_each_set_in_any_order_and_labels_without_seeds_are_written_alone() -> None:
    seeds = seeds_with(("delivery", "refund"), ("refund", "delivery"), ("refund",), ())
    weights = weigh_sets(list(LABELS), seeds)
    assert weights == {("refund", "delivery"): 2, ("refund",): 1, ("praise",): 1}
    assert weigh_sets(list(LABELS), seeds, [["praise", "refund"]]) == {("refund", "praise"): 1}
    assert weigh_sets(list(LABELS), []) == {("refund",): 1, ("delivery",): 1, ("praise",): 1}


@pytest.mark.parametrize("step", [Labelled(source="seeds", per_request=1), Pair(source="seeds", per_request=1)])
def test_a_total_is_written_for_label_sets_as_often_as_the_seeds_have_them(step: Labelled) -> None:
    requests = plan(step, TWO_IN_THREE, QuotaDeficit({}, 12))
    assert Counter(request.labels for request in requests) == {("refund", "delivery"): 8, ("praise",): 4}


def test_combinations_replace_the_sets_of_the_seeds() -> None:
    step = Labelled(source="seeds", per_request=1, combinations=[["praise", "delivery"], ["refund"]])
    requests = plan(step, TWO_IN_THREE, QuotaDeficit({}, 10))
    assert Counter(request.labels for request in requests) == {("delivery", "praise"): 5, ("refund",): 5}


@pytest.mark.parametrize(
    ("combinations", "message"),
    [
        ([["refund", "refund"]], "a combination has each label once, found refund, refund"),
        ([["refund", "praise"], ["praise", "refund"]], "combinations has the same labels twice: praise, refund"),
        ([["refund"], []], "each of the combinations is a list of label names, found an empty list"),
        (["refund"], "combinations"),
    ],
)
def test_a_combination_has_labels_each_once_and_is_listed_once(combinations: list[list[str]], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Labelled(combinations=combinations)


@given(WEIGHTS, st.dictionaries(st.sampled_from(list(LABELS)), st.integers(1, 40), min_size=1), st.integers(1, 5))
def test_every_label_gets_the_candidates_that_its_deficit_asks_for(
    weights: dict[tuple[str, ...], int], missing: dict[str, int], per_request: int
) -> None:
    seeds = seeds_with(*(labels for labels, weight in weights.items() for _ in range(weight)))
    deficits = [QuotaDeficit({"label": label}, number) for label, number in missing.items()]
    requests = plan(Labelled(source="seeds", per_request=per_request), seeds, *deficits)
    for label, number in missing.items():
        serving = [request for request in requests if label in request.labels]
        assert sum(request.candidates for request in serving) >= number
    assert len(requests) <= sum(-(-number // per_request) for number in missing.values())


def test_the_label_that_lacks_most_is_served_first_and_a_label_that_lacks_none_is_avoided() -> None:
    seeds = seeds_with(("refund", "delivery"), ("refund", "delivery"), ("refund",), ("delivery",), ("praise",))
    session = Labelled(source="seeds", per_request=1).start(context(sources={"seeds": seeds}, multi_label=True), "l")
    session.plan_requests([QuotaDeficit({"label": label}, 1) for label in LABELS], 3)
    deficits = [QuotaDeficit({"label": "refund"}, 9), QuotaDeficit({"label": "praise"}, 2)]
    requests = session.plan_requests(deficits, 6)
    assert Counter(request.labels for request in requests) == {("refund",): 6}


def test_a_text_with_attributes_counts_for_the_cells_of_its_attributes_only() -> None:
    step = Labelled(source="seeds", per_request=1, attributes={"tone": ["plain", "annoyed"]})
    seeds = seeds_with(("refund", "delivery"))
    deficits = [
        QuotaDeficit({"label": label, "tone": tone}, 2) for label in LABELS for tone in ("plain", "annoyed")
    ]  # fmt: skip
    requests = plan(step, seeds, *deficits)
    counts = Counter((request.labels, request.fields["tone"]) for request in requests)
    assert counts == {
        (labels, tone): 2 for labels in (("refund", "delivery"), ("praise",)) for tone in ("plain", "annoyed")
    }


@pytest.mark.parametrize("form", ["chat", "completion"])
@pytest.mark.parametrize("step", [Labelled(source="seeds"), Pair(source="seeds")])
def test_a_prompt_names_all_labels_of_the_set_with_their_descriptions(step: Labelled, form: str) -> None:
    (request,) = plan(step, seeds_with(("refund", "delivery")), QuotaDeficit({"label": "refund"}, 5), form=form)
    text = prompt_text(request)
    for label in ("refund", "delivery"):
        assert label in text.splitlines()[0] or f"What {label} means: {LABELS[label]}" in text
        assert LABELS[label] in text
    if form == "chat":
        assert "Labels (all of them hold): refund, delivery" in text
        assert "the labels refund, delivery" in text


def test_examples_have_the_same_set_first_and_then_labels_of_the_set() -> None:
    exact = [("refund", "delivery")] * 2
    seeds = seeds_with(*exact, ("refund",), ("delivery",), ("refund", "praise"), ("praise",))
    seed_by_id = {seed.id: seed for seed in seeds}
    for shots, shown in ((2, 2), (4, 4), (6, 5)):
        step = Labelled(source="seeds", shots=shots, combinations=[["refund", "delivery"]])
        (request,) = plan(step, seeds, QuotaDeficit({}, 5))
        examples = [set(seed_by_id[seed_id].labels) for seed_id in request.example_ids]
        assert len(examples) == shown
        assert examples[:2] == [{"refund", "delivery"}] * 2
        assert all(labels < {"refund", "delivery"} for labels in examples[2:4])
        assert all(labels & {"refund", "delivery"} for labels in examples)


def test_examples_are_of_one_fold_and_contrast_examples_have_none_of_the_labels() -> None:
    seeds = seeds_with(*[("refund", "delivery")] * 8, *[("praise",)] * 8, *[("refund", "praise")] * 8)
    folds = assign_folds(seeds)
    seed_by_id = {seed.id: seed for seed in seeds}
    step = Labelled(source="seeds", contrast_labels=2, combinations=[["refund", "delivery"]], per_request=1)
    requests = plan(step, seeds, QuotaDeficit({}, 20))
    assert {len({folds[seed_id] for seed_id in request.example_ids}) for request in requests} == {1}
    assert {folds[request.example_ids[0]] for request in requests} == {0, 1}
    for request in requests:
        assert [seed_by_id[seed_id].labels for seed_id in request.example_ids[3:]] == [("praise",)] * 2


def test_the_same_calls_give_the_same_requests() -> None:
    step = Labelled(source="seeds", per_request=2)
    deficits = [QuotaDeficit({"label": label}, 30) for label in LABELS]
    assert plan(step, TWO_IN_THREE, *deficits) == plan(step, TWO_IN_THREE, *deficits)


def test_the_plan_says_how_many_label_sets_there_are() -> None:
    run = context(sources={"seeds": TWO_IN_THREE}, multi_label=True)
    assert Labelled(source="seeds").plan_notes(run) == [
        "writes for 2 label sets, 1 of them with several labels, each as often as the seeds have it: "
        "about 67 % of the texts get several labels"
    ]
    (note,) = Labelled(combinations=[["refund", "praise"]]).plan_notes(run)
    assert "writes for 1 label set, 1 of them with several labels, as the combinations say" in note
    assert Labelled(source="seeds").plan_notes(context()) == []

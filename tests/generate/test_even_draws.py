from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import LABELS, context
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.attribute_options import ConditionalValues
from textsynth.generate.even_draws import EvenDraws
from textsynth.generate.joint_distribution import AttributeModel, JointDistribution
from textsynth.generate.labelled import Labelled

WEIGHTS = st.lists(st.sampled_from([0.05, 0.5, 1, 1, 2, 3, 10]), min_size=1, max_size=6)
CHANNELS = {"mail": 1.0, "chat": 3.0}
LENGTHS = {"mail": {"long": 1.0, "short": 1.0}, "chat": {"short": 4.0, "one word": 1.0}}
LENGTH_OF_CHANNEL = ConditionalValues(given="channel", values=LENGTHS)


def draw(distribution: JointDistribution, number: int) -> list[dict[str, str]]:
    draws = EvenDraws(distribution, "seed")
    return [draws.draw() for _ in range(number)]


def requested(number: int, cell: Mapping[str, str], **options: object) -> list[Mapping[str, object]]:
    session = Labelled(per_request=1, shots=0, **options).start(context(), "labelled")
    requests = session.plan_requests([QuotaDeficit(cell, number)], 10_000)
    return [{**request.fields, "label": request.labels[0]} for request in requests]


@settings(max_examples=40)
@given(st.lists(WEIGHTS, min_size=1, max_size=3))
def test_after_every_draw_each_value_was_drawn_as_often_as_its_weight_says_give_or_take_one(
    weights: Sequence[Sequence[float]],
) -> None:
    attributes = {f"a{i}": {f"v{j}": weight for j, weight in enumerate(row)} for i, row in enumerate(weights)}
    counts: Counter[tuple[str, str]] = Counter()
    for number, values in enumerate(draw(AttributeModel(attributes).given_labels(()), 120), 1):
        counts.update(values.items())
        for name, row in attributes.items():
            for value, weight in row.items():
                assert abs(counts[name, value] - number * weight / sum(row.values())) <= 1 + 1e-6


def test_attributes_with_equal_weights_do_not_change_in_step() -> None:
    attributes = {"tone": {"polite": 3, "angry": 1}, "writer": {"adult": 3, "child": 1}}
    counts = Counter(tuple(values.values()) for values in draw(AttributeModel(attributes).given_labels(()), 160))
    assert counts == {
        ("polite", "adult"): 90, ("polite", "child"): 30, ("angry", "adult"): 30, ("angry", "child"): 10
    }  # fmt: skip


def test_values_keep_to_the_weights_of_the_value_that_they_depend_on() -> None:
    model = AttributeModel({"length": LENGTH_OF_CHANNEL, "channel": CHANNELS})
    counts = Counter((values["channel"], values["length"]) for values in draw(model.given_labels(()), 400))
    expected = {("mail", "long"): 50, ("mail", "short"): 50, ("chat", "short"): 240, ("chat", "one word"): 60}
    assert all(abs(counts[key] - number) <= 2 for key, number in expected.items())
    assert set(counts) == set(expected)


def test_a_fixed_value_changes_the_shares_of_what_it_depends_on() -> None:
    distribution = AttributeModel({"channel": CHANNELS, "length": LENGTH_OF_CHANNEL}).given_labels(
        (), {"length": "short"}
    )
    # mail and short: 1/4 · 1/2, chat and short: 3/4 · 4/5
    assert distribution.mass == pytest.approx(0.125 + 0.6)
    assert distribution.probabilities(0, {}) == pytest.approx({"mail": 0.125 / 0.725, "chat": 0.6 / 0.725})
    assert {values["length"] for values in draw(distribution, 20)} == {"short"}


def test_excluded_combinations_do_not_occur_and_the_others_keep_their_proportions() -> None:
    attributes = {"tone": ("polite", "angry"), "channel": ("mail", "chat"), "writer": ("adult", "child")}
    model = AttributeModel(attributes, [{"tone": "angry", "channel": ["mail"]}])
    counts = Counter((values["tone"], values["channel"]) for values in draw(model.given_labels(()), 90))
    assert counts == {("polite", "mail"): 30, ("polite", "chat"): 30, ("angry", "chat"): 30}


def test_labels_have_values_of_their_own_and_exclusions_of_their_own() -> None:
    topics = {"refund": ["broken"], "delivery": ["late", "lost"], "praise": {"staff": 2, "price": 1}}
    options = {
        "attributes": {"topic": {"given": "label", "values": topics}, "tone": ["calm", "loud"]},
        "exclude": [{"label": "praise", "tone": "calm"}],
    }
    fields = requested(60, {}, **options)
    assert Counter(values["label"] for values in fields) == dict.fromkeys(LABELS, 20)
    assert {values["topic"] for values in fields if values["label"] == "delivery"} == {"late", "lost"}
    assert {values["tone"] for values in fields if values["label"] == "praise"} == {"loud"}
    staff = sum(values["topic"] == "staff" for values in fields)
    assert abs(staff - 20 * 2 / 3) <= 1


def test_a_cell_is_requested_for_labels_that_can_have_it_and_an_impossible_one_is_not() -> None:
    options = {
        "attributes": {"tone": ["calm", "loud"], "channel": ["mail"]},
        "exclude": [{"label": ["praise", "refund"], "tone": "loud"}],
    }
    assert Counter(values["label"] for values in requested(8, {"tone": "loud"}, **options)) == {"delivery": 8}
    assert requested(8, {"tone": "loud", "label": "praise"}, **options) == []


def test_every_combination_of_lists_without_weights_is_used_equally_often() -> None:
    even = requested(12, {"label": "refund"}, attributes={"tone": ["calm", "loud", "dry"], "channel": ["mail", "chat"]})
    assert set(Counter((values["tone"], values["channel"]) for values in even).values()) == {2}

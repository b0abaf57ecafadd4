"""Probabilities of labels, against engines that hold known opinions and like the first option too much."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines import FIRST_OPTION_BONUS, engine
from textsynth.core.records import Completion, OptionScores
from textsynth.label.label_probabilities import (
    CODES,
    SAMPLING,
    combine_permutations,
    cyclic_permutations,
    label_logprobs,
)
from textsynth.models.http import Http
from textsynth.models.scripted import Scripted

LABELS = {
    "card_arrival": "when a card comes", "lost_card": "a card is lost", "fee": "a fee was charged",
    "transfer": "money was sent", "other": "",
}  # fmt: skip
TEXTS = ["my card is lost", "why was a fee charged", "the money was sent but did not arrive", "hello there"]


def held(text: str) -> dict[str, float]:
    """Return what the engine would hold of each label if places did not matter."""
    from re import findall

    logits = {
        name: 1.5 + 1.2 * min(sum(word in text for word in findall("[a-z]+", f"{name.replace('_', ' ')}: {means}")), 3)
        for name, means in LABELS.items()
    }
    whole = sum(math.exp(value) for value in logits.values())
    return {name: math.exp(value) / whole for name, value in logits.items()}


def completion(known: Mapping[str, float], bound: float | None = None, *, exact: bool = True) -> Completion:
    return Completion("", scores=OptionScores({code: math.log(value) for code, value in known.items()}, bound, exact))


def test_each_label_stands_under_each_letter_once_in_as_many_turns_as_labels() -> None:
    orders = cyclic_permutations("abcde", 5, "seed")
    assert [set(places) for places in zip(*orders, strict=True)] == [set("abcde")] * 5
    assert cyclic_permutations("abcde", 5, "seed") == orders
    assert cyclic_permutations("abcde", 5, "other") != orders
    assert cyclic_permutations("ab", 7, "seed") == cyclic_permutations("ab", 2, "seed")
    assert len(cyclic_permutations("abcdef", 3, "seed")) == 3


def test_labels_beyond_the_alphabet_need_a_shortlist() -> None:
    with pytest.raises(ValueError, match="27 labels have no letters each: there are 26"):
        cyclic_permutations([*CODES, "more"], 1, "")
    with pytest.raises(ValueError, match="no labels"):
        label_logprobs(["a"], {}, Scripted())


def test_probabilities_are_averaged_over_turns_and_sum_to_one() -> None:
    scores = combine_permutations(
        [("a", "b"), ("b", "a")], [completion({"A": 0.6, "B": 0.2}), completion({"A": 0.1, "B": 0.4})]
    )
    assert not isinstance(scores, str)
    assert scores.probabilities == pytest.approx({"a": (0.75 + 0.8) / 2, "b": (0.25 + 0.2) / 2})
    assert scores.mass == pytest.approx(0.65)
    assert (scores.best, scores.permutations, scores.exact, scores.bounds) == ("a", 2, True, frozenset())


def test_a_missing_letter_counts_with_its_bound_and_is_marked() -> None:
    scores = combine_permutations([("a", "b", "c")], [completion({"A": 0.6}, math.log(0.1), exact=False)])
    assert not isinstance(scores, str)
    assert scores.probabilities == pytest.approx({"a": 0.75, "b": 0.125, "c": 0.125})
    assert (scores.bounds, scores.exact) == (frozenset("bc"), False)


def test_failed_turns_are_left_out_and_with_none_left_there_is_a_reason() -> None:
    failed = Completion("", failure="the prompt is too long")
    orders = [("a", "b"), ("b", "a")]
    scores = combine_permutations(orders, [failed, completion({"A": 0.9, "B": 0.1})])
    assert not isinstance(scores, str)
    assert (scores.best, scores.permutations) == ("b", 1)
    assert combine_permutations(orders, [failed, failed]) == "the prompt is too long"
    assert combine_permutations(orders, [Completion("A"), Completion("B")]) == "the model gives no log-probabilities"


@given(st.lists(st.floats(-2000, 0), min_size=1, max_size=26), st.none() | st.floats(-2000, 0))
def test_any_log_probabilities_make_probabilities(values: list[float], bound: float | None) -> None:
    labels = [f"label {place}" for place in range(min(26, len(values) + 1))]
    one = Completion("", scores=OptionScores(dict(zip(CODES, values, strict=False)), bound))
    scores = combine_permutations([labels], [one])
    assert not isinstance(scores, str)
    assert sum(scores.probabilities.values()) == pytest.approx(1.0)
    assert 0.0 <= scores.mass <= 1.0


@pytest.mark.parametrize("prompts", ["chat", "completion"])
def test_with_all_turns_the_liking_for_a_place_is_gone(prompts: str) -> None:
    """The engine's opinion is known: with one turn it is off by its liking, with all turns the order is right."""
    with engine("vllm") as server:
        model = Http.model_validate({"base_url": server.url, "model": "small", "prompts": prompts})
        all_turns = label_logprobs(TEXTS, LABELS, model, permutations=5)
        one_turn = label_logprobs(TEXTS, LABELS, model, permutations=1)
        assert all(sent["max_tokens"] == 1 for sent in server.bodies if "max_tokens" in sent)
        assert {len(sent["logprob_token_ids"]) for sent in server.bodies[-4:]} == {5}
    assert all_turns.labels == tuple(LABELS)
    assert all_turns.logprobs.shape == (4, 5)
    assert all_turns.exact.all()
    assert not all_turns.bounds.any()
    assert np.exp(all_turns.logprobs).sum(axis=1) == pytest.approx(1.0)
    truth = np.array([list(held(text).values()) for text in TEXTS])
    error = [np.abs(np.exp(found.logprobs) - truth).max() for found in (all_turns, one_turn)]
    assert error[0] < 0.05 < error[1]
    assert (np.exp(all_turns.logprobs).argmax(axis=1)[:3] == truth.argmax(axis=1)[:3]).all()
    # hello there fits nothing: without the liking all labels are alike
    assert np.ptp(all_turns.logprobs[3]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(one_turn.logprobs[3]) == pytest.approx(FIRST_OPTION_BONUS, abs=1e-6)


def test_a_server_that_tells_few_tokens_gives_bounds_and_is_not_exact_where_it_changes_them() -> None:
    with engine("openai", max_logprobs=5, logprobs="processed") as server:
        model = Http.model_validate({"base_url": server.url, "model": "small"})
        multi_label = {f"label_{place}": "" for place in range(10)}
        found = label_logprobs(["a text"], multi_label, model, permutations=2)
    assert found.bounds.any()
    assert not found.exact.any()
    assert np.isfinite(found.logprobs).all()


def test_a_shortlist_shows_some_labels_and_the_others_have_no_probability() -> None:
    multi_label = {f"label_{place}": "" for place in range(40)}
    found = label_logprobs(
        ["one", "two"],
        multi_label,
        Scripted(answers=("B",)),
        permutations=3,
        shortlist=lambda texts: [["label_7", "label_39", "label_2"], ["label_0"]][: len(texts)],
    )
    shown = np.isfinite(found.logprobs)
    assert [set(np.flatnonzero(row)) for row in shown] == [{2, 7, 39}, {0}]
    assert np.exp(found.logprobs[1, 0]) == pytest.approx(1.0)


def test_a_text_whose_requests_fail_has_its_reason() -> None:
    with engine("llama", logprobs="none") as server:
        found = label_logprobs(["a"], {"x": "", "y": ""}, Http(base_url=server.url, model="small"))
    assert found.failures == {0: "the server gives no log-probabilities"}
    assert np.isnan(found.logprobs).all()


def test_the_sampling_changes_no_probability() -> None:
    assert (SAMPLING.temperature, SAMPLING.top_p, SAMPLING.top_k, SAMPLING.repetition_penalty) == (1.0, 1.0, 0, 1.0)


def test_nothing_is_asked_about_no_texts() -> None:
    assert label_logprobs([], LABELS, Scripted()).logprobs.shape == (0, 5)

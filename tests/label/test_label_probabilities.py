"""Label probabilities, tested with engines of known probabilities that prefer the first option too much."""

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
    LETTERS,
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


def true_probabilities(text: str) -> dict[str, float]:
    """Return the engine's probability of each label without its preference for the first option."""
    from re import findall

    logits = {
        name: 1.5
        + 1.2 * min(sum(word in text for word in findall("[a-z]+", f"{name.replace('_', ' ')}: {meaning}")), 3)
        for name, meaning in LABELS.items()
    }
    total = sum(math.exp(value) for value in logits.values())
    return {name: math.exp(value) / total for name, value in logits.items()}


def completion(
    probabilities: Mapping[str, float], upper_bound: float | None = None, *, exact: bool = True
) -> Completion:
    """Return an answer with these probabilities of the letters."""
    logprobs = {letter: math.log(value) for letter, value in probabilities.items()}
    return Completion("", scores=OptionScores(logprobs, upper_bound, exact))


def test_with_as_many_permutations_as_labels_each_label_has_each_letter_once() -> None:
    orders = cyclic_permutations("abcde", 5, "seed")
    assert [set(labels) for labels in zip(*orders, strict=True)] == [set("abcde")] * 5
    assert cyclic_permutations("abcde", 5, "seed") == orders
    assert cyclic_permutations("abcde", 5, "other") != orders
    assert cyclic_permutations("ab", 7, "seed") == cyclic_permutations("ab", 2, "seed")
    assert len(cyclic_permutations("abcdef", 3, "seed")) == 3


def test_more_labels_than_letters_need_a_shortlist() -> None:
    with pytest.raises(ValueError, match="there are 27 labels, but only 26 letters"):
        cyclic_permutations([*LETTERS, "more"], 1, "")
    with pytest.raises(ValueError, match="no labels"):
        label_logprobs(["a"], {}, Scripted())


def test_probabilities_are_averaged_over_permutations_and_sum_to_one() -> None:
    scores = combine_permutations(
        [("a", "b"), ("b", "a")], [completion({"A": 0.6, "B": 0.2}), completion({"A": 0.1, "B": 0.4})]
    )
    assert not isinstance(scores, str)
    assert scores.probabilities == pytest.approx({"a": (0.75 + 0.8) / 2, "b": (0.25 + 0.2) / 2})
    assert scores.mass == pytest.approx(0.65)
    assert (scores.best, scores.permutations, scores.exact, scores.bounds) == ("a", 2, True, frozenset())


def test_a_missing_letter_counts_with_its_upper_bound_and_is_marked() -> None:
    scores = combine_permutations([("a", "b", "c")], [completion({"A": 0.6}, math.log(0.1), exact=False)])
    assert not isinstance(scores, str)
    assert scores.probabilities == pytest.approx({"a": 0.75, "b": 0.125, "c": 0.125})
    assert (scores.bounds, scores.exact) == (frozenset("bc"), False)


def test_failed_permutations_are_left_out_and_without_any_there_is_a_reason() -> None:
    failed = Completion("", failure="the prompt is too long")
    orders = [("a", "b"), ("b", "a")]
    scores = combine_permutations(orders, [failed, completion({"A": 0.9, "B": 0.1})])
    assert not isinstance(scores, str)
    assert (scores.best, scores.permutations) == ("b", 1)
    assert combine_permutations(orders, [failed, failed]) == "the prompt is too long"
    assert combine_permutations(orders, [Completion("A"), Completion("B")]) == "the model gives no log-probabilities"


@given(st.lists(st.floats(-2000, 0), min_size=1, max_size=26), st.none() | st.floats(-2000, 0))
def test_any_log_probabilities_give_probabilities(values: list[float], upper_bound: float | None) -> None:
    labels = [f"label {number}" for number in range(min(26, len(values) + 1))]
    answer = Completion("", scores=OptionScores(dict(zip(LETTERS, values, strict=False)), upper_bound))
    scores = combine_permutations([labels], [answer])
    assert not isinstance(scores, str)
    assert sum(scores.probabilities.values()) == pytest.approx(1.0)
    assert 0.0 <= scores.mass <= 1.0


@pytest.mark.parametrize("mode", ["chat", "completion"])
def test_all_permutations_remove_the_preference_for_a_position(mode: str) -> None:
    """One permutation has the engine's preference for the first option, all permutations together do not."""
    with engine("vllm") as server:
        model = Http.model_validate({"base_url": server.url, "model": "small", "mode": mode})
        averaged = label_logprobs(TEXTS, LABELS, model, permutations=5)
        single = label_logprobs(TEXTS, LABELS, model, permutations=1)
        assert all(sent["max_tokens"] == 1 for sent in server.bodies if "max_tokens" in sent)
        assert {len(sent["logprob_token_ids"]) for sent in server.bodies[-4:]} == {5}
    assert averaged.labels == tuple(LABELS)
    assert averaged.logprobs.shape == (4, 5)
    assert averaged.exact.all()
    assert not averaged.bounds.any()
    assert np.exp(averaged.logprobs).sum(axis=1) == pytest.approx(1.0)
    truth = np.array([list(true_probabilities(text).values()) for text in TEXTS])
    errors = [np.abs(np.exp(result.logprobs) - truth).max() for result in (averaged, single)]
    assert errors[0] < 0.05 < errors[1]
    assert (np.exp(averaged.logprobs).argmax(axis=1)[:3] == truth.argmax(axis=1)[:3]).all()
    # "hello there" fits no label: without the preference all labels are equally probable.
    assert np.ptp(averaged.logprobs[3]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(single.logprobs[3]) == pytest.approx(FIRST_OPTION_BONUS, abs=1e-6)


def test_a_server_with_few_tokens_gives_upper_bounds_and_processed_values_are_not_exact() -> None:
    with engine("openai", max_logprobs=5, logprobs="processed") as server:
        model = Http.model_validate({"base_url": server.url, "model": "small"})
        labels = {f"label_{number}": "" for number in range(10)}
        result = label_logprobs(["a text"], labels, model, permutations=2)
    assert result.bounds.any()
    assert not result.exact.any()
    assert np.isfinite(result.logprobs).all()


def test_labels_outside_of_the_shortlist_have_no_probability() -> None:
    labels = {f"label_{number}": "" for number in range(40)}
    result = label_logprobs(
        ["one", "two"],
        labels,
        Scripted(answers=("B",)),
        permutations=3,
        shortlist=lambda texts: [["label_7", "label_39", "label_2"], ["label_0"]][: len(texts)],
    )
    listed = np.isfinite(result.logprobs)
    assert [set(np.flatnonzero(row)) for row in listed] == [{2, 7, 39}, {0}]
    assert np.exp(result.logprobs[1, 0]) == pytest.approx(1.0)


def test_a_text_whose_requests_fail_has_a_reason() -> None:
    with engine("llama", logprobs="none") as server:
        result = label_logprobs(["a"], {"x": "", "y": ""}, Http(base_url=server.url, model="small"))
    assert result.failures == {0: "the server gives no log-probabilities"}
    assert np.isnan(result.logprobs).all()


def test_the_sampling_changes_no_probability() -> None:
    assert (SAMPLING.temperature, SAMPLING.top_p, SAMPLING.top_k, SAMPLING.repetition_penalty) == (1.0, 1.0, 0, 1.0)


def test_no_texts_give_an_empty_array() -> None:
    assert label_logprobs([], LABELS, Scripted()).logprobs.shape == (0, 5)

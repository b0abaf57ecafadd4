from __future__ import annotations

from dataclasses import replace

import pytest

from textsynth.core.records import Completion, GenerationRequest, RenderedPrompt, Sampling
from textsynth.runner.budget import RunBudget, estimate_tokens

REQUEST = GenerationRequest(
    step="labelled", model="m", prompt=RenderedPrompt("p", "f", text="x" * 400), sampling=Sampling(max_tokens=50)
)


def available(budget: RunBudget, *, limit: int = 512, tokens_per_request: int = 10, **per_request: int) -> int:
    return budget.available(limit, tokens_per_request=tokens_per_request, **per_request)


def test_without_limits_everything_is_available() -> None:
    budget = RunBudget(requests=None, tokens=None, minutes=None)
    assert available(budget) == 512
    assert budget.exhausted_limit is None


def test_requests_are_counted_when_planned() -> None:
    budget = RunBudget(requests=5, tokens=None, minutes=None)
    assert available(budget, limit=3) == 3
    budget.record_planned([REQUEST] * 3)
    assert available(budget, limit=3) == 2
    budget.record_planned([REQUEST] * 2)
    assert available(budget, limit=3) == 0
    assert budget.exhausted_limit == "requests"


def test_tokens_are_reserved_for_requests_in_flight_and_then_charged() -> None:
    budget = RunBudget(requests=None, tokens=1000, minutes=None)
    assert estimate_tokens(REQUEST) == 150
    assert available(budget, tokens_per_request=150) == 6
    budget.record_planned([REQUEST] * 6)
    assert available(budget, tokens_per_request=150) == 0
    assert budget.exhausted_limit is None  # answers may take fewer tokens than were reserved
    budget.charge([Completion("x", "stop", 80, 20)] * 6)
    assert available(budget, tokens_per_request=150) == 4
    budget.record_planned([REQUEST] * 4)
    budget.charge([Completion("x", "stop", 80, 20)] * 4)
    assert available(budget, tokens_per_request=150) == 0
    assert budget.exhausted_limit == "tokens"


@pytest.mark.parametrize("limit", [{"requests": 0}, {"tokens": 0}])
def test_a_limit_of_zero_is_a_limit(limit: dict[str, int]) -> None:
    budget = RunBudget(**{"requests": None, "tokens": None, "minutes": None, **limit})  # type: ignore[arg-type]
    assert available(budget) == 0
    assert budget.exhausted_limit == next(iter(limit))


def test_requests_for_labels_are_reserved_until_the_commit_of_a_window() -> None:
    budget = RunBudget(requests=100, tokens=None, minutes=None, labelling=3)
    assert available(budget) == 25
    window = [REQUEST] * 20
    budget.record_planned(window)
    budget.reserve(window)
    assert available(budget) == 5
    budget.release(window)
    assert budget.affordable([3] * 30, tokens_per_request=10) == 26
    assert budget.exhausted_limit == "requests"


def test_follow_ups_are_reserved_until_the_commit_of_a_window() -> None:
    budget = RunBudget(requests=100, tokens=None, minutes=None)
    window = [replace(REQUEST, max_follow_ups=4)] * 10
    budget.record_planned(window)
    budget.reserve(window)
    assert available(budget) == 50
    budget.record_planned([REQUEST] * 12)  # the follow-ups that the answers led to
    budget.release(window)
    assert available(budget) == 78


CHAIN = replace(REQUEST, max_follow_ups=4)
ROWS = GenerationRequest(step="existing", model="", prompt=None, sampling=Sampling(), candidates=1000)


def test_requests_with_follow_ups_are_sent_as_far_as_their_longest_chains_fit() -> None:
    budget = RunBudget(requests=12, tokens=None, minutes=None)
    assert budget.split_affordable([CHAIN] * 5, tokens_per_request=10) == ([CHAIN] * 2, [CHAIN] * 3)
    assert budget.split_affordable([REQUEST] * 5, tokens_per_request=10) == ([REQUEST] * 5, [])
    assert budget.split_affordable([CHAIN, REQUEST, ROWS, CHAIN, ROWS, CHAIN, REQUEST], tokens_per_request=10) == (
        [CHAIN, REQUEST, ROWS, CHAIN, ROWS],
        [CHAIN, REQUEST],
    )
    assert budget.exhausted_limit is None


def test_deferred_requests_are_sent_when_chains_turn_out_shorter_and_else_the_limit_is_reached() -> None:
    budget = RunBudget(requests=12, tokens=None, minutes=None)
    sent, deferred = budget.split_affordable([CHAIN] * 5, tokens_per_request=10)
    budget.record_planned(sent)
    budget.reserve(sent)
    assert budget.split_affordable(deferred, tokens_per_request=10) == ([], deferred)
    assert budget.exhausted_limit is None  # the chains in flight may need less
    budget.release(sent)
    sent, deferred = budget.split_affordable(deferred, tokens_per_request=10)
    assert (len(sent), len(deferred)) == (2, 1)
    budget.record_planned([REQUEST] * 10)
    assert budget.split_affordable(deferred, tokens_per_request=10) == ([], deferred)
    assert budget.exhausted_limit == "requests"


def test_the_last_chain_may_take_what_one_text_and_its_label_need() -> None:
    budget = RunBudget(requests=8, tokens=None, minutes=None, labelling=3)
    chain = replace(CHAIN, candidates=5)
    assert budget.split_affordable([chain] * 2, tokens_per_request=10) == ([chain], [chain])
    assert available(budget, texts_per_request=5, follow_ups_per_request=4) == 1
    assert available(budget, texts_per_request=5, follow_ups_per_request=5) == 0


def test_the_last_requests_of_a_budget_go_to_one_text_and_its_label() -> None:
    budget = RunBudget(requests=10, tokens=None, minutes=None, labelling=3)
    assert available(budget, texts_per_request=5) == 1  # five texts and their labels would take 16 requests
    budget.record_planned([REQUEST] * 7)
    assert available(budget, texts_per_request=5) == 0
    assert budget.exhausted_limit == "requests"


def test_nothing_is_reserved_for_existing_rows() -> None:
    budget = RunBudget(requests=10, tokens=None, minutes=None, labelling=3)
    budget.reserve([GenerationRequest(step="existing", model="", prompt=None, sampling=Sampling(), candidates=1000)])
    assert available(budget) == 2


def test_answers_about_gold_rows_lower_the_limits_and_enter_no_average() -> None:
    budget = RunBudget(requests=100, tokens=1000, minutes=None)
    budget.deduct([Completion("x", "stop", 90, 10)] * 5 + [None])
    assert available(budget) == 50
    budget.deduct([Completion("x", "stop", 0, 0)] * 60)
    assert available(budget) == 35


def test_the_first_window_is_small_where_a_limit_of_tokens_is_small() -> None:
    assert available(RunBudget(requests=None, tokens=100, minutes=None), tokens_per_request=0) == 1
    assert available(RunBudget(requests=None, tokens=100_000, minutes=None), tokens_per_request=0) == 8

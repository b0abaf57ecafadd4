from __future__ import annotations

import pytest

from textsynth.core.records import Completion, GenerationRequest, RenderedPrompt, Sampling
from textsynth.runner.budget import RunBudget, estimate_tokens

ASK = GenerationRequest(
    step="labelled", model="m", prompt=RenderedPrompt("p", "f", text="x" * 400), sampling=Sampling(max_tokens=50)
)


def test_no_limits_leave_all_the_room() -> None:
    budget = RunBudget(requests=None, tokens=None, minutes=None)
    assert budget.available(512, tokens_an_ask=100) == 512
    assert budget.exhausted_limit is None


def test_requests_are_counted_when_planned() -> None:
    budget = RunBudget(requests=5, tokens=None, minutes=None)
    assert budget.available(3, tokens_an_ask=100) == 3
    budget.record_planned([ASK] * 3)
    assert budget.available(3, tokens_an_ask=100) == 2
    budget.record_planned([ASK] * 2)
    assert budget.available(3, tokens_an_ask=100) == 0
    assert budget.exhausted_limit == "requests"


def test_tokens_are_reserved_for_what_is_on_its_way_and_then_charged() -> None:
    budget = RunBudget(requests=None, tokens=1000, minutes=None)
    assert estimate_tokens(ASK) == 150
    assert budget.available(512, tokens_an_ask=150) == 6
    budget.record_planned([ASK] * 6)
    assert budget.available(512, tokens_an_ask=150) == 0
    assert budget.exhausted_limit is None  # answers may cost less than was reserved
    budget.charge([Completion("x", "stop", 80, 20)] * 6)
    assert budget.available(512, tokens_an_ask=150) == 4
    budget.record_planned([ASK] * 4)
    budget.charge([Completion("x", "stop", 80, 20)] * 4)
    assert budget.available(512, tokens_an_ask=150) == 0
    assert budget.exhausted_limit == "tokens"


@pytest.mark.parametrize("limit", [{"requests": 0}, {"tokens": 0}, {"minutes": 0.0}])
def test_a_limit_of_zero_is_a_limit(limit: dict[str, int]) -> None:
    budget = RunBudget(**{"requests": None, "tokens": None, "minutes": None, **limit})  # type: ignore[arg-type]
    assert budget.available(512, tokens_an_ask=10) == 0
    assert budget.exhausted_limit == next(iter(limit))


def test_labels_are_kept_free_until_a_window_is_settled() -> None:
    budget = RunBudget(requests=100, tokens=None, minutes=None, labelling=3)
    assert budget.available(512, tokens_an_ask=10, texts_an_ask=1) == 25
    window = [ASK] * 20
    budget.record_planned(window)
    budget.reserve(window)
    assert budget.available(512, tokens_an_ask=10) == 5
    budget.release(window)
    assert budget.affordable([3] * 30, tokens_an_ask=10) == 26
    assert budget.exhausted_limit == "requests"


def test_the_last_requests_of_a_budget_go_to_one_text_and_its_label() -> None:
    budget = RunBudget(requests=10, tokens=None, minutes=None, labelling=3)
    assert budget.available(512, tokens_an_ask=10, texts_an_ask=5) == 1  # a whole answer might take 16
    budget.record_planned([ASK] * 7)
    assert budget.available(512, tokens_an_ask=10, texts_an_ask=5) == 0
    assert budget.exhausted_limit == "requests"


def test_given_rows_keep_nothing_free() -> None:
    budget = RunBudget(requests=10, tokens=None, minutes=None, labelling=3)
    budget.reserve([GenerationRequest(step="existing", model="", prompt=None, sampling=Sampling(), candidates=1000)])
    assert budget.available(512, tokens_an_ask=10) == 2


def test_what_labellers_are_tried_on_first_lowers_the_limits_and_no_average() -> None:
    budget = RunBudget(requests=100, tokens=1000, minutes=None)
    budget.deduct([Completion("x", "stop", 90, 10)] * 5 + [None])
    assert budget.available(512, tokens_an_ask=10) == 50
    budget.deduct([Completion("x", "stop", 0, 0)] * 60)
    assert budget.available(512, tokens_an_ask=10) == 35


def test_the_first_look_is_no_more_than_a_small_limit_may_bear() -> None:
    assert RunBudget(requests=None, tokens=100, minutes=None).available(512, tokens_an_ask=0) == 1
    assert RunBudget(requests=None, tokens=100_000, minutes=None).available(512, tokens_an_ask=0) == 8

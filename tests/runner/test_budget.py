from __future__ import annotations

import pytest

from textsynth.core.records import Ask, Completion, Rendered, Sampling
from textsynth.runner.budget import Budget, tokens_of

ASK = Ask(item="labelled", model="m", prompt=Rendered("p", "f", text="x" * 400), sampling=Sampling(max_tokens=50))


def test_no_limits_leave_all_the_room() -> None:
    budget = Budget(requests=None, tokens=None, minutes=None)
    assert budget.room(512, tokens_an_ask=100) == 512
    assert budget.spent_out is None


def test_requests_are_counted_when_planned() -> None:
    budget = Budget(requests=5, tokens=None, minutes=None)
    assert budget.room(3, tokens_an_ask=100) == 3
    budget.planned([ASK] * 3)
    assert budget.room(3, tokens_an_ask=100) == 2
    budget.planned([ASK] * 2)
    assert budget.room(3, tokens_an_ask=100) == 0
    assert budget.spent_out == "requests"


def test_tokens_are_reserved_for_what_is_on_its_way_and_then_charged() -> None:
    budget = Budget(requests=None, tokens=1000, minutes=None)
    assert tokens_of(ASK) == 150
    assert budget.room(512, tokens_an_ask=150) == 6
    budget.planned([ASK] * 6)
    assert budget.room(512, tokens_an_ask=150) == 0
    assert budget.spent_out is None  # answers may cost less than was reserved
    budget.charge([Completion("x", "stop", 80, 20)] * 6)
    assert budget.room(512, tokens_an_ask=150) == 4
    budget.planned([ASK] * 4)
    budget.charge([Completion("x", "stop", 80, 20)] * 4)
    assert budget.room(512, tokens_an_ask=150) == 0
    assert budget.spent_out == "tokens"


@pytest.mark.parametrize("limit", [{"requests": 0}, {"tokens": 0}, {"minutes": 0.0}])
def test_a_limit_of_zero_is_a_limit(limit: dict[str, int]) -> None:
    budget = Budget(**{"requests": None, "tokens": None, "minutes": None, **limit})  # type: ignore[arg-type]
    assert budget.room(512, tokens_an_ask=10) == 0
    assert budget.spent_out == next(iter(limit))


def test_labels_are_kept_free_until_a_window_is_settled() -> None:
    budget = Budget(requests=100, tokens=None, minutes=None, labelling=3)
    assert budget.room(512, tokens_an_ask=10, texts_an_ask=1) == 25
    window = [ASK] * 20
    budget.planned(window)
    budget.reserve(window)
    assert budget.room(512, tokens_an_ask=10) == 5
    budget.release(window)
    assert budget.fitting([3] * 30, tokens_an_ask=10) == 26
    assert budget.spent_out == "requests"


def test_the_last_requests_of_a_budget_go_to_one_text_and_its_label() -> None:
    budget = Budget(requests=10, tokens=None, minutes=None, labelling=3)
    assert budget.room(512, tokens_an_ask=10, texts_an_ask=5) == 1  # a whole answer might take 16
    budget.planned([ASK] * 7)
    assert budget.room(512, tokens_an_ask=10, texts_an_ask=5) == 0
    assert budget.spent_out == "requests"


def test_given_rows_keep_nothing_free() -> None:
    budget = Budget(requests=10, tokens=None, minutes=None, labelling=3)
    budget.reserve([Ask(item="existing", model="", prompt=None, sampling=Sampling(), texts=1000)])
    assert budget.room(512, tokens_an_ask=10) == 2


def test_what_labellers_are_tried_on_first_lowers_the_limits_and_no_average() -> None:
    budget = Budget(requests=100, tokens=1000, minutes=None)
    budget.take_off([Completion("x", "stop", 90, 10)] * 5 + [None])
    assert budget.room(512, tokens_an_ask=10) == 50
    budget.take_off([Completion("x", "stop", 0, 0)] * 60)
    assert budget.room(512, tokens_an_ask=10) == 35


def test_the_first_look_is_no_more_than_a_small_limit_may_bear() -> None:
    assert Budget(requests=None, tokens=100, minutes=None).room(512, tokens_an_ask=0) == 1
    assert Budget(requests=None, tokens=100_000, minutes=None).room(512, tokens_an_ask=0) == 8

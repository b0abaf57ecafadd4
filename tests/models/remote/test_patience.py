from __future__ import annotations

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.remote.patience import FIRST_CONTACT_SECONDS, Attempt, Patience, Trouble

AWAY = Trouble("away", "connection refused")
BUSY = Trouble("busy", "HTTP 429")
DOWN = Trouble("down", "HTTP 503")
BROKEN = Trouble("broken", "no JSON")


def patience(retries: int = 3, seconds: float = 100.0) -> Patience:
    return Patience(retries=retries, seconds=seconds, address="http://127.0.0.1:1/v1")


def heard(of: Patience, now: float) -> None:
    of.well(Attempt("other", now), now)


@pytest.mark.parametrize("trouble", [BROKEN, DOWN])
def test_a_request_that_fails_while_others_succeed_is_given_up_after_its_retries(trouble: Trouble) -> None:
    mine, attempt = patience(retries=2), Attempt("bad", 1.0)
    heard(mine, 2.0)
    waits = [mine.wait(attempt, trouble, 3.0) for _ in range(3)]
    assert waits[2] is None
    assert all(wait is not None and wait < 5 for wait in waits[:2])


@pytest.mark.parametrize("trouble", [AWAY, BUSY])
def test_waiting_for_a_server_does_not_count_against_a_request(trouble: Trouble) -> None:
    mine, attempt = patience(retries=0), Attempt("good", 1.0)
    heard(mine, 2.0)
    assert all(mine.wait(attempt, trouble, 3.0) is not None for _ in range(20))


def test_even_a_server_that_is_always_busy_for_one_request_ends_it() -> None:
    mine, attempt = patience(), Attempt("unlucky", 1.0)
    heard(mine, 2.0)
    assert None in [mine.wait(attempt, BUSY, 3.0) for _ in range(102)]


def test_one_bad_request_alone_does_not_stop_a_run() -> None:
    mine = patience(retries=1)
    heard(mine, 1.0)
    attempt = Attempt("bad", 2.0)
    assert [mine.wait(attempt, BROKEN, 3.0) is None for _ in range(2)] == [False, True]


def test_many_bad_requests_and_no_good_one_are_a_dead_server() -> None:
    mine = patience(retries=0, seconds=50.0)
    heard(mine, 1.0)
    attempts = [Attempt(str(number), 2.0) for number in range(64)]
    given_up = [mine.wait(attempt, DOWN, 10.0) for attempt in attempts]
    assert given_up.count(None) <= 4
    with pytest.raises(ModelError, match="given no answer for 68 s; last: HTTP 503"):
        mine.wait(attempts[-1], DOWN, 70.0)


def test_a_server_never_reached_is_not_waited_for_long() -> None:
    mine, attempt = patience(), Attempt("first", 0.0)
    assert mine.wait(attempt, AWAY, FIRST_CONTACT_SECONDS - 1) is not None
    with pytest.raises(ModelError, match=r"no server at http://127.0.0.1:1/v1: connection refused, for 15 s"):
        mine.wait(attempt, AWAY, FIRST_CONTACT_SECONDS)


def test_a_server_that_died_is_waited_for_longer() -> None:
    mine, attempt = patience(), Attempt("later", 10.0)
    heard(mine, 5.0)
    assert mine.wait(attempt, AWAY, 10.0 + 99) is not None
    with pytest.raises(ModelError, match="start it again and run the same command"):
        mine.wait(attempt, AWAY, 10.0 + 100)


def test_a_server_that_dies_while_nothing_new_is_sent_is_not_waited_for_without_end() -> None:
    mine, attempt = patience(), Attempt("under way since before the last answer", 1.0)
    heard(mine, 5.0)
    assert mine.wait(attempt, AWAY, 5.0 + 99) is not None
    with pytest.raises(ModelError, match="has given no answer for 100 s"):
        mine.wait(attempt, AWAY, 5.0 + 100)


def test_pauses_grow_are_jittered_and_have_an_end() -> None:
    mine = patience(retries=10**6, seconds=10**9)
    attempts = [Attempt(str(number), 0.0) for number in range(50)]
    rounds = [[mine.wait(one, DOWN, 1.0) or 0.0 for one in attempts] for _ in range(12)]
    assert max(rounds[0]) <= 0.5
    assert len(set(rounds[0])) == 50
    assert sum(rounds[5]) > 4 * sum(rounds[0])
    assert max(max(one) for one in rounds) <= 30


def test_the_wait_a_server_asks_for_is_kept_up_to_the_patience() -> None:
    mine = patience(seconds=20.0)
    assert 7 <= (mine.wait(Attempt("a", 0.0), Trouble("busy", "", 7.0), 1.0) or 0) <= 7.25
    assert (mine.wait(Attempt("b", 0.0), Trouble("busy", "", 3600.0), 1.0) or 0) <= 20.25


def test_a_request_that_left_is_troubled_no_more() -> None:
    mine, attempt = patience(), Attempt("gone", 0.0)
    mine.wait(attempt, DOWN, 1.0)
    mine.leave(attempt)
    assert not mine.troubled

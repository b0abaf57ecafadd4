from __future__ import annotations

import json

import pytest

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.connection import Reply
from textsynth.models.openai.retry import (
    ALL_REFUSED,
    FIRST_CONTACT_SECONDS,
    ErrorClassifier,
    RetryPolicy,
    RetryState,
    TransientError,
)

AWAY = TransientError("away", "connection refused")
BUSY = TransientError("busy", "HTTP 429")
DOWN = TransientError("down", "HTTP 503")
BROKEN = TransientError("broken", "no JSON")


def patience(retries: int = 3, seconds: float = 100.0) -> RetryPolicy:
    return RetryPolicy(retries=retries, seconds=seconds, address="http://127.0.0.1:1/v1")


def heard(of: RetryPolicy, now: float) -> None:
    of.record_success(RetryState("other", now), now)


@pytest.mark.parametrize("trouble", [BROKEN, DOWN])
def test_a_request_that_fails_while_others_succeed_is_given_up_after_its_retries(trouble: TransientError) -> None:
    mine, attempt = patience(retries=2), RetryState("bad", 1.0)
    heard(mine, 2.0)
    waits = [mine.next_delay(attempt, trouble, 3.0) for _ in range(3)]
    assert waits[2] is None
    assert all(wait is not None and wait < 5 for wait in waits[:2])


@pytest.mark.parametrize("trouble", [AWAY, BUSY])
def test_waiting_for_a_server_does_not_count_against_a_request(trouble: TransientError) -> None:
    mine, attempt = patience(retries=0), RetryState("good", 1.0)
    heard(mine, 2.0)
    assert all(mine.next_delay(attempt, trouble, 3.0) is not None for _ in range(20))


def test_even_a_server_that_is_always_busy_for_one_request_ends_it() -> None:
    mine, attempt = patience(), RetryState("unlucky", 1.0)
    heard(mine, 2.0)
    assert None in [mine.next_delay(attempt, BUSY, 3.0) for _ in range(102)]


def test_one_bad_request_alone_does_not_stop_a_run() -> None:
    mine = patience(retries=1)
    heard(mine, 1.0)
    attempt = RetryState("bad", 2.0)
    assert [mine.next_delay(attempt, BROKEN, 3.0) is None for _ in range(2)] == [False, True]


def test_many_bad_requests_and_no_good_one_are_a_dead_server() -> None:
    mine = patience(retries=0, seconds=50.0)
    heard(mine, 1.0)
    attempts = [RetryState(str(number), 2.0) for number in range(64)]
    given_up = [mine.next_delay(attempt, DOWN, 10.0) for attempt in attempts]
    assert given_up.count(None) <= 4
    with pytest.raises(ModelError, match="given no answer for 68 s; last: HTTP 503"):
        mine.next_delay(attempts[-1], DOWN, 70.0)


def test_a_server_never_reached_is_not_waited_for_long() -> None:
    mine, attempt = patience(), RetryState("first", 0.0)
    assert mine.next_delay(attempt, AWAY, FIRST_CONTACT_SECONDS - 1) is not None
    with pytest.raises(ModelError, match=r"no server at http://127.0.0.1:1/v1: connection refused, for 15 s"):
        mine.next_delay(attempt, AWAY, FIRST_CONTACT_SECONDS)


def test_a_server_that_died_is_waited_for_longer() -> None:
    mine, attempt = patience(), RetryState("later", 10.0)
    heard(mine, 5.0)
    assert mine.next_delay(attempt, AWAY, 10.0 + 99) is not None
    with pytest.raises(ModelError, match="start it again and run the same command"):
        mine.next_delay(attempt, AWAY, 10.0 + 100)


def test_a_server_that_dies_while_nothing_new_is_sent_is_not_waited_for_without_end() -> None:
    mine, attempt = patience(), RetryState("under way since before the last answer", 1.0)
    heard(mine, 5.0)
    assert mine.next_delay(attempt, AWAY, 5.0 + 99) is not None
    with pytest.raises(ModelError, match="has given no answer for 100 s"):
        mine.next_delay(attempt, AWAY, 5.0 + 100)


def test_pauses_grow_are_jittered_and_have_an_end() -> None:
    mine = patience(retries=10**6, seconds=10**9)
    attempts = [RetryState(str(number), 0.0) for number in range(50)]
    rounds = [[mine.next_delay(one, DOWN, 1.0) or 0.0 for one in attempts] for _ in range(12)]
    assert max(rounds[0]) <= 0.5
    assert len(set(rounds[0])) == 50
    assert sum(rounds[5]) > 4 * sum(rounds[0])
    assert max(max(one) for one in rounds) <= 30


def test_the_wait_a_server_asks_for_is_kept_up_to_the_patience() -> None:
    mine = patience(seconds=20.0)
    assert 7 <= (mine.next_delay(RetryState("a", 0.0), TransientError("busy", "", 7.0), 1.0) or 0) <= 7.25
    assert (mine.next_delay(RetryState("b", 0.0), TransientError("busy", "", 3600.0), 1.0) or 0) <= 20.25


def test_a_request_that_left_is_troubled_no_more() -> None:
    mine, attempt = patience(), RetryState("gone", 0.0)
    mine.next_delay(attempt, DOWN, 1.0)
    mine.release(attempt)
    assert not mine.troubled


WHERE = "the server at http://a/v1"
TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the"
    " tokenizer does not define one."
)


def reply(status: int, message: str = "", *, code: object = None, head: str = "") -> Reply:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Reply(status, f"HTTP/1.1 {status} X\r\n{head}".encode(), body)


def refusals(**more: str | None) -> ErrorClassifier:
    return ErrorClassifier("org/m", more.get("key"), more.get("key_env"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "busy"), (502, "down"), (503, "down"), (504, "down"), (500, "broken"), (408, "broken"), (425, "broken")],
)
def test_what_is_worth_another_try(status: int, kind: str) -> None:
    found = refusals().classify(reply(status, "so sorry", head="Retry-After: 3\r\n"), WHERE)
    assert isinstance(found, TransientError)
    assert (found.kind, found.server_responded) == (kind, True)
    assert found.retry_after_seconds == (3.0 if kind in ("busy", "down") else None)


def test_not_found_is_for_the_caller_to_tell() -> None:
    assert refusals().classify(reply(404), WHERE) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_and_a_gate_are_told_apart(status: int) -> None:
    with pytest.raises(ModelError, match=r"refuses the key in 'KEY' \(HTTP"):
        refusals(key="k", key_env="KEY").classify(reply(status, "invalid key"), WHERE)
    with pytest.raises(ModelError, match=r"refuses requests without a key; .*key_env"):
        refusals().classify(reply(status, "no key"), WHERE)
    gated = "Access to model org/m is restricted and you are not in the authorized list. Visit to ask for access."
    with pytest.raises(ModelError, match=r"the gated model 'org/m' .*accept its terms"):
        refusals(key="k", key_env="KEY").classify(reply(status, gated), WHERE)


@pytest.mark.parametrize("status", [400, 500])
def test_a_model_without_a_chat_template_stops_and_names_the_way_out(status: int) -> None:
    with pytest.raises(ModelError, match=r"'org/m' at http://a/v1 has no chat template .*mode: completion"):
        refusals().classify(reply(status, TEMPLATE), WHERE)


def test_an_option_for_the_template_is_another_matter() -> None:
    found = refusals().classify(reply(400, "Extra inputs are not permitted: chat_template_kwargs"), WHERE)
    assert isinstance(found, Completion)
    assert "refused by the server" in str(found.failure)


def test_too_long_is_one_request_and_never_counts_as_refusing_all() -> None:
    mine = refusals()
    for _ in range(ALL_REFUSED + 1):
        found = mine.classify(reply(400, "This model's maximum context length is 2048 tokens."), WHERE)
        assert isinstance(found, Completion)
        assert str(found.failure).startswith("too long a prompt for 'org/m': This model's")


def test_who_refuses_all_stops_and_who_has_answered_does_not() -> None:
    mine, other = refusals(), refusals()
    other.answered = 1
    for _ in range(ALL_REFUSED - 1):
        mine.classify(reply(422, "no top_a"), WHERE)
    with pytest.raises(ModelError, match="refused each of the first 5 requests"):
        mine.classify(reply(422, "no top_a"), WHERE)
    for _ in range(2 * ALL_REFUSED):
        assert isinstance(other.classify(reply(422, "no top_a"), WHERE), Completion)


@pytest.mark.parametrize("status", [402, 429])
def test_an_empty_purse_stops(status: int) -> None:
    with pytest.raises(ModelError, match="wants to be paid first"):
        refusals().classify(reply(status, "quota", code="insufficient_quota"), WHERE)


def test_a_redirect_is_not_followed_and_a_repeated_key_not_quoted() -> None:
    with pytest.raises(ModelError, match="sends us on to 'http://b/v1'"):
        refusals().classify(reply(308, head="Location: http://b/v1\r\n"), WHERE)
    with pytest.raises(ModelError) as caught:
        refusals(key="sesame", key_env="KEY").classify(reply(401, "bad key sesame"), WHERE)
    assert "sesame" not in str(caught.value)

"""The retry policy, and how error responses are classified."""

from __future__ import annotations

import json

import pytest

from tests.mock import NO_CHAT_TEMPLATE
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.response import Response
from textsynth.models.openai.retry import (
    FIRST_CONTACT_SECONDS,
    MAX_REJECTIONS,
    ErrorClassifier,
    RetryPolicy,
    RetryState,
    TransientError,
)

UNREACHABLE = TransientError("unreachable", "connection refused")
RATE_LIMITED = TransientError("rate_limited", "HTTP 429")
UNAVAILABLE = TransientError("unavailable", "HTTP 503")
BROKEN = TransientError("broken", "no JSON")


def retry_policy(retries: int = 3, max_downtime_seconds: float = 100.0) -> RetryPolicy:
    return RetryPolicy(retries=retries, max_downtime_seconds=max_downtime_seconds, address="http://127.0.0.1:1/v1")


def answer_another_request(policy: RetryPolicy, now: float) -> None:
    policy.record_success(RetryState("another", now), now)


@pytest.mark.parametrize("error", [BROKEN, UNAVAILABLE])
def test_a_request_that_fails_while_others_succeed_is_given_up_after_its_retries(error: TransientError) -> None:
    policy, state = retry_policy(retries=2), RetryState("bad", 1.0)
    answer_another_request(policy, 2.0)
    delays = [policy.next_delay(state, error, 3.0) for _ in range(3)]
    assert delays[2] is None
    assert all(delay is not None and delay < 5 for delay in delays[:2])


@pytest.mark.parametrize("error", [UNREACHABLE, RATE_LIMITED])
def test_waiting_for_a_server_does_not_count_against_a_request(error: TransientError) -> None:
    policy, state = retry_policy(retries=0), RetryState("good", 1.0)
    answer_another_request(policy, 2.0)
    assert all(policy.next_delay(state, error, 3.0) is not None for _ in range(20))


def test_a_request_is_given_up_at_last_even_if_the_server_is_only_busy() -> None:
    policy, state = retry_policy(), RetryState("unlucky", 1.0)
    answer_another_request(policy, 2.0)
    assert None in [policy.next_delay(state, RATE_LIMITED, 3.0) for _ in range(102)]


def test_one_bad_request_alone_does_not_stop_a_run() -> None:
    policy = retry_policy(retries=1)
    answer_another_request(policy, 1.0)
    state = RetryState("bad", 2.0)
    assert [policy.next_delay(state, BROKEN, 3.0) is None for _ in range(2)] == [False, True]


def test_many_bad_requests_and_no_good_one_mean_that_the_server_is_down() -> None:
    policy = retry_policy(retries=0, max_downtime_seconds=50.0)
    answer_another_request(policy, 1.0)
    states = [RetryState(str(number), 2.0) for number in range(64)]
    delays = [policy.next_delay(state, UNAVAILABLE, 10.0) for state in states]
    assert delays.count(None) <= 4
    with pytest.raises(ModelError, match="given no answer for 68 s; last error: HTTP 503"):
        policy.next_delay(states[-1], UNAVAILABLE, 70.0)


def test_a_server_that_was_never_reached_is_not_waited_for_long() -> None:
    policy, state = retry_policy(), RetryState("first", 0.0)
    assert policy.next_delay(state, UNREACHABLE, FIRST_CONTACT_SECONDS - 1) is not None
    with pytest.raises(ModelError, match=r"no server at http://127.0.0.1:1/v1: connection refused, for 15 s"):
        policy.next_delay(state, UNREACHABLE, FIRST_CONTACT_SECONDS)


def test_a_server_that_has_responded_before_is_waited_for_longer() -> None:
    policy, state = retry_policy(), RetryState("later", 10.0)
    answer_another_request(policy, 5.0)
    assert policy.next_delay(state, UNREACHABLE, 10.0 + 99) is not None
    with pytest.raises(ModelError, match="start it again and run the same command"):
        policy.next_delay(state, UNREACHABLE, 10.0 + 100)


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (UNREACHABLE, "start it again and run"),
        (BROKEN, "start it again and run"),
        (TransientError("rate_limited", "HTTP 429", server_responded=True), "wait until its limit allows requests"),
        (TransientError("unavailable", "HTTP 503", server_responded=True), "look into its log"),
        (TransientError("broken", "HTTP 500", server_responded=True), "look into its log"),
        (TransientError("unavailable", "no answer within 9 s"), "or raise timeout_seconds"),
    ],
)
def test_a_server_that_answers_nothing_ends_the_run_with_what_helps_against_that(
    error: TransientError, cure: str
) -> None:
    policy = retry_policy()
    answer_another_request(policy, 5.0)
    with pytest.raises(ModelError, match=f"{cure}.* the same command: all answers received so far are kept"):
        policy.next_delay(RetryState("later", 10.0), error, 10.0 + 100)


def test_the_downtime_runs_from_the_last_response_to_any_request() -> None:
    policy, state = retry_policy(), RetryState("in flight since before the last response", 1.0)
    answer_another_request(policy, 5.0)
    assert policy.next_delay(state, UNREACHABLE, 5.0 + 99) is not None
    with pytest.raises(ModelError, match="has given no answer for 100 s"):
        policy.next_delay(state, UNREACHABLE, 5.0 + 100)


def test_delays_grow_have_jitter_and_a_maximum() -> None:
    policy = retry_policy(retries=10**6, max_downtime_seconds=10**9)
    states = [RetryState(str(number), 0.0) for number in range(50)]
    rounds = [[policy.next_delay(state, UNAVAILABLE, 1.0) or 0.0 for state in states] for _ in range(12)]
    assert max(rounds[0]) <= 0.5
    assert len(set(rounds[0])) == 50
    assert sum(rounds[5]) > 4 * sum(rounds[0])
    assert max(max(delays) for delays in rounds) <= 30


def test_the_delay_that_a_server_asks_for_is_kept_up_to_the_maximal_downtime() -> None:
    policy = retry_policy(max_downtime_seconds=20.0)
    short, long = TransientError("rate_limited", "", 7.0), TransientError("rate_limited", "", 3600.0)
    assert 7 <= (policy.next_delay(RetryState("a", 0.0), short, 1.0) or 0) <= 7.25
    assert (policy.next_delay(RetryState("b", 0.0), long, 1.0) or 0) <= 20.25


def test_a_request_that_has_ended_is_no_longer_failing() -> None:
    policy, state = retry_policy(), RetryState("ended", 0.0)
    policy.next_delay(state, UNAVAILABLE, 1.0)
    policy.release(state)
    assert not policy.failing


SERVER = "the server at http://a/v1"


def error_response(status: int, message: str = "", *, code: object = None, **headers: str) -> Response:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Response(status, {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}, body)


def classifier(api_key: str | None = None, api_key_env: str | None = None) -> ErrorClassifier:
    return ErrorClassifier("org/m", () if api_key is None else (api_key,), api_key_env)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limited"),
        (502, "unavailable"),
        (503, "unavailable"),
        (504, "unavailable"),
        (500, "broken"),
        (408, "broken"),
        (425, "broken"),
    ],
)
def test_statuses_that_are_worth_another_attempt(status: int, kind: str) -> None:
    error = classifier().classify(error_response(status, "so sorry", retry_after="3"), SERVER)
    assert isinstance(error, TransientError)
    assert (error.kind, error.server_responded) == (kind, True)
    assert error.retry_after_seconds == (3.0 if kind in ("rate_limited", "unavailable") else None)


@pytest.mark.parametrize("status", [404, 405])
def test_an_unknown_address_is_left_to_the_caller(status: int) -> None:
    assert classifier().classify(error_response(status), SERVER) is None


def test_a_country_or_https_is_not_taken_for_the_key_or_the_request() -> None:
    with pytest.raises(ModelError, match=r"forbids requests from here \(HTTP 403: 'Country"):
        classifier("k", "KEY").classify(error_response(403, "Country not supported"), SERVER)
    message = "The plain HTTP request was sent to HTTPS port"
    with pytest.raises(ModelError, match=r"expects HTTPS .*write https:// in base_url"):
        classifier().classify(error_response(400, message), SERVER)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_and_a_gated_model_are_told_apart(status: int) -> None:
    with pytest.raises(ModelError, match=r"refuses the key in 'KEY' \(HTTP"):
        classifier("k", "KEY").classify(error_response(status, "invalid key"), SERVER)
    with pytest.raises(ModelError, match=r"refuses requests without a key; .*api_key_env"):
        classifier().classify(error_response(status, "no key"), SERVER)
    gated = "Access to model org/m is restricted and you are not in the authorized list. Visit to ask for access."
    with pytest.raises(ModelError, match=r"the gated model 'org/m' .*accept its terms"):
        classifier("k", "KEY").classify(error_response(status, gated), SERVER)


@pytest.mark.parametrize("status", [400, 500])
def test_a_model_without_a_chat_template_stops_the_run_and_says_what_to_do(status: int) -> None:
    with pytest.raises(ModelError, match=r"'org/m' at http://a/v1 has no chat template .*mode: completion"):
        classifier().classify(error_response(status, NO_CHAT_TEMPLATE), SERVER)


def test_a_rejected_option_of_the_template_is_not_a_missing_template() -> None:
    message = "Extra inputs are not permitted: chat_template_kwargs"
    completion = classifier().classify(error_response(400, message), SERVER)
    assert isinstance(completion, Completion)
    assert "rejected by the server" in str(completion.failure)


def test_prompts_that_are_too_long_never_count_as_rejecting_all_requests() -> None:
    errors = classifier()
    for _ in range(MAX_REJECTIONS + 1):
        completion = errors.classify(error_response(400, "This model's maximum context length is 2048 tokens."), SERVER)
        assert isinstance(completion, Completion)
        assert str(completion.failure).startswith("the prompt is too long for 'org/m': This model's")


def test_a_server_that_rejects_all_requests_stops_the_run_and_one_that_has_answered_does_not() -> None:
    rejecting, answering = classifier(), classifier()
    answering.answered = 1
    for _ in range(MAX_REJECTIONS - 1):
        rejecting.classify(error_response(422, "no top_a"), SERVER)
    with pytest.raises(ModelError, match=r"rejected each of the first 5 requests .*with extra_body"):
        rejecting.classify(error_response(422, "no top_a"), SERVER)
    for _ in range(2 * MAX_REJECTIONS):
        assert isinstance(answering.classify(error_response(422, "no top_a"), SERVER), Completion)


@pytest.mark.parametrize("status", [402, 429])
def test_an_account_without_credit_stops_the_run(status: int) -> None:
    with pytest.raises(ModelError, match="the account at the server at http://a/v1 has no credit left"):
        classifier().classify(error_response(status, "quota", code="insufficient_quota"), SERVER)


def test_a_redirect_is_not_followed_and_a_repeated_key_not_quoted() -> None:
    with pytest.raises(ModelError, match="redirects to 'http://b/v1'"):
        classifier().classify(error_response(308, location="http://b/v1"), SERVER)
    with pytest.raises(ModelError) as caught:
        classifier("sesame", "KEY").classify(error_response(401, "bad key sesame"), SERVER)
    assert "sesame" not in str(caught.value)

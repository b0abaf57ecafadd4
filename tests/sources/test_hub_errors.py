from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from textsynth.sources import hub_errors
from textsynth.sources.hub_errors import (
    HubFailure,
    HubRetry,
    classify_error,
    http_error,
    hub_exceptions,
    with_retries,
)

# The httpx package that huggingface_hub uses, whatever its name.
httpx: Any = __import__(HfHubHTTPError.__bases__[0].__module__.split(".")[0])
REPO = "anna/x"


def classify(error: BaseException) -> HubFailure:
    return classify_error(error, REPO)


def classify_response(status: int, headers: dict[str, str] | None = None, **content: str) -> HubFailure:
    request = httpx.Request("GET", "http://127.0.0.1/api/datasets/anna/x")
    with pytest.raises(hub_exceptions()) as raised:
        hf_raise_for_status(httpx.Response(status, request=request, headers=headers, json=content))
    return classify(raised.value)


@pytest.mark.parametrize("status", [408, 409, 412, 429, 500, 502, 503, 504])
def test_statuses_that_are_retried(status: int) -> None:
    assert classify_response(status).retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_statuses_that_are_not_retried(status: int) -> None:
    assert not classify_response(status, error="no").retryable


def test_the_message_of_the_hub_is_shown_on_one_line() -> None:
    assert "(first line second)" in classify_response(403, error="first line\n second.").message
    assert classify_response(429, {"Retry-After": "7"}).retry_after == 7
    assert classify_response(429, {"Retry-After": "²"}).retry_after is None
    not_found = classify_response(404, {"X-Error-Code": "RepoNotFound"})
    assert not_found.message.startswith("the Hub has no such data set")
    assert classify_response(404, {"X-Error-Code": "RevisionNotFound"}).message.startswith("there is no such revision")
    gated = classify_response(403, {"X-Error-Code": "GatedRepo"})
    assert gated.message.startswith("the data set is gated; request access at ")
    assert "/datasets/anna/x, and log in with `hf auth login`" in gated.message


def test_the_outcome_is_unknown_only_without_an_answer_of_the_hub() -> None:
    assert classify(httpx.ReadTimeout("")).outcome_unknown
    assert classify(httpx.RemoteProtocolError("cut")).outcome_unknown
    assert classify_response(504).outcome_unknown
    assert not classify_response(412).outcome_unknown
    assert not classify_response(403).outcome_unknown


def test_the_hub_is_unreachable_only_without_an_answer() -> None:
    assert classify(httpx.ConnectError("refused")).unreachable
    assert not classify_response(503).unreachable
    assert not classify(ValueError("x")).unreachable


def test_errors_without_a_response() -> None:
    assert "no answer in time" in classify(httpx.ReadTimeout("")).message
    assert "HF_HUB_OFFLINE is set" in classify(OfflineModeIsEnabled("x")).message
    assert classify(ValueError("two\nlines")).message == "two lines"
    error = RuntimeError("Error while uploading 'a' to the Hub.")
    error.__cause__ = httpx.WriteError("broken pipe")
    assert classify(error).retryable


def test_all_network_errors_have_one_base_class() -> None:
    from huggingface_hub.errors import GatedRepoError

    assert issubclass(HfHubHTTPError, http_error())
    assert issubclass(GatedRepoError, http_error())
    assert issubclass(httpx.ReadTimeout, http_error())


def test_a_request_is_retried_until_it_fails_for_good() -> None:
    lines: list[str] = []
    errors = [OSError("one"), httpx.ConnectError("refused")]

    def request() -> str:
        if errors:
            raise errors.pop()
        return "done"

    with pytest.raises(OSError, match=r"^one$"):
        with_retries(request, "reading", HubRetry(REPO, 1, lines.append))
    message = classify(httpx.ConnectError("refused")).message
    assert lines == [f"anna/x: reading: {message}; retrying in 0.5 s"]
    assert with_retries(request, "reading", HubRetry(REPO, 1, lines.append)) == "done"


def test_waits_double_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(hub_errors.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(hub_errors.time, "sleep", sleep)
    retry = HubRetry(REPO, 4)
    failure = HubFailure("x", retryable=True)
    assert [retry.wait(failure, "reading") for _ in range(4)] == [True, True, True, False]
    assert waits == [0.5, 1, 2]


def test_a_wait_longer_than_the_limit_is_not_started() -> None:
    assert not HubRetry(REPO, 1).wait(HubFailure("x", retryable=True, retry_after=3600.0), "reading")


def test_timeouts_are_not_retried_on_request() -> None:
    timeout = classify(httpx.ReadTimeout(""))
    assert not HubRetry(REPO, 1, retry_timeouts=False).wait(timeout, "reading")
    assert HubRetry(REPO, 1).wait(timeout, "reading")

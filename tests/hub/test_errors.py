from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from textsynth.core.errors import RunError
from textsynth.hub.errors import HubFailure, HubRetry, classify_error, hub_exceptions, with_retries

# the httpx that huggingface_hub uses, whatever its name
httpx: Any = __import__(HfHubHTTPError.__bases__[0].__module__.split(".")[0])


def answered(status: int, headers: dict[str, str] | None = None, **told: str) -> HubFailure:
    request = httpx.Request("GET", "http://127.0.0.1/api/datasets/anna/x")
    with pytest.raises(hub_exceptions()) as raised:
        hf_raise_for_status(httpx.Response(status, request=request, headers=headers, json=told))
    return classify_error(raised.value)


@pytest.mark.parametrize("status", [408, 409, 412, 429, 500, 502, 503, 504])
def test_what_may_pass(status: int) -> None:
    assert answered(status).passing


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_does_not(status: int) -> None:
    assert not answered(status, error="no").passing


def test_what_the_hub_says_is_told_in_one_line() -> None:
    assert "(first line second)" in answered(403, error="first line\n second.").sentence
    assert answered(429, {"Retry-After": "7"}).after == 7
    assert answered(404, {"X-Error-Code": "RepoNotFound"}).sentence.startswith("the Hub has no such data set")
    assert answered(404, {"X-Error-Code": "RevisionNotFound"}).sentence.startswith("there is no such revision")
    assert answered(403, {"X-Error-Code": "GatedRepo"}).sentence.startswith("access to this repository must be asked")


def test_whether_it_was_done_is_unsure_only_without_an_answer_of_the_hub() -> None:
    assert classify_error(httpx.ReadTimeout("")).unsure
    assert classify_error(httpx.RemoteProtocolError("cut")).unsure
    assert answered(504).unsure
    assert not answered(412).unsure
    assert not answered(403).unsure


def test_faults_that_are_no_answers() -> None:
    assert "no answer in time" in classify_error(httpx.ReadTimeout("")).sentence
    assert "HF_HUB_OFFLINE is set" in classify_error(OfflineModeIsEnabled("x")).sentence
    assert classify_error(ValueError("two\nlines")).sentence == "two lines"
    inner = RuntimeError("Error while uploading 'a' to the Hub.")
    inner.__cause__ = httpx.WriteError("broken pipe")
    assert classify_error(inner).passing


def test_what_passes_is_tried_again_until_the_patience_ends() -> None:
    said: list[str] = []
    left = [OSError("one"), httpx.ConnectError("refused")]

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    with pytest.raises(RunError, match=r"^here: one$"):
        with_retries(work, "here", HubRetry(1, said.append))
    assert said == [f"here: {classify_error(httpx.ConnectError('refused')).sentence}; trying again in 0.5 s"]
    assert with_retries(work, "here", HubRetry(1, said.append)) == "done"


def test_a_wait_longer_than_the_patience_is_not_waited_for() -> None:
    assert not HubRetry(1, lambda _: None).again(HubFailure("x", passing=True, after=3600.0), "here")

from __future__ import annotations

import json

import pytest

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.connection import Reply
from textsynth.models.remote.patience import Trouble
from textsynth.models.remote.refusal import ALL_REFUSED, Refusals

WHERE = "the server at http://a/v1"
TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the"
    " tokenizer does not define one."
)


def reply(status: int, message: str = "", *, code: object = None, head: str = "") -> Reply:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Reply(status, f"HTTP/1.1 {status} X\r\n{head}".encode(), body)


def refusals(**more: str | None) -> Refusals:
    return Refusals("org/m", more.get("key"), more.get("key_env"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "busy"), (502, "down"), (503, "down"), (504, "down"), (500, "broken"), (408, "broken"), (425, "broken")],
)
def test_what_is_worth_another_try(status: int, kind: str) -> None:
    found = refusals().read(reply(status, "so sorry", head="Retry-After: 3\r\n"), WHERE)
    assert isinstance(found, Trouble)
    assert (found.kind, found.answered) == (kind, True)
    assert found.after == (3.0 if kind in ("busy", "down") else None)


def test_not_found_is_for_the_caller_to_tell() -> None:
    assert refusals().read(reply(404), WHERE) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_and_a_gate_are_told_apart(status: int) -> None:
    with pytest.raises(ModelError, match=r"refuses the key in 'KEY' \(HTTP"):
        refusals(key="k", key_env="KEY").read(reply(status, "invalid key"), WHERE)
    with pytest.raises(ModelError, match=r"refuses requests without a key; .*key_env"):
        refusals().read(reply(status, "no key"), WHERE)
    gated = "Access to model org/m is restricted and you are not in the authorized list. Visit to ask for access."
    with pytest.raises(ModelError, match=r"the gated model 'org/m' .*accept its terms"):
        refusals(key="k", key_env="KEY").read(reply(status, gated), WHERE)


@pytest.mark.parametrize("status", [400, 500])
def test_a_model_without_a_chat_template_stops_and_names_the_way_out(status: int) -> None:
    with pytest.raises(ModelError, match=r"'org/m' at http://a/v1 has no chat template .*prompts: completion"):
        refusals().read(reply(status, TEMPLATE), WHERE)


def test_an_option_for_the_template_is_another_matter() -> None:
    found = refusals().read(reply(400, "Extra inputs are not permitted: chat_template_kwargs"), WHERE)
    assert isinstance(found, Completion)
    assert "refused by the server" in str(found.failure)


def test_too_long_is_one_request_and_never_counts_as_refusing_all() -> None:
    mine = refusals()
    for _ in range(ALL_REFUSED + 1):
        found = mine.read(reply(400, "This model's maximum context length is 2048 tokens."), WHERE)
        assert isinstance(found, Completion)
        assert str(found.failure).startswith("too long a prompt for 'org/m': This model's")


def test_who_refuses_all_stops_and_who_has_answered_does_not() -> None:
    mine, other = refusals(), refusals()
    other.answered = 1
    for _ in range(ALL_REFUSED - 1):
        mine.read(reply(422, "no top_a"), WHERE)
    with pytest.raises(ModelError, match="refused each of the first 5 requests"):
        mine.read(reply(422, "no top_a"), WHERE)
    for _ in range(2 * ALL_REFUSED):
        assert isinstance(other.read(reply(422, "no top_a"), WHERE), Completion)


@pytest.mark.parametrize("status", [402, 429])
def test_an_empty_purse_stops(status: int) -> None:
    with pytest.raises(ModelError, match="wants to be paid first"):
        refusals().read(reply(status, "quota", code="insufficient_quota"), WHERE)


def test_a_redirect_is_not_followed_and_a_repeated_key_not_quoted() -> None:
    with pytest.raises(ModelError, match="sends us on to 'http://b/v1'"):
        refusals().read(reply(308, head="Location: http://b/v1\r\n"), WHERE)
    with pytest.raises(ModelError) as caught:
        refusals(key="sesame", key_env="KEY").read(reply(401, "bad key sesame"), WHERE)
    assert "sesame" not in str(caught.value)

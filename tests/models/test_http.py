from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.models.asked import place
from textsynth.core.errors import ModelError, RecipeError
from textsynth.models.http import Http


def http(**more: object) -> Http:
    return Http.model_validate({"base_url": "http://127.0.0.1:1/v1", "model": "small", **more})


def test_identity_is_the_name_and_what_shapes_answers_but_no_address_and_no_key() -> None:
    plain = http()
    assert plain.identity == "small"
    assert http(base_url="https://other/v1", api_key_env="KEY", concurrency=1, retries=0).identity == "small"
    changed = {http(extra_body={"top_a": 1}).identity, http(extra_body={"top_a": 2}).identity, http(response_format=False).identity}
    assert len(changed | {"small"}) == 4


def test_identity_tells_revision_adapter_and_thinking_where_they_are_set() -> None:
    assert http(revision="abc123", adapter="tickets").identity == "small@abc123+adapter:tickets"
    assert http(thinking={"max_tokens": 100}).identity != http(thinking={"max_tokens": 200}).identity
    assert http(server="vllm").identity == "small"
    assert http(engine="vllm-0.32").identity != "small"


def test_servers_are_those_of_the_recipe_or_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert Http(model="small").addresses == ("http://127.0.0.1:9/v1",)
    assert Http(model="small", base_urls=("http://a", "http://b")).addresses == ("http://a", "http://b")
    assert http(base_urls=("http://b",)).addresses == ("http://127.0.0.1:1/v1", "http://b")
    assert http(base_urls=("http://b",)).identity == "small"


def test_the_form_of_prompts_can_be_chosen() -> None:
    assert (http().prompt_mode, http(mode="completion").prompt_mode) == ("chat", "completion")


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert Http(model="small").base_url == "http://127.0.0.1:9/v1"
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(RecipeError, match="base_url is missing"):
        Http(model="small")


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "localhost:8000"},
        {"concurrency": 0},
        {"concurrency": "many"},
        {"base_urls": ("ftp://a",)},
        {"base_urls": ("http://127.0.0.1:1/v1",)},
        {"timeout_seconds": 0},
        {"model": ""},
        {"retries": -1},
        {"key": "x"},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        http(**wrong)


def test_a_named_key_must_be_set_and_look_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ModelError, match="key_env names 'MY_KEY', which is not set"):
        http(api_key_env="MY_KEY").open(place())
    monkeypatch.setenv("MY_KEY", "sec\nret")
    with pytest.raises(ModelError, match="holds characters no key has") as caught:
        http(api_key_env="MY_KEY").open(place())
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("written", ["sk-ant-sesame", "Bearer sesame", "", "1SESAME"])
def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(RecipeError, match="key_env is the name of an environment variable") as caught:
        Http(base_url="http://127.0.0.1:1/v1", model="small", api_key_env=written)
    assert not written or written not in str(caught.value)


def test_a_key_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame-123")
    model = http(api_key_env="MY_KEY").open(place())
    assert "sesame" not in repr(vars(model)) + repr(http(api_key_env="MY_KEY"))

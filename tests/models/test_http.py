"""The options of `http`: identity, addresses, and keys from the environment."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.models.model_calls import runtime
from textsynth.core.errors import ModelError, RecipeError
from textsynth.models.http import Http


def http(**options: object) -> Http:
    return Http.model_validate({"base_url": "http://127.0.0.1:1/v1", "model": "small", **options})


def test_the_identity_has_the_options_that_change_answers_but_no_address_and_no_key() -> None:
    assert http().identity == "small"
    unchanged = http(base_url="https://other/v1", api_key_env="KEY", concurrency=1, retries=0, server="vllm")
    assert unchanged.identity == "small"
    changed = [http(extra_body={"top_a": 1}), http(extra_body={"top_a": 2}), http(response_format=False)]
    assert len({options.identity for options in changed} | {"small"}) == 4


def test_the_identity_has_revision_adapter_thinking_and_engine_where_they_are_set() -> None:
    assert http(revision="abc123", adapter="tickets").identity == "small@abc123+adapter:tickets"
    assert http(thinking={"max_tokens": 100}).identity != http(thinking={"max_tokens": 200}).identity
    assert http(engine="vllm-0.32").identity != "small"


def test_addresses_are_those_of_the_recipe_or_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert Http(model="small").addresses == ("http://127.0.0.1:9/v1",)
    assert Http(model="small", base_urls=("http://a", "http://b")).addresses == ("http://a", "http://b")
    assert http(base_urls=("http://b",)).addresses == ("http://127.0.0.1:1/v1", "http://b")
    assert http(base_urls=("http://b",)).identity == "small"


def test_a_missing_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(RecipeError, match="base_url is missing and OPENAI_BASE_URL is not set"):
        Http(model="small")


def test_the_form_of_prompts_can_be_chosen() -> None:
    assert (http().prompt_mode, http(mode="completion").prompt_mode) == ("chat", "completion")


@pytest.mark.parametrize(
    "options",
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
def test_invalid_options_are_rejected(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        http(**options)


def test_the_key_must_be_set_and_printable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ModelError, match="'MY_KEY', which api_key_env names, is not set"):
        http(api_key_env="MY_KEY").open(runtime())
    monkeypatch.setenv("MY_KEY", "sec\nret")
    with pytest.raises(ModelError, match="has characters that a key cannot have") as caught:
        http(api_key_env="MY_KEY").open(runtime())
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("value", ["sk-ant-sesame", "Bearer sesame", "", "1SESAME"])
def test_a_key_in_place_of_its_variable_is_rejected_and_not_repeated(value: str) -> None:
    with pytest.raises(RecipeError, match="api_key_env must be the name of an environment variable") as caught:
        Http(base_url="http://127.0.0.1:1/v1", model="small", api_key_env=value)
    assert not value or value not in str(caught.value)


def test_the_key_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame-123")
    model = http(api_key_env="MY_KEY").open(runtime())
    assert "sesame" not in repr(vars(model)) + repr(http(api_key_env="MY_KEY"))

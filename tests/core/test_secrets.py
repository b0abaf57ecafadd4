"""What counts as a secret, and what stands in its place."""

from __future__ import annotations

import pytest

from textsynth.core.secrets import RecipeSecrets, is_key_like, looks_random, redact_address, redact_message


@pytest.mark.parametrize(
    "name",
    ["api_key", "API_KEY", "AWS_SECRET_ACCESS_KEY", "VLLM_KEY", "HF_TOKEN", "OPENAI_TOKEN", "db_password", "auth",
     "Authorization", "private_key", "X-Api-Key", "token"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_key_like(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "stop_token_ids", "tokenizer", "tokens", "model", "keyboard", "private", "monkey", "top_k"]
)
def test_names_of_ordinary_options(name: str) -> None:
    assert not is_key_like(name)


def test_values_that_look_random() -> None:
    assert looks_random("a8Jd93kdL20sk")
    assert not looks_random("my shop in 2024 sells")
    assert not looks_random("refund")


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("http://usr:pw@h:1/v1?key=x&b=c", "http://***@h:1/v1?***"),
        ("http://usr@[::1/v1", "http://***@[::1/v1"),
        ("https://h/v1", "https://h/v1"),
        ("see https://h/v1?a=b, then", "see https://h/v1?*** then"),
    ],
)
def test_an_address_without_user_and_query(url: str, clean: str) -> None:
    assert redact_address(url) == clean


def test_short_values_are_replaced_as_whole_words_only() -> None:
    secrets = RecipeSecrets()
    secrets.add_secret("hunt")
    assert secrets.redact("to hunt a hunter: hunt!") == "to (hidden) a hunter: (hidden)!"


def test_an_ordinary_variable_is_hidden_in_metadata_and_not_in_the_texts_of_a_model() -> None:
    secrets = RecipeSecrets(literal="labels: {delivery: late}")
    secrets.add_variable("TOPIC", "parcels")
    secrets.add_variable("LABEL", "delivery")  # the recipe spells it out
    secrets.add_variable("MY_KEY", "parcelkey")
    assert secrets.redact("parcels, delivery, parcelkey") == "${TOPIC}, delivery, ${MY_KEY}"
    assert secrets.redact_answer("parcels, delivery, parcelkey") == "parcels, delivery, ${MY_KEY}"


def test_words_that_many_options_have_are_no_secrets() -> None:
    secrets = RecipeSecrets()
    for value in ("true", "auto", "0.1", "64"):
        secrets.add_option("api_key", value)
    assert secrets.redact("true auto 0.1 64") == "true auto 0.1 64"


def test_a_password_is_hidden_in_any_form() -> None:
    secrets = RecipeSecrets()
    secrets.add_address("http://usr:p%40ssword@h/v1?api-key=qu%20ery1")
    assert secrets.redact("p@ssword p%40ssword qu ery1 qu%20ery1") == "(hidden) (hidden) (hidden) (hidden)"


def test_the_value_of_a_variable_with_the_name_of_a_key_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "value-of-my-token")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/user/agent")
    assert redact_message("failed: value-of-my-token") == "failed: ${MY_TOKEN}"
    assert redact_message("no file /run/user/agent") == "no file /run/user/agent"

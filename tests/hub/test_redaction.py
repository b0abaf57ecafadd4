from __future__ import annotations

from typing import Any

import pytest

from tests.growth import assert_linear_growth
from textsynth.core.errors import UsageError
from textsynth.core.secrets import redact_address
from textsynth.hub.redaction import Redactor, has_key, looks_secret, refuse_secrets

RECIPE = """\
# from /home/anna/notes.txt
sources:
  seeds: {rows: {path: /home/anna/bank data/seeds.csv}}
  test: {rows: {path: "/srv/test.csv"}}
  raw: C:\\Users\\anna\\raw.csv
models: {generator: {http: {base_url: "http://localhost:8000/v1", model: Qwen/Qwen3-8B}}}
generate: [labelled: {domain: letters and/or notes to a shop}]
"""
MANIFEST: dict[str, Any] = {
    "recipe": {"path": "../../../home/anna/tickets.yaml", "text": RECIPE, "sets": ["sources.test=/srv/test.csv"]},
    "models": ["/models/own@12ab"],
    "notes": ["kept as 24/7", "1 / 2"],
}


@pytest.fixture
def redactor() -> Redactor:
    return Redactor.for_run(RECIPE, MANIFEST)


def test_absolute_paths_become_names(redactor: Redactor) -> None:
    text = redactor.redact(RECIPE)
    assert "anna" not in text.replace("bank data", "")
    assert 'path: "test.csv"' in text
    assert "raw: raw.csv" in text
    assert "# from notes.txt" in text


def test_everything_else_stays(redactor: Redactor) -> None:
    text = redactor.redact(RECIPE)
    for part in ("http://localhost:8000/v1", "Qwen/Qwen3-8B", "and/or notes"):
        assert part in text
    assert redactor.redact_json(MANIFEST["notes"]) == MANIFEST["notes"]


def test_paths_are_redacted_in_json_and_in_cards_with_markdown_escapes(redactor: Redactor) -> None:
    assert redactor.redact_json(MANIFEST)["models"] == ["own@12ab"]
    assert redactor.redact_json(MANIFEST)["recipe"]["sets"] == ["sources.test=test.csv"]
    manifest: Any = {"recipe": {}}
    redactor = Redactor.for_run("a: /data_of/my-team/x.csv", manifest)
    assert redactor.redact_card(r"- Source: /data\_of/my\-team/x.csv") == "- Source: x.csv"


@pytest.mark.parametrize("key", ["hf_" + "a1" * 17, "sk-" + "b2" * 20, "AKIA" + "Q7" * 8])
def test_secrets_are_recognized_by_their_form(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_secrets({"recipe.yaml": f"key: {key}\n"})
    assert str(caught.value).startswith("recipe.yaml: contains a secret key or token, so nothing is pushed")
    assert key not in str(caught.value)


def test_secrets_of_the_environment_are_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "correct-horse-battery")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    refuse_secrets({"README.md": "abc"})
    with pytest.raises(UsageError, match=r"README\.md: contains the value of ACME_API_KEY, so nothing is pushed"):
        refuse_secrets({"README.md": "x correct-horse-battery y"})


@pytest.mark.parametrize(
    "flood", ["a", "a.", "a://", "x://y", "eyJ-", "eyJhbGciOiJI.", "sk_", "http://h/p", "@", "-----BEGIN "]
)
def test_the_search_for_secrets_grows_linearly(flood: str) -> None:
    small, large = (flood * (characters // len(flood)) for characters in (3_000, 120_000))
    assert_linear_growth(looks_secret, small, large)
    assert_linear_growth(redact_address, small, large)


def test_addresses_with_a_user_or_a_query_are_found() -> None:
    assert looks_secret("see http://usr:word@host/v1 for it")
    assert not looks_secret("see http://host/v1@2 and a@b.example")
    assert redact_address("at https://h/v1?key=abc, (ftp://h/x?k=v)") == "at https://h/v1?*** (ftp://h/x?***)"
    assert redact_address("http://proxy/http://usr@h/v1?key=abc") == "http://proxy/http://***@h/v1?***"
    token = f"eyJ{'a1' * 8}.eyJ{'b2' * 8}.c3c3c3"
    assert has_key(f"token={token}")

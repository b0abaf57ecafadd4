from __future__ import annotations

from typing import Any

import pytest

from textsynth.core.errors import UsageError
from textsynth.hub.redaction import Redactor, refuse_keys

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


def withheld() -> Redactor:
    return Redactor.of(RECIPE, MANIFEST)


def test_places_of_this_machine_become_names() -> None:
    told = withheld().out_of(RECIPE)
    assert "anna" not in told.replace("bank data", "")
    assert 'path: "test.csv"' in told
    assert "raw: raw.csv" in told
    assert "# from notes.txt" in told


def test_what_is_no_place_stays() -> None:
    told = withheld().out_of(RECIPE)
    for whole in ("http://localhost:8000/v1", "Qwen/Qwen3-8B", "and/or notes"):
        assert whole in told
    assert withheld().out_of_json(MANIFEST["notes"]) == MANIFEST["notes"]


def test_they_go_out_of_json_and_out_of_a_card_where_they_are_escaped() -> None:
    assert withheld().out_of_json(MANIFEST)["models"] == ["own@12ab"]
    assert withheld().out_of_json(MANIFEST)["recipe"]["sets"] == ["sources.test=test.csv"]
    one = Redactor.of("a: /data_of/my-team/x.csv", {"recipe": {}})
    assert one.out_of_card(r"- Source: /data\_of/my\-team/x.csv") == "- Source: x.csv"


@pytest.mark.parametrize("key", ["hf_" + "a1" * 17, "sk-" + "b2" * 20, "AKIA" + "Q7" * 8])
def test_keys_are_known_by_their_form(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_keys({"recipe.yaml": f"key: {key}\n"})
    assert str(caught.value).startswith("recipe.yaml: holds a key, so nothing is pushed")
    assert key not in str(caught.value)


def test_and_by_being_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "correct-horse-battery")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    refuse_keys({"README.md": "abc"})
    with pytest.raises(UsageError, match=r"README\.md: holds the value of ACME_API_KEY, so nothing is pushed"):
        refuse_keys({"README.md": "x correct-horse-battery y"})

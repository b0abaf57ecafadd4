from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import textsynth as ts
from tests.contexts import context
from textsynth.core.errors import MissingExtra, RecipeError, UsageError
from textsynth.core.records import GenerationRequest, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.grammar import Grammar
from textsynth.recipe import read_recipe
from textsynth.runner.estimate import estimate

RULES: dict[str, Any] = {
    "refund": ["please refund the {item}{time}", "I want {amount} back for the {item}"],
    "delivery": ["where is my {item}{time}?", {"text": "the {item} is late", "weight": 2}],
}
SLOTS: dict[str, Any] = {
    "item": ["lamp", "{colour} chair", "tent"],
    "colour": ["blue", "red"],
    "time": ["", " today", " this week"],
    "amount": ["20 euros", "all"],
}
# refund: 4 · 3 + 2 · 4, delivery: 4 · 3 + 4
REFUNDS, DELIVERIES = 20, 16


def start(**options: Any) -> GeneratorSession:
    return Grammar(rules=RULES, slots=SLOTS, **options).start(context(), "grammar")


def records_of(session: GeneratorSession, requests: list[GenerationRequest]) -> list[Record]:
    parsed = [record for request in requests for record in session.parse_response(request, "", None)]
    records = [record for record in parsed if isinstance(record, Record)]
    assert len(records) == len(parsed)
    return records


def deficits(**missing: int) -> list[QuotaDeficit]:
    return [QuotaDeficit({"label": label}, number) for label, number in missing.items()]


def test_as_many_texts_are_written_as_a_label_lacks_each_once() -> None:
    session = start()
    requests = session.plan_requests(deficits(refund=6, delivery=3), 10)
    assert [(request.labels, request.candidates, request.prompt) for request in requests] == [
        (("refund",), 6, None),
        (("delivery",), 3, None),
    ]
    records = records_of(session, requests)
    records += records_of(session, session.plan_requests(deficits(refund=100, delivery=100), 10))
    assert len({record.text for record in records}) == len(records) == REFUNDS + DELIVERIES
    assert len({record.id for record in records}) == len(records)
    assert session.plan_requests(deficits(refund=1, delivery=1), 10) == []


def test_the_spans_of_a_record_are_json_values_with_exact_positions() -> None:
    session = start()
    for record in records_of(session, session.plan_requests(deficits(refund=REFUNDS), 10)):
        spans = record.fields["spans"]
        assert isinstance(spans, list)
        assert [record.text[span["start"] : span["end"]] for span in spans if span["slot"] == "colour"] == [
            colour for colour in ("blue", "red") if colour in record.text
        ]


def test_a_total_is_spread_over_the_labels_and_a_quota_by_attribute_is_left_to_others() -> None:
    session = start()
    records = records_of(session, session.plan_requests([QuotaDeficit({}, 5)], 10))
    assert sorted(record.label or "" for record in records) == ["delivery"] * 2 + ["refund"] * 3
    assert session.plan_requests([QuotaDeficit({"tone": "calm"}, 5)], 10) == []
    assert session.plan_requests(deficits(praise=5), 10) == []


def test_without_a_quota_each_label_gets_at_most_max_texts() -> None:
    session = start(max_texts=7)
    everything = [QuotaDeficit({}, 10**9, single_pass=True)]
    records = records_of(session, session.plan_requests(everything, 10))
    assert [record.label for record in records] == ["refund"] * 7 + ["delivery"] * 7
    assert session.plan_requests(everything, 10) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": {}}, "rules"),
        ({"rules": {"refund": []}}, "not empty"),
        ({"rules": {"refund": ["my {item}"]}}, "uses the slot 'item'"),
        ({"rules": {"refund": [{"text": "x", "weight": 0}]}}, "above 0"),
    ],
)
def test_options_that_cannot_write_a_text_are_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Grammar(**options)


def test_faker_missing_is_one_sentence_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    step = Grammar(rules={"refund": ["I am {name}"]}, slots={"name": {"faker": "first_name"}})
    with pytest.raises((MissingExtra, ValueError), match=r"textsynth\[faker\]|faker.__spec__"):
        step.check_dependencies()


def test_providers_of_faker_give_the_same_texts_for_the_same_seed() -> None:
    pytest.importorskip("faker", reason="the slots of Faker need pip install 'textsynth[faker]'")
    slots = {"name": {"faker": "first_name"}, "city": {"faker": "city", "locale": "de_DE"}}
    step = Grammar(rules={"refund": ["I am {name} from {city}"]}, slots=slots)
    plans = [step.start(context(), "grammar").plan_requests(deficits(refund=30), 5) for _ in range(2)]
    assert plans[0] == plans[1]
    assert len({record.text for record in plans[0][0].records}) == 30
    for slot, message in (
        ({"faker": "fist_name"}, "did you mean 'first_name'"),
        ({"faker": "x", "locale": "q"}, "locale"),
    ):
        with pytest.raises(UsageError, match=message):
            Grammar(rules={"refund": ["{a}"]}, slots={"a": slot}).start(context(), "grammar")


RECIPE = """\
name: grammar
labels: {refund: asks for money back, delivery: asks where a parcel is}
generate:
  - grammar:
      rules:
        refund: ["refund the {item} please", "I want money for the {item}"]
        delivery: ["where is my {item}", "the {item} is late"]
      slots: {item: [lamp, tent, chair, desk, rug]}
filter: [length]
select: []
want: {label: 8}
"""


def test_a_run_meets_the_quota_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run = ts.run(tmp_path / "recipe.yaml", out=tmp_path / "run", quiet=True)
    assert run.met
    assert run.manifest["requests"] == {"planned": 0, "sent": 0, "from_journal": 0, "failed": 0}
    card = (tmp_path / "run" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "The texts are written by the rules of a grammar, and checked with TextSynth." in card
    assert "The labels are those of the rules." in card
    spans = run.provenance[0]["attributes"]
    assert '"slot": "item"' in spans


def test_a_quota_above_the_number_of_derivations_is_reported(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("label: 8", "label: 12"), encoding="utf-8")
    recipe = read_recipe(tmp_path / "recipe.yaml")
    plan = estimate(recipe)
    assert (plan.texts, plan.requests.high) == (24, 0)
    assert "grammar has 10 derivations for refund, the fewest of all labels" in plan.notes
    run = ts.run(recipe, out=tmp_path / "run", quiet=True)
    assert [(row["selected"], row["missing"]) for row in run.manifest["quota"]] == [(10, 2), (10, 2)]


def test_a_label_that_the_recipe_does_not_list_is_an_issue(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("refund: [", "refnd: ["), encoding="utf-8")
    with pytest.raises(RecipeError, match="grammar names 'refnd', which `labels` does not list; did you mean 'refund'"):
        read_recipe(tmp_path / "recipe.yaml")

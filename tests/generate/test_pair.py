"""The generator `pair`: labelled pairs of texts, read from JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contexts import context
from textsynth.core.errors import RecipeError
from textsynth.core.records import Completion, DroppedRecord, Provenance, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.pair import Pair
from textsynth.recipe import read_recipe
from textsynth.task import Pairs

LABELS = {"same": "both texts are about one thing", "other": "about two things"}
SEEDS = [
    Record(f'{label} first "{number}"', Provenance("seeds"), (label,), {"text_b": f"{label} second {number} ä"})
    for label in LABELS
    for number in range(5)
]
ANSWER = {"pairs": [{"text_a": "one", "text_b": "two"}, {"text_a": "three", "text_b": "four"}]}


def start(form: str = "chat", **options: object) -> GeneratorSession:
    step = Pair.model_validate({"source": "seeds", **options})
    return step.start(context(sources={"seeds": SEEDS}, labels=LABELS, form=form, task=Pairs()), "pair")


def deficits(candidates: int = 10) -> list[QuotaDeficit]:
    return [QuotaDeficit({"label": label}, candidates) for label in LABELS]


@pytest.mark.parametrize("form", ["chat", "completion"])
def test_a_prompt_shows_seed_pairs_of_its_label_and_fold_as_json(form: str) -> None:
    seed_by_id, folds = {seed.id: seed for seed in SEEDS}, assign_folds(SEEDS)
    for request in start(form, shots=2).plan_requests(deficits(), 4):
        assert request.prompt is not None
        prompt = request.prompt.text or request.prompt.messages[-1].content
        shown = [seed_by_id[id_] for id_ in request.example_ids]
        assert len(shown) == 2
        assert len({folds[seed.id] for seed in shown}) == 1
        for seed in SEEDS:
            line = json.dumps({"text_a": seed.text, "text_b": seed.field_text("text_b")}, ensure_ascii=False)
            assert (line in prompt) == (seed in shown)
        assert request.labels[0] in (seed.label for seed in shown)
        assert request.constraint is not None
        assert request.constraint.kind == "json"


def test_contrast_pairs_and_accepted_pairs_are_shown_too() -> None:
    session = start(contrast_labels=1, show_accepted=1)
    (request, *_) = session.plan_requests(deficits(), 2)
    accepted = Record("old", Provenance("pair", example_ids=request.example_ids), request.labels, {"text_b": "pair"})
    session.observe_accepted([accepted])
    requests = session.plan_requests(deficits(60), 20)
    prompts = [request.prompt.messages[-1].content for request in requests if request.prompt is not None]
    assert all("Other labels, which your pairs must not fit:" in prompt for prompt in prompts)
    assert any('{"text_a": "old", "text_b": "pair"}' in prompt for prompt in prompts)


def test_an_answer_gives_pairs_with_the_requested_label() -> None:
    session = start()
    (request, *_) = session.plan_requests(deficits(), 1)
    records = session.parse_response(request, "key", Completion(f"```json\n{json.dumps(ANSWER)}\n```"))
    assert [(record.text, record.fields, record.labels) for record in records if isinstance(record, Record)] == [
        ("one", {"text_b": "two"}, request.labels),
        ("three", {"text_b": "four"}, request.labels),
    ]
    assert session.parse_response(request, "key", None) == []


def test_a_completion_model_writes_one_pair_an_answer() -> None:
    session = start("completion")
    (request, *_) = session.plan_requests(deficits(), 1)
    assert request.sampling.stop == ("\n",)
    (record,) = session.parse_response(request, "key", Completion(json.dumps(ANSWER["pairs"][0])))
    assert isinstance(record, Record)
    assert (record.text, record.fields["text_b"]) == ("one", "two")


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ({"text_a": "one"}, "text_b"),
        ({"text_a": "one", "text_b": ""}, "the field 'text_b' of an item of the answer is empty"),
        ({"text_a": "one", "text_b": ["two"]}, "the answer has no text for the field 'text_b'"),
        ({"text_a": "", "text_b": "two"}, "an item of the answer is empty"),
    ],
)
def test_a_pair_that_lacks_a_text_is_dropped(pair: dict[str, object], reason: str) -> None:
    session = start()
    (request, *_) = session.plan_requests(deficits(), 1)
    answer = {"pairs": [pair, ANSWER["pairs"][0]]}
    drops = [
        entry
        for entry in session.parse_response(request, "key", Completion(json.dumps(answer)))
        if isinstance(entry, DroppedRecord)
    ]
    assert [drop.section for drop in drops] == ["parse"]
    assert reason in drops[0].reason


def test_an_attribute_is_not_called_like_a_text_of_the_pair() -> None:
    with pytest.raises(RecipeError, match="an attribute cannot be called 'text_b', the name of a text of the pair"):
        Pair(attributes={"text_b": ["x"]})
    assert Pair(attributes={"tone": ["plain"]}).varied_attributes == {"tone": ("plain",)}


RECIPE = """\
task: pairs
labels: {same: one thing, other: two things}
models: {generator: {scripted: {answers: ["[]"]}}}
sources: {seeds: seeds.csv}
generate: [GENERATE]
"""
PROMPT = """\
---
description: Writes pairs.
variables: {label: the label}
answer: ANSWER
---
{% chat role="user" %}
Write about {{ label }}.
{% endchat %}
"""


@pytest.mark.parametrize(
    ("generate", "answer", "is_valid"),
    [
        ("pair: {source: seeds}", "list", True),
        ("pair: {source: seeds, prompt: own}", '{json: {texts: "[].text", fields: [text_b]}}', True),
        ("pair: {source: seeds, prompt: own}", '{regex: {pattern: "(?P<text>.+) / (?P<text_b>.+)"}}', True),
        ("pair: {source: seeds, prompt: own}", "list", False),
        ("labelled: {source: seeds, prompt: own}", '{json: {texts: "[].text", fields: [text_b]}}', True),
        ("labelled: {source: seeds}", "list", False),
        ("existing: {source: seeds}", "list", True),
    ],
)
def test_the_answer_of_the_prompt_must_give_the_second_text(
    generate: str, answer: str, is_valid: bool, tmp_path: Path
) -> None:
    (tmp_path / "seeds.csv").write_text("text_a,text_b,label\none,two,same\n")
    (tmp_path / "own.jinja").write_text(PROMPT.replace("ANSWER", answer))
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("GENERATE", generate))
    if is_valid:
        read_recipe(tmp_path / "recipe.yaml")
    else:
        with pytest.raises(RecipeError, match="writes no 'text_b', which fills the column 'text_b' of the task pairs"):
            read_recipe(tmp_path / "recipe.yaml")

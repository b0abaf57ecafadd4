"""References to sources, models and prompts, wherever they are in the options of a step."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.core.errors import RecipeError
from textsynth.core.options import ModelName, Options, SourceName
from textsynth.recipe import read_recipe
from textsynth.recipe.references import references_in

PROMPT = """\
---
description: says hello
variables: {greeting: how to greet, tone: the voice, end: the end}
answer: text
---
{% chat role="user" %}Say {{ greeting }} in a {{ tone }} voice{{ end }}.{% endchat %}
"""
SPEAKER = '''\
"""Speaks."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import PromptName
from textsynth.core.protocols import PromptedGenerator


class Speaker(PromptedGenerator):
    """Speaks."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset({"greeting", "ending"})
    prompt: PromptName = Field("hello", description="the prompt")
    attributes: dict[str, tuple[str, ...]] = Field({}, description="attributes")

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The attributes."""
        return self.attributes

    def start(self, context, name):
        raise NotImplementedError
'''


class Inner(Options):
    source: SourceName = "inner"


class WithReferences(Options):
    plain: SourceName = "plain"
    optional: SourceName | None = None
    several: tuple[SourceName, ...] = ("one", "two")
    by_name: dict[str, SourceName] = Field({"a": "mapped"})
    inner: Inner = Inner()
    either: SourceName | tuple[SourceName, ...] = ("three",)
    model: ModelName = "generator"
    with_: SourceName = "aliased"
    text: str = "no reference"


def test_references_are_found_in_lists_maps_unions_and_nested_options() -> None:
    assert list(references_in(WithReferences(), "source")) == [
        ("plain", "plain"),
        ("several", "one"),
        ("several", "two"),
        ("by_name", "mapped"),
        ("inner", "inner"),
        ("either", "three"),
        ("with", "aliased"),
    ]
    assert list(references_in(WithReferences(), "model")) == [("model", "generator")]


def test_a_source_that_does_not_exist_is_an_issue(tmp_path: Path) -> None:
    text = "sources: {seedz: seeds.csv}\ngenerate:\n  - existing: {source: seeds}\n  - existing\nfilter: []\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(tmp_path, "models: {generator: {scripted: {answers: [a]}}}\n" + text))
    assert [str(issue).rpartition("recipe.yaml:")[2] for issue in caught.value.issues] == [
        "4: existing.source is 'seeds', but sources has no 'seeds'; did you mean 'seedz'?",
        "5: existing.source is 'raw' (the default), but sources has no 'raw'; there are: seedz",
    ]


def write_speaker_recipe(folder: Path, prompt: str, fields: str = "{}") -> Path:
    path = write_recipe(
        folder, RECIPE.replace("./writer.py: {attributes: {tone: [plain, angry]}}", f"./speaker.py: {fields}")
    )
    (folder / "speaker.py").write_text(SPEAKER, encoding="utf-8")
    (folder / "hello.jinja").write_text(prompt, encoding="utf-8")
    path.write_text(path.read_text().replace(", label*tone: 1", ""))
    return path


def test_a_prompt_may_use_only_variables_that_its_step_offers(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_speaker_recipe(tmp_path, PROMPT))
    assert [issue.where for issue in caught.value.issues] == [f"{tmp_path / 'recipe.yaml'}:13"] * 2
    first, second = (issue.sentence for issue in caught.value.issues)
    assert first.startswith("./speaker.py.prompt: the template")
    assert str(tmp_path / "hello.jinja") in first
    assert "uses 'end', which ./speaker.py does not offer; did you mean 'ending'?" in first
    assert "uses 'tone', which ./speaker.py does not offer" in second


def test_mistakes_of_the_front_matter_and_unknown_variables_are_reported_together(tmp_path: Path) -> None:
    prompt = "---\ndescrption: x\nanswer: lst\n---\n{% chat role='user' %}{{ tone }}{% endchat %}\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_speaker_recipe(tmp_path, prompt))
    sentences = [issue.sentence for issue in caught.value.issues]
    assert len(sentences) == 3
    for words in (
        "no field 'descrption'",
        "no answer reader 'lst'",
        "the template uses 'tone', which ./speaker.py does",
    ):
        assert any(words in sentence for sentence in sentences)


def test_the_attributes_of_a_generator_are_offered_too(tmp_path: Path) -> None:
    path = write_speaker_recipe(
        tmp_path, PROMPT.replace("{{ end }}", "").replace(", end: the end", ""), "{attributes: {tone: [low]}}"
    )
    assert read_recipe(path).generate[0].name == "./speaker.py"


def test_a_prompt_that_does_not_exist_or_cannot_be_read_is_an_issue(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.yaml:13: \./speaker\.py\.prompt: .*helo.*"):
        read_recipe(write_speaker_recipe(tmp_path, PROMPT, "{prompt: helo}"))
    with pytest.raises(RecipeError, match=r"recipe\.yaml:13: \./speaker\.py\.prompt: .*hello\.jinja"):
        read_recipe(write_speaker_recipe(tmp_path, PROMPT.replace("endchat", "endchart")))

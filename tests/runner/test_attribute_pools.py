from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from textsynth.core.errors import UsageError
from textsynth.recipe import read_recipe
from textsynth.runner.attribute_pools import write_attribute_pools

ANSWERS = """\
def answer(request):
    prompt = request.prompt.messages[-1].content
    if "nothing" in prompt:
        return "1. " + "word " * 30
    topic = "a broken lamp" if "refund" in prompt else "yes"
    return f"1. {topic}\\n2. {topic.upper()}.\\n3. cost: ${{PRICE}}"
"""
RECIPE = """\
name: shop
labels: {refund: asks for money back, "no": refuses it}
models: {generator: {scripted: {function: "./answers.py:answer"}}}
generate: [labelled: {domain: messages to a shop}]
filter: [exact_duplicate]
"""


def write(folder: Path, text: str = RECIPE) -> Path:
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_values_of_each_label_are_written_once_and_work_in_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path)
    pools = write_attribute_pools(read_recipe(path), ["topic", "writer"])
    assert pools.sentence.startswith("8 values listed")
    section = yaml.safe_load(pools.file.read_text(encoding="utf-8"))["attributes"]
    assert section["topic"]["values"] == {
        "refund": ["a broken lamp", "cost: {PRICE}"],
        "no": ["yes", "cost: {PRICE}"],
    }
    text = pools.file.read_text(encoding="utf-8").split("attributes:\n", 1)[1]
    indented = "".join(f"      {line}\n" for line in text.splitlines())
    step = f"generate:\n  - labelled:\n      attributes:\n{indented}"
    recipe = read_recipe(write(tmp_path, RECIPE.replace("generate: [labelled: {domain: messages to a shop}]\n", step)))
    assert recipe.generate[0].step.can_write({"topic": "yes", "label": "no"}, list(recipe.labels))
    assert not recipe.generate[0].step.can_write({"topic": "yes", "label": "refund"}, list(recipe.labels))


@pytest.mark.parametrize(
    ("names", "sentence"), [([""], "takes names of attributes"), (["nothing"], "listed no value of 'nothing'")]
)
def test_names_that_give_no_values_are_a_sentence_and_write_nothing(
    tmp_path: Path, names: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        write_attribute_pools(read_recipe(write(tmp_path)), names)
    assert not (tmp_path / "attributes.yaml").exists()


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path))
    (tmp_path / "attributes.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already"):
        write_attribute_pools(recipe, ["topic"])
    assert (tmp_path / "attributes.yaml").read_text(encoding="utf-8") == "mine"

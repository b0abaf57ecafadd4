from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import assert_has_issue
from textsynth.recipe import read_recipe
from textsynth.runner.estimate import estimate
from textsynth.runner.quota import quota_cells

RECIPE = """\
name: shop
labels:
  delivery: asks where a parcel is
  refund: asks for money back
models: {generator: {scripted: {}}}
generate:
  - labelled:
      attributes:
        tone: {polite: 3, angry: 1}
        channel: [mail, chat]
        length:
          given: channel
          values: {mail: [a paragraph], chat: {a few words: 3, one line: 1}}
        topic:
          given: label
          values: {delivery: [late, lost], refund: [broken]}
      exclude:
        - {tone: angry, length: a paragraph}
filter: [exact_duplicate]
want: {label*tone: 2, label*topic: 1}
"""
EXCLUSION = "- {tone: angry, length: a paragraph}"


def write(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_quota_has_the_cells_that_can_occur(tmp_path: Path) -> None:
    cells = [tuple(cell.values.values()) for cell in quota_cells(read_recipe(write(tmp_path)), None)]
    topics = [("delivery", "late"), ("delivery", "lost"), ("refund", "broken")]
    assert cells[4:] == topics
    assert len(cells) == 7


def test_the_estimate_says_how_many_combinations_can_occur(tmp_path: Path) -> None:
    notes = estimate(read_recipe(write(tmp_path))).notes
    assert "want.label*topic counts the 3 of 6 combinations that can occur" in notes
    assert not [note for note in notes if "label*tone" in note]


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("angry: 1}", "angry: x}", 9, "attributes.tone.angry takes a number (at least 0), found 'x'"),
        ("polite: 3, angry: 1", "polite: 0, angry: 0", 9, "attributes.tone: the weights sum to 0, so no value could"),
        ("given: channel", "given: chanel", 12, "neither label nor an attribute of this generator; did you mean 'ch"),
        ("values: {mail:", "values: {post: [x], mail:", 13, "values has 'post', which is no value of channel"),
        ("mail: [a paragraph], ", "", 13, "values lacks 'mail' of channel: add it, or add otherwise"),
        ("delivery: [late, lost], ", "delivry: [late],", 16, "has 'delivry', which is no label; did you mean"),
        ("tone: angry", "tone: angri", 18, "exclude has 'angri', which is no value of tone; did you mean 'angry'?"),
        ("{tone: angry", "{tune: angry", 18, "exclude has 'tune', which is neither label nor an attribute"),
        (EXCLUSION, "- {}", 18, "exclude has an empty map, which names no combination"),
        (
            EXCLUSION,
            "- {label: refund, channel: [mail, chat]}",
            17,
            "leaves no combination of attributes for the label",
        ),
        (EXCLUSION, "- {tone: angry, channel: [mail, chat]}", 20, "want.label*tone: no text can have tone 'angry'"),
        ("[mail, chat]", "{given: length, values: {x: [y]}}", 10, "channel → length → channel"),
    ],
)
def test_every_mistake_in_attributes_has_a_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, sentence: str
) -> None:
    assert old in RECIPE
    assert_has_issue(write(tmp_path, RECIPE.replace(old, new, 1)), line, sentence)

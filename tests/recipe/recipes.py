"""A small recipe with its own generator in a file, for tests that break it in one position."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.core.errors import RecipeError
from textsynth.recipe import read_recipe

RECIPE = """\
version: 1
name: bank
task: classification
labels:
  refund: asks for money back
  delay: asks where an order is
models:
  generator: {scripted: {answers: [hello]}}
  judge: generator
sources:
  seeds: {rows: {path: seeds.csv}}
generate:
  - ./writer.py: {attributes: {tone: [plain, angry]}}
filter:
  - length: {min_words: 3, max_words: 40}
  - exact_duplicate
select: []
want: {label: 5, label*tone: 1}
budget: {requests: 25k, tokens: 3M, minutes: 90}
export: {splits: {train: 0.9, validation: 0.1}}
"""
DESCRIPTION = "asks for money back"
LINE_AFTER = len(RECIPE.splitlines()) + 1
WRITER = '''\
"""Writes nothing.

Does not write.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from textsynth.core.options import ModelName
from textsynth.core.protocols import Generator


class Writer(Generator):
    """Writes nothing at all."""

    model: ModelName = Field("generator", description="the model")
    attributes: dict[str, tuple[str, ...]] = Field({}, description="attributes")
    times: int = Field(1, ge=1, le=9)
    scale: float = 1.0

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The attributes."""
        return self.attributes

    def start(self, context, name):
        raise NotImplementedError
'''


def write_recipe(folder: Path, text: str = RECIPE, name: str = "recipe.yaml") -> Path:
    """Write the recipe with its seeds and its own generator; return its path."""
    (folder / "seeds.csv").write_text("text,label\nmy money back please,refund\n", encoding="utf-8")
    (folder / "writer.py").write_text(WRITER, encoding="utf-8")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def assert_one_issue(folder: Path, old: str, new: str, line: int, phrases: list[str]) -> None:
    """Assert that the recipe with `new` in place of `old` has one issue, in `line`, whose sentence has the phrases.

    Where `old` is "", `new` is appended to the recipe.
    """
    assert old in RECIPE
    text = RECIPE.replace(old, new, 1) if old else RECIPE + new + "\n"
    path = write_recipe(folder, text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    (issue,) = caught.value.issues
    assert issue.where == f"{path}:{line}"
    for phrase in phrases:
        assert phrase in issue.sentence
    for jargon in ("Input should", "type=", "validation error", "Traceback"):
        assert jargon not in issue.sentence


def assert_has_issue(path: Path, line: int, sentence: str) -> None:
    """Assert that the recipe at `path` has an issue in `line` whose sentence contains `sentence`."""
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    issues = caught.value.issues
    assert any(issue.where == f"{path}:{line}" and sentence in issue.sentence for issue in issues), str(caught.value)

"""Pydantic's errors become our sentences, at the line of the value or key they speak of."""

from __future__ import annotations

import pytest
from pydantic import Field, model_validator

from textsynth.core.options import Options
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.validation_errors import validate
from textsynth.recipe.yaml_tree import YamlMap, parse_yaml


class Inner(Options):
    size: int
    names: dict[str, str] = Field({})


class Outer(Options):
    number: float = Field(0.5, gt=0)
    either: str | tuple[str, ...] = ""
    inner: Inner | None = None
    multi_label: tuple[Inner, ...] = ()
    source: str = Field("", max_length=5)
    low: int = 0
    high: int = 9

    @model_validator(mode="after")
    def _ordered(self) -> Outer:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


def issues_of(text: str) -> list[str]:
    issues = IssueCollector()
    node = parse_yaml(text, lambda line: Position(line, f"r:{line}"), issues)
    assert isinstance(node, YamlMap)
    checked = validate(Outer, node, "outer", {}, issues)
    assert (checked is None) is (len(issues) > 0)
    return [str(issue) for issue in issues.sorted_issues()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("{number: 1, either: [a], inner: {size: 1}, multi_label: [{size: 2}], source: abc}", []),
        ("number: 0", ["r:1: outer.number takes a number (above 0), found 0"]),
        ("low: 1\neither: 7", ['r:2: outer.either takes text or a list of texts, found 7: write "7" in quotes']),
        ("either: [a, true]", ['r:1: outer.either.1 takes text, found true: write "true" in quotes']),
        ("either: {a: b}", ["r:1: outer.either takes text or a list of texts, found a map of a"]),
        ("source: abcdef", ["r:1: outer.source takes text (at most 5 characters), found 'abcdef'"]),
        ("inner: {}", ["r:1: outer.inner needs 'size', which is a whole number"]),
        ("inner: {sze: 1}", ["r:1: outer.inner has no field 'sze'; did you mean 'size'?"]),
        ("inner: 3", ["r:1: outer.inner takes a map with the fields size, names, found 3"]),
        ("inner:\n  size: 1\n  names:\n    a: ~", ["r:4: outer.inner.names.a takes text, found ~"]),
        ("multi_label:\n  - size: 1\n  - {size: x}", ["r:3: outer.multi_label.1.size takes a whole number, found 'x'"]),
        ("low: 5\nhigh: 3", ["r:1: outer: low 5 is above high 3"]),
        ("hgh: 3", ["r:1: outer has no field 'hgh'; did you mean 'high'?"]),
    ],
)
def test_an_error_is_a_sentence(text: str, sentences: list[str]) -> None:
    assert issues_of(text) == sentences

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from textsynth import filter as filters
from textsynth import models
from textsynth.lazy import camel, snake
from textsynth.step import SECTIONS, find, item_names

PACKAGE = Path(__file__).parent.parent / "textsynth"


@pytest.mark.parametrize(("file", "cls"), [("near_duplicate", "NearDuplicate"), ("length", "Length")])
def test_the_class_is_named_like_the_file(file: str, cls: str) -> None:
    assert (camel(file), snake(cls)) == (cls, file)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_item_is_a_name_of_its_section(section: str) -> None:
    package = __import__(f"textsynth.{section}", fromlist=["x"])
    for name in item_names(section):
        assert getattr(package, camel(name)) is find(section, name)
        assert camel(name) in dir(package)


@pytest.mark.parametrize("section", SECTIONS)
def test_type_checkers_and_editors_see_every_item(section: str) -> None:
    """A new item works without this line; only with it do editors complete its name and its fields."""
    tree = ast.parse((PACKAGE / section / "__init__.py").read_text(encoding="utf-8"))
    seen = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in item_names(section):
        line = f"from textsynth.{section}.{name} import {camel(name)} as {camel(name)}"
        assert f"textsynth.{section}.{name}" in seen, f"textsynth/{section}/__init__.py lacks the line: {line}"


def test_what_is_no_item_is_refused_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"textsynth\.filter has no 'NearDuplicat'; did you mean 'NearDuplicate'"):
        _ = filters.NearDuplicat  # type: ignore[attr-defined]
    for name in ("near_dup", "NEARDUPLICATE", "Columns", "_private"):
        assert not hasattr(filters, name)
    assert not hasattr(models, "Wire")

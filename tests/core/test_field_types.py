from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from textsynth.core.field_types import describe_type, element_type, field_type, fields_of
from textsynth.core.options import Count, Options, SourceName


class Inner(Options):
    size: int = 1
    to: str = ""


class Types(Options):
    integer: int = 0
    number: float | None = Field(None, gt=0, le=1)
    count: Count | None = None
    positive_count: Count | None = Field(None, ge=1)
    text: str = Field("", min_length=1)
    short: str = Field("", min_length=2, max_length=9)
    formed: str = Field("a", pattern="^(a|b)$")
    truth: bool = False
    path: Path = Path()
    choice: Literal["drop", "review"] = "drop"
    texts: tuple[str, ...] = Field((), min_length=1)
    grid: dict[str, tuple[str, ...]] = Field({})
    limited: tuple[Annotated[int, Field(ge=2)], ...] = ()
    mixed: str | tuple[str, ...] = ""
    source: SourceName | None = None
    inner: Inner = Inner()
    anything: Any = None
    from_: str = Field("", alias="from")


@pytest.mark.parametrize(
    ("field", "description"),
    [
        ("integer", "a whole number"),
        ("number", "a number (above 0, at most 1)"),
        ("count", "a whole number such as 300, 25k or 3M (at least 0)"),
        ("positive_count", "a whole number such as 300, 25k or 3M (at least 1)"),
        ("text", "text (not empty)"),
        ("short", "text (at least 2 characters, at most 9 characters)"),
        ("formed", "text (of the form ^(a|b)$)"),
        ("truth", "true or false"),
        ("path", "a path"),
        ("choice", "'drop' or 'review'"),
        ("texts", "a list of texts (not empty)"),
        ("grid", "a map of names to lists of texts"),
        ("limited", "a list of whole numbers (at least 2)"),
        ("mixed", "text or a list of texts"),
        ("source", "the name of a source"),
        ("inner", "a map with the fields size, to"),
        ("anything", "a value"),
        ("from", "text"),
    ],
)
def test_the_type_of_a_field_in_words(field: str, description: str) -> None:
    assert describe_type(field_type(fields_of(Types)[field])) == description


def test_the_type_of_an_entry() -> None:
    fields = {name: field_type(field) for name, field in fields_of(Types).items()}
    for name, part, description in [
        ("grid", "tone", "a list of texts"),
        ("texts", 0, "text"),
        ("inner", "size", "a whole number"),
    ]:
        element = element_type(fields[name], part)
        assert element is not None
        assert describe_type(element) == description
    assert element_type(fields["integer"], 0) is None
    assert element_type(fields["inner"], "gone") is None

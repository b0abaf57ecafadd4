from __future__ import annotations

import json

import pytest
from pydantic import Field, ValidationError, model_validator

from textsynth.core.options import Options
from textsynth.core.validation_errors import RENAMED_FIELDS, FieldError, PythonValue, field_errors, unknown_field


class Inner(Options):
    depth: int = Field(1, ge=1)


class Outer(Options):
    name: str
    inner: Inner = Inner()
    optional: Inner | None = None
    two: tuple[str, ...] = Field(("a", "b"), min_length=2)
    either: str | tuple[str, ...] = ""
    source: tuple[str, ...] = ()
    method: str = Field("votes", pattern="^(votes|logprobs)$")

    @model_validator(mode="after")
    def _fits(self) -> Outer:
        if self.name == "bad":
            raise ValueError("a name of three letters is too short")
        return self


def errors_of(data: object) -> list[FieldError]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(json.dumps(data))
    return field_errors(caught.value, Outer, PythonValue(data), owner="Outer")


@pytest.mark.parametrize(
    ("data", "sentences"),
    [
        ({"nmae": "a", "name": "b"}, ["Outer has no field 'nmae'; did you mean 'name'?"]),
        ({"name": "b", "inner": {"dpth": 1}}, ["Outer.inner has no field 'dpth'; did you mean 'depth'?"]),
        ({"name": "b", "optional": {"dpth": 1}}, ["Outer.optional has no field 'dpth'; did you mean 'depth'?"]),
        ({"name": "b", "inner": {"depth": 0}}, ["Outer.inner.depth takes a whole number (at least 1), found 0"]),
        ({"name": "b", "inner": {"depth": 1.5}}, ["Outer.inner.depth takes a whole number (at least 1), found 1.5"]),
        ({"name": "b", "source": ["a", 1]}, ["Outer.source.1 takes text, found 1"]),
        ({"name": "b", "source": {"a": 1}}, ["Outer.source takes a list of texts, found a map of a"]),
        ({"name": "b", "two": [1, "a"]}, ["Outer.two.0 takes text, found 1"]),
        ({"name": "b", "two": ["a"]}, ["Outer.two takes a list of texts (at least 2 items), found a list of 1"]),
        ({"name": "b", "either": 7}, ["Outer.either takes text or a list of texts, found 7"]),
        ({"name": "b", "either": ["a", None]}, ["Outer.either.1 takes text, found nothing"]),
        (
            {"name": True, "inner": []},
            ["Outer.name takes text, found true", "Outer.inner takes a map with the fields depth, found an empty list"],
        ),
        (
            {"name": "b", "inner": "x" * 100},
            ["Outer.inner takes a map with the fields depth, found '" + "x" * 59 + "…"],
        ),
        ({}, ["Outer needs 'name', which is text"]),
        ({"nam": "b"}, ["Outer has no field 'nam'; did you mean 'name'?"]),
        ({"name": "bad"}, ["Outer: a name of three letters is too short"]),
        (
            [],
            [
                "Outer takes a map with the fields name, inner, optional, two, either, source, method, found an empty"
                " list"
            ],
        ),
        ({"name": "b", "from": ["x"]}, ["Outer has no field 'from'; it was renamed to 'source'"]),
        ({"name": "b", "with": ["x"]}, ["Outer has no field 'with'; it was renamed to 'source'"]),
        (
            {"name": "b", "by": "probabilities"},
            ["Outer has no field 'by'; it was renamed to 'method', and its value 'probabilities' to 'logprobs'"],
        ),
        (
            {"name": "b", "method": "probabilities"},
            ["Outer.method takes text (of the form ^(votes|logprobs)$), found 'probabilities'; it was renamed to"
             " 'logprobs'"],
        ),
    ],
)  # fmt: skip
def test_every_error_is_a_sentence(data: object, sentences: list[str]) -> None:
    assert [sentence for _, sentence in errors_of(data)] == sentences


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"name": "a", "source": ["b", 2]}, ("source", 1)),
        ({"name": "a", "extra": {"y": 1}}, ("extra",)),
        ({"name": "a", "either": ["b", 2]}, ("either", 1)),
        ({"inner": {"depth": 1}}, ()),
    ],
)
def test_the_path_leads_to_the_value_or_to_the_map_that_lacks_it(data: object, path: tuple[str | int, ...]) -> None:
    assert [error.path for error in errors_of(data)] == [path]


def test_a_prefix_may_differ_from_the_owner() -> None:
    data = {"inner": {"depth": 0}, "x": 1}
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(json.dumps(data))
    errors = field_errors(caught.value, Outer, PythonValue(data), owner="the front matter", prefix="")
    assert [sentence.split(";")[0] for _, sentence in errors] == [
        "the front matter needs 'name', which is text",
        "inner.depth takes a whole number (at least 1), found 0",
        "the front matter has no field 'x'",
    ]


@pytest.mark.parametrize(("old", "new"), RENAMED_FIELDS.items())
def test_a_renamed_field_is_named_only_where_the_owner_has_it(old: str, new: str) -> None:
    assert unknown_field("step", old, [new, "other"]) == f"step has no field {old!r}; it was renamed to {new!r}"
    assert "renamed" not in unknown_field("step", old, ["other"])

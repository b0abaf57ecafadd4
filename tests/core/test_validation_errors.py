from __future__ import annotations

import json

import pytest
from pydantic import Field, ValidationError, model_validator

from textsynth.core.options import Options
from textsynth.core.validation_errors import field_errors


class Inner(Options):
    depth: int = Field(1, ge=1)


class Outer(Options):
    name: str
    inner: Inner = Inner()
    perhaps: Inner | None = None
    two: tuple[str, ...] = Field(("a", "b"), min_length=2)
    from_: tuple[str, ...] = Field((), alias="from")

    @model_validator(mode="after")
    def _fits(self) -> Outer:
        if self.name == "bad":
            raise ValueError("a name of three letters is too short")
        return self


@pytest.mark.parametrize(
    ("data", "sentences"),
    [
        ({"nmae": "a", "name": "b"}, ["there is no setting 'nmae'; did you mean 'name'?"]),
        ({"name": "b", "form": []}, ["there is no setting 'form'; did you mean 'from'?"]),
        ({"name": "b", "inner": {"dpth": 1}}, ["there is no setting 'inner.dpth'; did you mean 'depth'?"]),
        ({"name": "b", "perhaps": {"dpth": 1}}, ["there is no setting 'perhaps.dpth'"]),
        ({"name": "b", "inner": {"depth": 0}}, ["'inner.depth' must be greater than or equal to 1, but is 0"]),
        ({"name": "b", "from": ["a", 1]}, ["'from.1' must be a text, but is 1"]),
        ({"name": "b", "two": [1, "a"]}, ["'two.0' must be a text, but is 1"]),
        ({"name": "b", "two": ["a"]}, ["'two' must have at least 2 items, but has 1"]),
        ({"name": True, "inner": []}, ["'name' must be a text, but is True", "'inner' must be a map, but is []"]),
        ({"name": ["x" * 100]}, ["'name' must be a text, but is ['" + "x" * 58 + "…"]),
        ({}, ["the setting 'name' is missing"]),
        ({"name": "bad"}, ["a name of three letters is too short"]),
        ([], ["the settings must be a map, but are []"]),
        ({"name": "b", "from": {"a": 1}}, ["'from' must be a list, but is {'a': 1}"]),
        ({"name": "b", "inner": {"depth": 1.5}}, ["'inner.depth' must be a whole number, but is 1.5"]),
    ],
)
def test_errors_become_sentences(data: object, sentences: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(json.dumps(data))
    assert [sentence for _, sentence in field_errors(caught.value, Outer)] == sentences


def test_the_path_leads_to_what_is_wrong() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json('{"name": "a", "from": ["b", 2]}')
    assert field_errors(caught.value, Outer)[0].path == ("from", 1)
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json('{"name": "a", "from": ["b"], "from_x": {"y": 1}}')
    assert field_errors(caught.value, Outer)[0].path == ("from_x",)

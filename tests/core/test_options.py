from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError, model_validator

from textsynth.core.errors import RecipeError
from textsynth.core.options import Count, Options, SamplingOptions, parse_count


class Small(Options):
    names: tuple[str, ...] = ()
    number: Count = 0


@pytest.mark.parametrize(
    ("value", "number"),
    [("25k", 25_000), ("3M", 3_000_000), ("1.5k", 1500), ("2K", 2000), ("1.001k", 1001), (7, 7), (0, 0)],
)
def test_counts_may_be_written_short(value: object, number: int) -> None:
    assert Small.model_validate({"number": value}).number == number


@pytest.mark.parametrize(
    "value",
    ["25", "abck", "1.0001k", -1, 1.5, True, None, "infk", "nanM", "1e3k", "1_0k", "-1k", "٣k", "k", "9999999999999k"],
)
def test_values_that_are_no_count_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Small.model_validate({"number": value})


def test_values_of_other_types_are_left_to_the_validation_of_the_type() -> None:
    assert parse_count([1]) == [1]
    assert parse_count("") == ""


@pytest.mark.parametrize("text", ['{"names": [true]}', '{"names": "abc"}', '{"nmaes": []}', '{"names": [1]}'])
def test_nothing_is_coerced_and_unknown_keys_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Small.model_validate_json(text)


def test_a_list_is_taken_for_a_tuple_and_options_are_frozen() -> None:
    options = Small.model_validate_json('{"names": ["yes", "no"]}')
    assert options.names == ("yes", "no")
    with pytest.raises(ValidationError):
        options.names = ()  # type: ignore[misc]


def test_sampling_that_is_not_set_stays_unset() -> None:
    assert SamplingOptions.model_validate({"temperature": 0.0}).model_dump(exclude_none=True) == {"temperature": 0.0}


class Inner(Options):
    share: float | None = Field(None, ge=0, le=1)


class Outer(Options):
    """Options with everything that Python and a recipe write in different ways."""

    from_: str = "seeds"
    names: tuple[str, ...] = ()
    by_name: dict[str, tuple[str, ...]] = Field({})
    path: Path | None = None
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _check_names(self) -> Outer:
        if "nobody" in self.names:
            raise ValueError("nobody is no name")
        return self


def test_python_may_give_lists_paths_and_other_options() -> None:
    outer = Outer(from_="raw", names=["a"], by_name={"tone": ["x", "y"]}, path=Path("a/b"), inner=Inner(share=1))  # type: ignore[arg-type,dict-item]
    assert (outer.names, outer.by_name, outer.path) == (("a",), {"tone": ("x", "y")}, Path("a/b"))
    assert outer.as_recipe() == {
        "from": "raw",
        "names": ["a"],
        "by_name": {"tone": ["x", "y"]},
        "path": "a/b",
        "inner": {"share": 1.0},
    }
    assert Outer.model_validate(
        outer.as_recipe() | {"names": ("a",), "by_name": {"tone": ("x", "y")}, "path": Path("a/b")}
    )
    assert Outer(inner={"share": 0.5}).inner == Inner(share=0.5)  # type: ignore[arg-type]


def test_fields_that_were_not_set_are_not_written() -> None:
    assert Outer().as_recipe() == {}
    assert Outer(path=None).as_recipe() == {"path": None}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nmaes": []}, "Outer has no field 'nmaes'; did you mean 'names'?"),
        ({"names": "ab"}, "Outer.names takes a list of texts, found 'ab'"),
        ({"names": [1]}, "Outer.names.0 takes text, found 1"),
        ({"inner": {"share": 2}}, "Outer.inner.share takes a number (at least 0, at most 1), found 2"),
        ({"inner": {"share": float("nan")}}, "Outer: Out of range float values are not JSON compliant"),
        ({"names": ["nobody"]}, "Outer: nobody is no name"),
        ({"names": {1, 2}}, "Outer: an option is text, a number, true, false, a list or a map, found {1, 2}"),
    ],
)
def test_a_wrong_value_in_python_is_a_sentence_with_its_field(values: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Outer(**values)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_all_issues_are_reported_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Outer(names=[1], path=3, inner={"shar": 1})  # type: ignore[arg-type,list-item]
    assert [issue.where for issue in caught.value.issues] == [""] * 3
    assert [issue.sentence.split(" ")[0] for issue in caught.value.issues] == [
        "Outer.names.0", "Outer.path", "Outer.inner",
    ]  # fmt: skip


def test_half_a_character_in_an_option_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match="Small: a text contains half of a character"):
        Small(names=["\ud800"])
    assert Small(names=["é𝕏"]).names == ("é𝕏",)

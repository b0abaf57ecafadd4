from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError, model_validator

from textsynth.core.errors import RecipeError
from textsynth.core.options import Count, Options, SamplingOptions, parse_count


class Some(Options):
    """Options for these tests."""

    names: tuple[str, ...] = ()
    number: Count = 0


@pytest.mark.parametrize(
    ("written", "number"),
    [("25k", 25_000), ("3M", 3_000_000), ("1.5k", 1500), ("2K", 2000), ("1.001k", 1001), (7, 7), (0, 0)],
)
def test_counts_may_be_written_short(written: object, number: int) -> None:
    assert Some.model_validate({"number": written}).number == number


@pytest.mark.parametrize(
    "written",
    ["25", "abck", "1.0001k", -1, 1.5, True, None, "infk", "nanM", "1e3k", "1_0k", "-1k", "٣k", "k", "9999999999999k"],
)
def test_what_is_no_count_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate({"number": written})


def test_other_values_pass_through_to_the_check_of_their_type() -> None:
    assert parse_count([1]) == [1]
    assert parse_count("") == ""


@pytest.mark.parametrize("text", ['{"names": [true]}', '{"names": "abc"}', '{"nmaes": []}', '{"names": [1]}'])
def test_nothing_is_coerced_and_no_key_is_unknown(text: str) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate_json(text)


def test_a_list_is_taken_for_a_tuple_and_nothing_can_be_changed() -> None:
    some = Some.model_validate_json('{"names": ["yes", "no"]}')
    assert some.names == ("yes", "no")
    with pytest.raises(ValidationError):
        some.names = ()  # type: ignore[misc]


def test_sampling_left_out_stays_left_out() -> None:
    assert SamplingOptions.model_validate({"temperature": 0.0}).model_dump(exclude_none=True) == {"temperature": 0.0}


class Inner(Options):
    """Options inside of others."""

    share: float | None = Field(None, ge=0, le=1)


class Whole(Options):
    """Options with everything that Python and a recipe write in different ways."""

    from_: str = "seeds"
    names: tuple[str, ...] = ()
    by_name: dict[str, tuple[str, ...]] = Field({})
    path: Path | None = None
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _agrees(self) -> Whole:
        if "nobody" in self.names:
            raise ValueError("nobody is no name")
        return self


def test_python_gives_lists_paths_and_other_options_as_a_recipe_would() -> None:
    whole = Whole(from_="raw", names=["a"], by_name={"tone": ["x", "y"]}, path=Path("a/b"), inner=Inner(share=1))  # type: ignore[arg-type,dict-item]
    assert (whole.names, whole.by_name, whole.path) == (("a",), {"tone": ("x", "y")}, Path("a/b"))
    assert whole.as_recipe() == {
        "from": "raw",
        "names": ["a"],
        "by_name": {"tone": ["x", "y"]},
        "path": "a/b",
        "inner": {"share": 1.0},
    }
    assert Whole.model_validate(
        whole.as_recipe() | {"names": ("a",), "by_name": {"tone": ("x", "y")}, "path": Path("a/b")}
    )
    assert Whole(inner={"share": 0.5}).inner == Inner(share=0.5)  # type: ignore[arg-type]


def test_what_was_not_given_is_not_written() -> None:
    assert Whole().as_recipe() == {}
    assert Whole(path=None).as_recipe() == {"path": None}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"nmaes": []}, "Whole: there is no setting 'nmaes'; did you mean 'names'?"),
        ({"names": "ab"}, "Whole: 'names' must be a list, but is 'ab'"),
        ({"names": [1]}, "Whole: 'names.0' must be a text, but is 1"),
        ({"inner": {"share": 2}}, "Whole: 'inner.share' must be less than or equal to 1, but is 2"),
        ({"inner": {"share": float("nan")}}, "Whole: Out of range float values are not JSON compliant"),
        ({"names": ["nobody"]}, "Whole: nobody is no name"),
        ({"names": {1, 2}}, "Whole: an option is text, a number, true, false, a list or a map, found {1, 2}"),
    ],
)
def test_a_mistake_in_python_is_a_sentence_with_its_place(given: dict[str, object], told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Whole(**given)  # type: ignore[arg-type]
    assert str(caught.value).startswith(told)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Whole(names=[1], path=3, inner={"shar": 1})  # type: ignore[arg-type,list-item]
    assert [one.where for one in caught.value.issues] == ["Whole"] * 3
    assert [one.sentence.split("'")[1] for one in caught.value.issues] == ["names.0", "path", "inner.shar"]

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsynth.core.errors import RecipeError
from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.filter.length import Length
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.models.local import Local
from textsynth.recipe.environment import plain
from textsynth.recipe.mistakes import Mistakes
from textsynth.recipe.nodes import Map
from textsynth.recipe.recipe import Label
from textsynth.recipe.settings import Budget
from textsynth.recipe.values import Values


class Shouting(Filter):
    """A check of these tests."""

    share: float = 0.5

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


class Needy(Filter):
    """A check that has no default for what it needs."""

    share: float

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


def tree_of(**sections: Any) -> tuple[Map, Values]:
    mistakes = Mistakes()
    values = Values(mistakes)
    tree = values.tree(sections)
    mistakes.stop()
    return tree, values


def mistakes_of(**sections: Any) -> list[str]:
    mistakes = Mistakes()
    Values(mistakes).tree(sections)
    return [str(mistake) for mistake in mistakes.listed()]


def test_an_object_of_a_class_is_what_a_recipe_writes_for_it() -> None:
    tree, values = tree_of(
        models={"generator": Local(), "judge": "generator"},
        filter=["length", NearDuplicate(similarity=0.6), Length, {"length": {"min_words": 3}}],
        budget=Budget(requests=5),
        labels={"a": Label("is a"), "b": Label("is b", 7), "c": "is c"},
    )
    assert plain(tree) == {
        "models": {"generator": {"local": {}}, "judge": "generator"},
        "filter": ["length", {"near_duplicate": {"similarity": 0.6}}, {"length": {}}, {"length": {"min_words": 3}}],
        "budget": {"requests": 5},
        "labels": {"a": {"means": "is a"}, "b": {"means": "is b", "want": 7}, "c": "is c"},
    }
    assert values.made == {}


def test_a_class_of_ones_own_goes_through_under_its_name() -> None:
    own = Shouting(share=0.2)
    tree, values = tree_of(filter=[own, "length"])
    assert plain(tree) == {"filter": [{"Shouting": {"share": 0.2}}, "length"]}
    assert [(mark.where, step) for mark, step in values.made.items()] == [("filter[0]", own)]
    assert next(iter(values.made.values())) is own


def test_paths_tuples_and_numbers_of_numpy_are_read_as_what_they_are() -> None:
    tree, _ = tree_of(sources={"seeds": Path("a/b.csv")}, want={"label": np.int64(3)}, export={"splits": {"train": 1}})
    assert plain(tree) == {"sources": {"seeds": "a/b.csv"}, "want": {"label": 3}, "export": {"splits": {"train": 1}}}
    assert plain(tree_of(pool=np.float32(0.5))[0]) == {"pool": 0.5}


def test_places_have_their_paths_in_the_order_of_the_recipe() -> None:
    tree, _ = tree_of(filter=[{"length": {"min_words": 3}}], name="x")
    filters = tree.entries["filter"]
    item = filters.items[0]  # type: ignore[union-attr]
    assert tree.marks["filter"].where == "filter"
    assert item.entries["length"].marks["min_words"].where == "filter[0].length.min_words"  # type: ignore[union-attr]
    assert tree.marks["filter"].line < item.mark.line < tree.marks["name"].line


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"want": {3: 4}}, "want.3: a key is a name, found 3, which is no text"),
        ({"pool": float("inf")}, "pool: a number is finite, found inf"),
        ({"name": {"a"}}, "name: a recipe holds text, numbers, true and false, lists and maps, found {'a'}"),
        ({"name": "\ud800"}, "name: this text holds half of a character"),
        ({"filter": [Local()]}, "filter[0]: filter takes a Filter, found Local"),
        ({"filter": [Needy]}, "filter[0]: Needy: the setting 'share' is missing"),
        ({"models": {"generator": Length()}}, "models.generator: models takes a ModelOptions, found Length"),
        ({"sources": {"seeds": [1, 2]}}, "sources.seeds: rows are a list of dicts"),
        ({"labels": {"a": Shouting()}}, "labels.a: a recipe holds text"),
    ],
)
def test_what_no_recipe_can_hold_is_a_mistake_with_its_path(sections: dict[str, Any], told: str) -> None:
    (found,) = mistakes_of(**sections)
    assert found.startswith(told)


def test_two_classes_of_one_name_are_a_mistake() -> None:
    other = type("Shouting", (Shouting,), {"__doc__": "Another check.", "__module__": __name__})
    assert mistakes_of(filter=[Shouting, other]) == [
        "filter[1]: filter has another class called 'Shouting': rename one"
    ]


def test_a_list_inside_itself_and_too_many_values_end_at_once() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, [0] * 200_001):
        with pytest.raises(RecipeError, match="at most 24 deep and has at most 200,000 values"):
            tree_of(want=value)

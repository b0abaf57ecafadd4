from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from textsynth import filter as filters
from textsynth import generate, models, sources
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.filter.length import Length
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.models.local import Local
from textsynth.recipe import make_recipe, read_recipe
from textsynth.recipe.builder import ValueReader, as_yaml
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.loader import RecipeDocument, read_document
from textsynth.recipe.recipe import Label
from textsynth.recipe.settings import Budget
from textsynth.recipe.yaml_tree import YamlMap

LABELS = {"refund": "asks for money back", "praise": "says something nice"}
ROWS = [{"text": "give it back", "label": "refund"}, {"text": "how nice", "label": "praise"}]
SEEDS = "text,label\ngive it back,refund\nhow nice,praise\n"


class Shouting(Filter):
    """A check of these tests."""

    share: float = 0.5

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    return tmp_path


def objects() -> dict[str, Any]:
    return {
        "name": "tickets",
        "labels": {"refund": Label("asks for money back", 5), "praise": "says something nice"},
        "models": {"generator": models.Scripted(answers=["no", "012"])},
        "sources": {"seeds": sources.Rows(path=Path("seeds.csv"))},
        "generate": [
            generate.Labelled(source="seeds", attributes={"tone": ["calm", "cross"]}),
            generate.Paraphrase(share=0.3),
        ],
        "filter": [filters.Length(min_words=3), filters.ExactDuplicate, "near_duplicate"],
        "want": {"label": "1k"},
    }


def test_objects_names_and_maps_make_the_recipe_that_a_file_makes(folder: Path) -> None:
    made = make_recipe(base=folder, **objects())
    (folder / "tickets.yaml").write_text(made.text, encoding="utf-8")
    read = read_recipe(folder / "tickets.yaml")
    assert read.hash == made.hash
    for part in ("name", "labels", "models", "sources", "want", "budget", "pool", "export", "evaluate", "text"):
        assert getattr(read, part) == getattr(made, part), part
    for part in ("generate", "filter", "label", "select"):
        assert [(one.name, one.step) for one in getattr(read, part)] == [
            (one.name, one.step) for one in getattr(made, part)
        ]
    assert (made.path, made.base) == (folder / "tickets.yaml", folder)


def test_what_is_left_out_has_the_defaults_of_a_file(folder: Path) -> None:
    made = make_recipe(base=folder, labels=LABELS, sources={"seeds": "seeds.csv"})
    (folder / "recipe.yaml").write_text(made.text, encoding="utf-8")
    read = read_recipe(folder / "recipe.yaml")
    assert [one.step for one in made.filter] == [one.step for one in read.filter]
    assert (made.name, made.want, made.oversample) == (read.name, read.want, read.oversample)


def test_rows_given_in_python_are_a_source_and_its_hash_stands_in_the_recipe(tmp_path: Path) -> None:
    made = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS})
    assert [one.text for one in made.sources["seeds"].read(tmp_path, name="seeds", seed=0)] == [
        row["text"] for row in ROWS
    ]
    assert made.hash != make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS[::-1]}).hash
    assert "give it back" not in made.text
    (tmp_path / "recipe.yaml").write_text(made.text, encoding="utf-8")
    with pytest.raises(RecipeError, match="its rows were passed in Python and are not loaded"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_check_of_ones_own_is_named_by_its_class(tmp_path: Path) -> None:
    made = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS}, filter=[Shouting(share=0.2), Shouting])
    assert [(one.name, one.step, one.where) for one in made.filter] == [
        ("Shouting", Shouting(share=0.2), "filter[0]"),
        ("Shouting-2", Shouting(), "filter[1]"),
    ]


def test_a_variable_of_the_environment_is_put_in_and_never_written(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_MODEL", "small-one")
    served = models.Http(base_url="http://localhost:9/v1", model="${MY_MODEL}")
    made = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS}, models={"generator": served})
    assert made.models["generator"].model == "small-one"  # type: ignore[attr-defined]
    assert "small-one" not in made.text


def test_all_mistakes_are_told_at_once_each_with_its_place(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "nmae": "x",
        "labels": {"a": "is a", "b": 3},
        "models": {"generator": "judge", "judge": "generator"},
        "sources": {"seeds": "nowhere.csv"},
        "generate": [generate.Labelled(source="sedes"), {"labelled": {"textx": 3}}],
        "filter": ["lenght", {"near_duplicate": {"similarity": "high"}}],
        "want": {"lable": 3},
        "export": {"splits": {"train": 0.5}},
    }
    with pytest.raises(RecipeError) as caught:
        make_recipe(base=tmp_path, **wrong)
    told = [str(one) for one in caught.value.issues]
    beginnings = [
        "nmae: a recipe has no section 'nmae'; did you mean 'name'?",
        "labels.b: labels.b.means takes text (not empty), found 3",
        "models.generator: models.generator stands for itself: generator → judge → generator",
        "sources.seeds: nowhere.csv: no such file",
        "generate[0].labelled.from: labelled.from is 'sedes', but sources has no 'sedes'; did you mean 'seeds'?",
        "generate[1].labelled.textx: labelled has no field 'textx'; did you mean 'texts'?",
        "filter[0]: filter has no item 'lenght'; did you mean 'length'?",
        "filter[1].near_duplicate.similarity: near_duplicate.similarity takes a number (above 0, at most 1), found",
        "export.splits: the shares of all splits make 1, these make 0.5",
    ]
    assert len(told) == len(beginnings), told
    for found, begun in zip(told, beginnings, strict=True):
        assert found.startswith(begun)


def test_a_template_and_a_quota_that_do_not_fit_are_mistakes_too(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        make_recipe(
            base=tmp_path,
            labels=LABELS,
            sources={"seeds": ROWS},
            generate=[generate.Labelled(source="seeds", prompt="labeled")],
            want={"tone": 3},
        )
    first, second = caught.value.issues
    assert (first.where, second.where) == ("generate[0].labelled.prompt", "want")
    assert "did you mean 'labelled" in first.sentence


class Needy(Filter):
    """A check that has no default for what it needs."""

    share: float

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


def tree_of(**sections: Any) -> tuple[YamlMap, ValueReader]:
    mistakes = IssueCollector()
    values = ValueReader(mistakes)
    tree = values.tree(sections)
    mistakes.stop()
    return tree, values


def mistakes_of(**sections: Any) -> list[str]:
    mistakes = IssueCollector()
    ValueReader(mistakes).tree(sections)
    return [str(mistake) for mistake in mistakes.listed()]


def test_an_object_of_a_class_is_what_a_recipe_writes_for_it() -> None:
    tree, values = tree_of(
        models={"generator": Local(), "judge": "generator"},
        filter=["length", NearDuplicate(similarity=0.6), Length, {"length": {"min_words": 3}}],
        budget=Budget(requests=5),
        labels={"a": Label("is a"), "b": Label("is b", 7), "c": "is c"},
    )
    assert to_python(tree) == {
        "models": {"generator": {"local": {}}, "judge": "generator"},
        "filter": ["length", {"near_duplicate": {"similarity": 0.6}}, {"length": {}}, {"length": {"min_words": 3}}],
        "budget": {"requests": 5},
        "labels": {"a": {"means": "is a"}, "b": {"means": "is b", "want": 7}, "c": "is c"},
    }
    assert values.made == {}


def test_a_class_of_ones_own_goes_through_under_its_name() -> None:
    own = Shouting(share=0.2)
    tree, values = tree_of(filter=[own, "length"])
    assert to_python(tree) == {"filter": [{"Shouting": {"share": 0.2}}, "length"]}
    assert [(mark.where, step) for mark, step in values.made.items()] == [("filter[0]", own)]
    assert next(iter(values.made.values())) is own


def test_paths_tuples_and_numbers_of_numpy_are_read_as_what_they_are() -> None:
    tree, _ = tree_of(sources={"seeds": Path("a/b.csv")}, want={"label": np.int64(3)}, export={"splits": {"train": 1}})
    assert to_python(tree) == {
        "sources": {"seeds": "a/b.csv"},
        "want": {"label": 3},
        "export": {"splits": {"train": 1}},
    }
    assert to_python(tree_of(pool=np.float32(0.5))[0]) == {"pool": 0.5}


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
        ({"pool": float("inf")}, "oversample: a number is finite, found inf"),
        ({"name": {"a"}}, "name: a recipe holds text, numbers, true and false, lists and maps, found {'a'}"),
        ({"name": "\ud800"}, "name: this text holds half of a character"),
        ({"filter": [Local()]}, "filter[0]: filter takes a Filter, found Local"),
        ({"filter": [Needy]}, "filter[0]: Needy needs 'share', which is a number"),
        ({"models": {"generator": Length()}}, "models.generator: models takes a ModelOptions, found Length"),
        ({"sources": {"seeds": [1, 2]}}, "sources.seeds: rows must be a list of dicts"),
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


TRAPS = ["no", "012", "1e3", "1_000", "12:30:45", "2024-01-31", "0x1f", "null", "~", "", " a ", "a: b", "#", "*a", "<<"]
LINES = ["a\nb", " a\n\nb\n", "a\n\n", "\n", "no\n", "a \n b\t", "a\n b"]
WORDS = some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
TEXT = some.one_of(some.sampled_from(TRAPS + LINES), WORDS)
NUMBER = some.one_of(some.integers(-(10**15), 10**15), some.floats(1e-6, 1e9), some.just(0.0))
NAME = some.one_of(some.sampled_from(TRAPS[:-1]), some.text("abc_ -", min_size=1, max_size=8))
VALUE = some.recursive(
    some.one_of(TEXT, NUMBER, some.booleans(), some.none()),
    lambda inner: some.one_of(some.lists(inner, max_size=4), some.dictionaries(NAME, inner, max_size=4)),
    max_leaves=12,
)


def tree_of_of_writing(value: object) -> YamlMap:
    mistakes = IssueCollector()
    tree = ValueReader(mistakes).tree({"name": "x", "export": value})
    mistakes.stop()
    return tree


@settings(deadline=None, max_examples=50)
@given(VALUE)
def test_what_is_written_reads_as_the_same_tree(tmp_path_factory: object, value: object) -> None:
    tree = tree_of_of_writing(value)
    path = cast("Path", tmp_path_factory.mktemp("recipe")) / "recipe.yaml"  # type: ignore[attr-defined]
    path.write_text(as_yaml(tree), encoding="utf-8")
    mistakes = IssueCollector()
    read = read_document(path, (), mistakes)
    mistakes.stop()
    assert to_python(read.tree) == to_python(tree)
    assert read.hash == RecipeDocument("", tree).hash


def test_short_maps_and_lists_stand_in_one_line_and_numbers_as_people_write_them() -> None:
    written = as_yaml(
        tree_of_of_writing(
            {"splits": {"train": 0.9, "validation": 0.1}, "small": 1e-05, "words": ["a", "b"], "not": "no"}
        )
    )
    assert written.splitlines() == [
        "name: x",
        "export:",
        "  splits: {train: 0.9, validation: 0.1}",
        "  small: 0.00001",
        "  words: [a, b]",
        '  not: "no"',
    ]

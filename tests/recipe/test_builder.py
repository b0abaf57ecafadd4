from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth import filter as filters
from textsynth import generate, models, sources, task
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.filter.length import Length
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.models.local import Local
from textsynth.recipe import make_recipe, read_recipe
from textsynth.recipe.builder import ValueConverter, to_yaml
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.loader import RecipeDocument, read_document
from textsynth.recipe.recipe import Label
from textsynth.recipe.settings import Budget
from textsynth.recipe.yaml_tree import YamlMap
from textsynth.task.classification import Classification

LABELS = {"refund": "asks for money back", "praise": "says something nice"}
ROWS = [{"text": "give it back", "label": "refund"}, {"text": "how nice", "label": "praise"}]
SEEDS = "text,label\ngive it back,refund\nhow nice,praise\n"


class Shouting(Filter):
    """A filter of these tests."""

    share: float = 0.5

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    return tmp_path


def sections_as_objects() -> dict[str, Any]:
    return {
        "name": "tickets",
        "task": task.Classification(),
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


def test_objects_names_and_maps_make_the_same_recipe_as_a_file(folder: Path) -> None:
    built = make_recipe(base=folder, **sections_as_objects())
    (folder / "tickets.yaml").write_text(built.text, encoding="utf-8")
    read = read_recipe(folder / "tickets.yaml")
    assert read.hash == built.hash
    for part in (
        "name",
        "labels",
        "models",
        "sources",
        "want",
        "budget",
        "oversample",
        "export",
        "evaluate",
        "text",
        "task",
        "task_name",
    ):
        assert getattr(read, part) == getattr(built, part), part
    for part in ("generate", "filter", "label", "select"):
        assert [(step.name, step.step) for step in getattr(read, part)] == [
            (step.name, step.step) for step in getattr(built, part)
        ]
    assert (built.path, built.base) == (folder / "tickets.yaml", folder)


def test_missing_sections_have_the_defaults_of_a_file(folder: Path) -> None:
    built = make_recipe(base=folder, labels=LABELS, sources={"seeds": "seeds.csv"})
    (folder / "recipe.yaml").write_text(built.text, encoding="utf-8")
    read = read_recipe(folder / "recipe.yaml")
    assert [step.step for step in built.filter] == [step.step for step in read.filter]
    assert (built.name, built.want, built.oversample) == (read.name, read.want, read.oversample)


def test_rows_given_in_python_are_a_source_with_its_hash_in_the_recipe(tmp_path: Path) -> None:
    built = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS})
    records = built.sources["seeds"].read(tmp_path, name="seeds", seed=0)
    assert [record.text for record in records] == [row["text"] for row in ROWS]
    assert built.hash != make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS[::-1]}).hash
    assert "give it back" not in built.text
    (tmp_path / "recipe.yaml").write_text(built.text, encoding="utf-8")
    with pytest.raises(RecipeError, match="its rows were passed in Python and are not loaded"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_filter_of_the_users_own_is_named_by_its_class(tmp_path: Path) -> None:
    built = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS}, filter=[Shouting(share=0.2), Shouting])
    assert [(step.name, step.step, step.where) for step in built.filter] == [
        ("Shouting", Shouting(share=0.2), "filter[0]"),
        ("Shouting-2", Shouting(), "filter[1]"),
    ]


def test_an_environment_variable_is_substituted_and_never_written(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_MODEL", "small-one")
    model = models.Http(base_url="http://localhost:9/v1", model="${MY_MODEL}")
    built = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS}, models={"generator": model})
    assert built.models["generator"].model == "small-one"  # type: ignore[attr-defined]
    assert "small-one" not in built.text


def test_all_issues_are_reported_at_once_each_with_its_path(tmp_path: Path) -> None:
    sections: dict[str, Any] = {
        "nmae": "x",
        "labels": {"a": "is a", "b": 3},
        "models": {"generator": "judge", "judge": "generator"},
        "sources": {"seeds": "missing.csv"},
        "generate": [generate.Labelled(source="sedes"), {"labelled": {"per_reqest": 3}}],
        "filter": ["lenght", {"near_duplicate": {"similarity": "high"}}],
        "want": {"lable": 3},
        "export": {"splits": {"train": 0.5}},
    }
    with pytest.raises(RecipeError) as caught:
        make_recipe(base=tmp_path, **sections)
    issues = [str(issue) for issue in caught.value.issues]
    beginnings = [
        "nmae: a recipe has no section 'nmae'; did you mean 'name'?",
        "labels.b: labels.b.description takes text (not empty), found 3",
        "models.generator is an alias of itself: generator → judge → generator",
        "sources.seeds: missing.csv: no such file",
        "generate[0].labelled.source: labelled.source is 'sedes', but sources has no 'sedes'; did you mean 'seeds'?",
        "generate[1].labelled.per_reqest: labelled has no field 'per_reqest'; did you mean 'per_request'?",
        "filter[0]: filter has no component 'lenght'; did you mean 'length'?",
        "filter[1].near_duplicate.similarity: near_duplicate.similarity takes a number (above 0, at most 1), found",
        "export.splits: the shares of all splits must add up to 1, these add up to 0.5",
    ]
    assert len(issues) == len(beginnings), issues
    for issue, beginning in zip(issues, beginnings, strict=True):
        assert issue.startswith(beginning)


def test_a_prompt_and_a_quota_that_do_not_fit_are_issues_too(tmp_path: Path) -> None:
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


class Triage(Classification):
    """A task of these tests."""


class Required(Filter):
    """A filter with a required option."""

    share: float

    def check(self, record: Record) -> Verdict | None:
        """Keep it."""
        return None


def convert(**sections: Any) -> tuple[YamlMap, ValueConverter]:
    issues = IssueCollector()
    converter = ValueConverter(issues)
    tree = converter.convert(sections)
    issues.raise_if_any()
    return tree, converter


def issues_of(**sections: Any) -> list[str]:
    issues = IssueCollector()
    ValueConverter(issues).convert(sections)
    return [str(issue) for issue in issues.sorted_issues()]


def test_an_object_is_converted_to_what_a_recipe_writes_for_it() -> None:
    tree, converter = convert(
        task=task.Paraphrasing,
        models={"generator": Local(), "judge": "generator"},
        filter=["length", NearDuplicate(similarity=0.6), Length, {"length": {"min_words": 3}}],
        budget=Budget(requests=5),
        labels={"a": Label("is a"), "b": Label("is b", 7), "c": "is c"},
    )
    assert to_python(tree) == {
        "task": {"paraphrasing": {}},
        "models": {"generator": {"local": {}}, "judge": "generator"},
        "filter": ["length", {"near_duplicate": {"similarity": 0.6}}, {"length": {}}, {"length": {"min_words": 3}}],
        "budget": {"requests": 5},
        "labels": {"a": {"description": "is a"}, "b": {"description": "is b", "want": 7}, "c": "is c"},
    }
    assert converter.instances == {}


def test_an_object_of_the_users_own_class_is_kept_under_its_name() -> None:
    own = Shouting(share=0.2)
    tree, converter = convert(filter=[own, "length"])
    assert to_python(tree) == {"filter": [{"Shouting": {"share": 0.2}}, "length"]}
    assert [(mark.where, step) for mark, step in converter.instances.items()] == [("filter[0]", own)]
    assert next(iter(converter.instances.values())) is own


def test_paths_tuples_and_numpy_numbers_are_converted() -> None:
    tree, _ = convert(sources={"seeds": Path("a/b.csv")}, want={"label": np.int64(3)}, export={"splits": {"train": 1}})
    assert to_python(tree) == {
        "sources": {"seeds": "a/b.csv"},
        "want": {"label": 3},
        "export": {"splits": {"train": 1}},
    }
    assert to_python(convert(oversample=np.float32(0.5))[0]) == {"oversample": 0.5}


def test_positions_have_paths_in_the_order_of_the_recipe() -> None:
    tree, _ = convert(filter=[{"length": {"min_words": 3}}], name="x")
    filters = tree.entries["filter"]
    step = filters.items[0]  # type: ignore[union-attr]
    assert tree.marks["filter"].where == "filter"
    assert step.entries["length"].marks["min_words"].where == "filter[0].length.min_words"  # type: ignore[union-attr]
    assert tree.marks["filter"].line < step.mark.line < tree.marks["name"].line


@pytest.mark.parametrize(
    ("sections", "beginning"),
    [
        ({"want": {3: 4}}, "want.3: a key is a name, found 3, which is no text"),
        ({"oversample": float("inf")}, "oversample: a number is finite, found inf"),
        ({"name": {"a"}}, "name: a recipe holds text, numbers, true and false, lists and maps, found {'a'}"),
        ({"name": "\ud800"}, "name: this text contains half of a character"),
        ({"filter": [Local()]}, "filter[0]: filter takes a Filter, found Local"),
        ({"filter": [Required]}, "filter[0]: Required needs 'share', which is a number"),
        ({"models": {"generator": Length()}}, "models.generator: models takes a ModelOptions, found Length"),
        ({"sources": {"seeds": [1, 2]}}, "sources.seeds: rows must be a list of dicts"),
        ({"labels": {"a": Shouting()}}, "labels.a: a recipe holds text"),
        ({"task": Length()}, "task takes a Task, found Length"),
        (
            {"task": Triage()},
            "task: a task of your own must be in a file, because `export` and `evaluate` load it again",
        ),
    ],
)
def test_a_value_that_no_recipe_can_hold_is_an_issue_with_its_path(sections: dict[str, Any], beginning: str) -> None:
    (issue,) = issues_of(**sections)
    assert issue.startswith(beginning)


def test_two_classes_of_one_name_are_an_issue() -> None:
    other = type("Shouting", (Shouting,), {"__doc__": "Another filter.", "__module__": __name__})
    assert issues_of(filter=[Shouting, other]) == ["filter[1]: filter has another class called 'Shouting': rename one"]


def test_a_list_inside_itself_and_too_many_values_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, [0] * 200_001):
        with pytest.raises(RecipeError, match="at most 24 deep and has at most 200,000 values"):
            convert(want=value)


AMBIGUOUS = [
    "no",
    "012",
    "1e3",
    "1_000",
    "12:30:45",
    "2024-01-31",
    "0x1f",
    "null",
    "~",
    "",
    " a ",
    "a: b",
    "#",
    "*a",
    "<<",
]
LINES = ["a\nb", " a\n\nb\n", "a\n\n", "\n", "no\n", "a \n b\t", "a\n b"]
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
TEXT = st.one_of(st.sampled_from(AMBIGUOUS + LINES), WORDS)
NUMBER = st.one_of(st.integers(-(10**15), 10**15), st.floats(1e-6, 1e9), st.just(0.0))
NAME = st.one_of(st.sampled_from(AMBIGUOUS[:-1]), st.text("abc_ -", min_size=1, max_size=8))
VALUE = st.recursive(
    st.one_of(TEXT, NUMBER, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAME, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None, max_examples=50)
@given(VALUE)
def test_a_written_recipe_is_read_as_the_same_tree(tmp_path_factory: object, value: object) -> None:
    tree, _ = convert(name="x", export=value)
    path = cast("Path", tmp_path_factory.mktemp("recipe")) / "recipe.yaml"  # type: ignore[attr-defined]
    path.write_text(to_yaml(tree), encoding="utf-8")
    issues = IssueCollector()
    read = read_document(path, (), issues)
    issues.raise_if_any()
    assert to_python(read.tree) == to_python(tree)
    assert read.hash == RecipeDocument("", tree).hash


def test_short_collections_are_written_on_one_line_and_numbers_without_exponent() -> None:
    export = {"splits": {"train": 0.9, "validation": 0.1}, "small": 1e-05, "words": ["a", "b"], "not": "no"}
    tree, _ = convert(name="x", export=export)
    assert to_yaml(tree).splitlines() == [
        "name: x",
        "export:",
        "  splits: {train: 0.9, validation: 0.1}",
        "  small: 0.00001",
        "  words: [a, b]",
        '  not: "no"',
    ]

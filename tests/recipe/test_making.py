from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from textsynth import filter as filters
from textsynth import generate, models, sources
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.recipe import make_recipe, read_recipe
from textsynth.recipe.recipe import Label

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
            generate.Labelled(from_="seeds", vary={"tone": ["calm", "cross"]}),
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
    assert (made.name, made.want, made.pool) == (read.name, read.want, read.pool)


def test_rows_given_in_python_are_a_source_and_its_hash_stands_in_the_recipe(tmp_path: Path) -> None:
    made = make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS})
    assert [one.text for one in made.sources["seeds"].read(tmp_path, name="seeds", seed=0)] == [
        row["text"] for row in ROWS
    ]
    assert made.hash != make_recipe(base=tmp_path, labels=LABELS, sources={"seeds": ROWS[::-1]}).hash
    assert "give it back" not in made.text
    (tmp_path / "recipe.yaml").write_text(made.text, encoding="utf-8")
    with pytest.raises(RecipeError, match="its rows were given in Python and are not here"):
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
        "generate": [generate.Labelled(from_="sedes"), {"labelled": {"textx": 3}}],
        "filter": ["lenght", {"near_duplicate": {"similarity": "high"}}],
        "want": {"lable": 3},
        "export": {"splits": {"train": 0.5}},
    }
    with pytest.raises(RecipeError) as caught:
        make_recipe(base=tmp_path, **wrong)
    told = [str(one) for one in caught.value.mistakes]
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
            generate=[generate.Labelled(from_="seeds", prompt="labeled")],
            want={"tone": 3},
        )
    first, second = caught.value.mistakes
    assert (first.where, second.where) == ("generate[0].labelled.prompt", "want")
    assert "did you mean 'labelled" in first.sentence

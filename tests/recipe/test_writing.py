from __future__ import annotations

from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as some

from textsynth.recipe.document import Document, read_document
from textsynth.recipe.environment import plain
from textsynth.recipe.mistakes import Mistakes
from textsynth.recipe.nodes import Map
from textsynth.recipe.values import Values
from textsynth.recipe.writing import as_yaml

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


def tree_of(value: object) -> Map:
    mistakes = Mistakes()
    tree = Values(mistakes).tree({"name": "x", "export": value})
    mistakes.stop()
    return tree


@settings(deadline=None, max_examples=50)
@given(VALUE)
def test_what_is_written_reads_as_the_same_tree(tmp_path_factory: object, value: object) -> None:
    tree = tree_of(value)
    path = cast("Path", tmp_path_factory.mktemp("recipe")) / "recipe.yaml"  # type: ignore[attr-defined]
    path.write_text(as_yaml(tree), encoding="utf-8")
    mistakes = Mistakes()
    read = read_document(path, (), mistakes)
    mistakes.stop()
    assert plain(read.tree) == plain(tree)
    assert read.hash == Document("", tree).hash


def test_short_maps_and_lists_stand_in_one_line_and_numbers_as_people_write_them() -> None:
    written = as_yaml(
        tree_of({"splits": {"train": 0.9, "validation": 0.1}, "small": 1e-05, "words": ["a", "b"], "not": "no"})
    )
    assert written.splitlines() == [
        "name: x",
        "export:",
        "  splits: {train: 0.9, validation: 0.1}",
        "  small: 0.00001",
        "  words: [a, b]",
        '  not: "no"',
    ]

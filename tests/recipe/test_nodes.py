from __future__ import annotations

from contextlib import suppress

import pytest

from textsynth.errors import RecipeError
from textsynth.recipe.environment import plain
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Map, Node, found, read_nodes


def nodes(text: str) -> Node:
    mistakes = Mistakes()
    node = read_nodes(text, lambda line: Mark(line, f"r:{line}"), mistakes)
    mistakes.stop()
    assert node is not None
    return node


def mistakes_of(text: str) -> list[str]:
    mistakes = Mistakes()
    with suppress(RecipeError):
        read_nodes(text, lambda line: Mark(line, f"r:{line}"), mistakes)
    return [str(mistake) for mistake in mistakes.listed()]


def test_a_tree_keeps_its_order_and_its_lines() -> None:
    node = nodes("b: 1\na:\n  - x\n  - {c: 'y'}\n")
    assert plain(node) == {"b": 1, "a": ["x", {"c": "y"}]}
    assert isinstance(node, Map)
    assert list(node.entries) == ["b", "a"]
    assert node.marks["a"].where == "r:2"


def test_block_texts_are_texts() -> None:
    assert plain(nodes("a: |\n  no\nb: >-\n  012\n")) == {"a": "no\n", "b": "012"}


def test_an_alias_is_what_its_anchor_was() -> None:
    assert plain(nodes("a: &x [1, 2]\nb: *x\nc: &y z\nd: *y\n")) == {"a": [1, 2], "b": [1, 2], "c": "z", "d": "z"}


def test_many_mistakes_in_one_tree() -> None:
    assert mistakes_of("a: yes\nb: 012\na: 1\nc: !x 1\n") == [
        'r:1: yes is a truth value in some YAML readers and text in others: write true, or "yes" in quotes',
        'r:2: 012 is 8-based in some YAML readers and 10-based in others: write 12 for the number, or "012" in quotes '
        "for the text",
        "r:3: the key 'a' stands twice, the first time in line 1",
        "r:4: the tag !x is not read in a recipe: take it out",
    ]


def test_an_empty_entry_of_a_list() -> None:
    assert mistakes_of("a:\n  -\n  - b\n") == [
        "r:2: nothing stands after this '-'; what belongs to it is indented deeper, [] means none, and a "
        "bare item has no colon"
    ]


def test_nothing_is_no_tree() -> None:
    assert read_nodes("# nothing\n", lambda line: Mark(line, ""), Mistakes()) is None


def test_aliases_that_multiply_stop_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    (mistake,) = mistakes_of("\n".join(lines))
    assert "more than 200,000 values" in mistake


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "an empty list"),
        ("[a, b]", "a list of 2"),
        ("{}", "an empty map"),
        ("{a: 1, b: 2, c: 3, d: 4}", "a map of a, b, c, …"),
        ("7", "7"),
        ("~", "~"),
        ("'7'", "'7'"),
        ("x" * 70, repr("x" * 60 + "…")),
    ],
)
def test_what_was_found(text: str, words: str) -> None:
    assert found(nodes(text)) == words

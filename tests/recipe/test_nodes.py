from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.recipe.recipes import END, MEANS, assert_broken
from textsynth.core.errors import RecipeError
from textsynth.recipe.environment import plain
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Map, Node, found, read_nodes

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN = [
    ("refund:", "no:", 5, ["no is a truth value", '"no" in quotes']),
    ("refund:", "Off:", 5, ["Off is a truth value", '"Off" in quotes']),
    ("refund:", "true:", 5, ["a key is a name", "found true", '"true" in quotes']),
    ("refund:", "17:", 5, ["a key is a name", "found 17", '"17" in quotes']),
    ("refund:", "null:", 5, ["a key is a name", "found null"]),
    ("refund:", "2024-01-31:", 5, ["2024-01-31 is a date", "in quotes"]),
    ("refund:", "? [a, b]\n  :", 5, ["a key is a name", "found a list of 2"]),
    (MEANS, "yes", 5, ["yes is a truth value", '"yes" in quotes']),
    (MEANS, "12:30:45", 5, ["60-based", '"12:30:45" in quotes']),
    (MEANS, "2024-01-31 10:00:00", 5, ["is a date"]),
    (MEANS, "", 5, ["nothing stands after 'refund:'"]),
    (MEANS, "!!python/object/apply:os.system [ls]", 5, ["the tag !!python/object/apply:os.system"]),
    (MEANS, "!!str 12", 5, ["the tag !!str"]),
    (MEANS, "*nowhere", 5, ["there is no &nowhere before *nowhere"]),
    (MEANS, "&a [*a]", 5, ["*a stands inside its own &a"]),
    ("", "seed: 012", END, ["012", "8-based", "write 12"]),
    ("", "seed: 1e3", END, ["1e3", "write 1000"]),
    ("", "seed: 1_000", END, ["1_000", "write 1000"]),
    ("", "seed: 0o17", END, ["0o17", "in quotes"]),
    ("", "pool: .inf", END, [".inf is infinity"]),
    ("", "seed: " + "9" * 30, END, ["30 digits"]),
    ("", "language: no", END, ["no is a truth value", '"no" in quotes']),
    ("", "many: on", END, ["on is a truth value", "write true"]),
    ("", 'many: "true"', END, ["many takes true or false", "found 'true'"]),
    ("", "seed: 1\nseed: 2", END + 1, ["the key 'seed' stands twice", f"line {END}"]),
    ("{label: 5, label*tone: 1}", "{label: 5, please}", 18, ["nothing stands after 'please:'", "comma", "quotes"]),
    ("", "<<: {seed: 1}", END, ["merge keys (<<)"]),
    ("", "---\nseed: 1", END, ["a second document"]),
    ("min_words: 3", "min_words: [" + "[" * 40 + "]" * 40 + "]", 15, ["more than 24 deep"]),
    ("min_words: 3", 'min_words: "a\\ud800"', 15, []),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_trap_of_yaml_is_one_sentence(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    assert_broken(tmp_path, old, new, line, words)


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

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipe.recipes import END, MEANS, assert_broken
from textsynth.core.errors import RecipeError
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlMap, describe_node, parse_yaml, resolve_scalar

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
    ("", "oversample: .inf", END, [".inf is infinity"]),
    ("", "seed: " + "9" * 30, END, ["30 digits"]),
    ("", "language: no", END, ["no is a truth value", '"no" in quotes']),
    ("", "multi_label: on", END, ["on is a truth value", "write true"]),
    ("", 'multi_label: "true"', END, ["many takes true or false", "found 'true'"]),
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
    mistakes = IssueCollector()
    node = parse_yaml(text, lambda line: Position(line, f"r:{line}"), mistakes)
    mistakes.stop()
    assert node is not None
    return node


def mistakes_of(text: str) -> list[str]:
    mistakes = IssueCollector()
    with suppress(RecipeError):
        parse_yaml(text, lambda line: Position(line, f"r:{line}"), mistakes)
    return [str(mistake) for mistake in mistakes.listed()]


def test_a_tree_keeps_its_order_and_its_lines() -> None:
    node = nodes("b: 1\na:\n  - x\n  - {c: 'y'}\n")
    assert to_python(node) == {"b": 1, "a": ["x", {"c": "y"}]}
    assert isinstance(node, YamlMap)
    assert list(node.entries) == ["b", "a"]
    assert node.marks["a"].where == "r:2"


def test_block_texts_are_texts() -> None:
    assert to_python(nodes("a: |\n  no\nb: >-\n  012\n")) == {"a": "no\n", "b": "012"}


def test_an_alias_is_what_its_anchor_was() -> None:
    assert to_python(nodes("a: &x [1, 2]\nb: *x\nc: &y z\nd: *y\n")) == {"a": [1, 2], "b": [1, 2], "c": "z", "d": "z"}


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
    assert parse_yaml("# nothing\n", lambda line: Position(line, ""), IssueCollector()) is None


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
    assert describe_node(nodes(text)) == words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0.7", 0.7),
        ("-.5", -0.5),
        ("2.", 2.0),
        ("00.5", 0.5),
        ("y", "y"),
        ("n", "n"),
        ("25k", "25k"),
        ("a1", "a1"),
        ("1.2.3", "1.2.3"),
        ("12 monkeys", "12 monkeys"),
        ("tRuE", "tRuE"),
        ("nO", "nO"),
        ("-", "-"),
        ("...", "..."),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("3:00 pm", "3:00 pm"),
    ],
)
def test_what_all_readers_agree_on(text: str, value: object) -> None:
    resolved = resolve_scalar(text)
    assert resolved.value == value
    assert type(resolved.value) is type(value)
    assert resolved.trap is None


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("yes", "write true"),
        ("NO", "write false"),
        ("Off", '"Off" in quotes'),
        ("012", "write 12 for the number"),
        ("-07", "write -7 for the number"),
        ("00", "write 0 for the number"),
        ("0x1F", "in quotes"),
        ("0b11", "in quotes"),
        ("12:30:45", "60-based"),
        ("3:00", "60-based"),
        ("2024-01-31", "date"),
        ("2024-1-1T10:00:00Z", "date"),
        ("1e3", "write 1000 for"),
        ("2.5e-3", "write 0.0025 for"),
        ("1e999", "in quotes"),
        ("1_000", "write 1000 for"),
        ("1_0.5", "in quotes"),
        (".inf", "infinity"),
        (".NaN", "infinity"),
        ("1" * 19, "19 digits"),
    ],
)
def test_what_they_do_not_agree_on(text: str, help_: str) -> None:
    resolved = resolve_scalar(text)
    assert resolved.value == text
    assert resolved.trap is not None
    assert help_ in resolved.trap


@given(st.text(alphabet="0123456789+-._eExXob:aTn ", max_size=24))
def test_a_number_is_finite_and_nothing_is_raised(text: str) -> None:
    resolved = resolve_scalar(text)
    if isinstance(resolved.value, float):
        assert math.isfinite(resolved.value)


# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
BROKEN_SYNTAX = [
    (MEANS, "asks: when", 5, ["a ':' stands where none can", "quotes"]),
    (MEANS, "@home", 5, ["may not begin with @", "quotes"]),
    (MEANS, '"asks', 5, ["a quote is opened and never closed"]),
    (MEANS, '"\\q"', 5, ["escape", "single quotes"]),
    ("", " seed: 1", END, ["does not line up", "indentation"]),
    ("  refund", "\trefund", 5, ["a tab indents this line"]),
    ("[hello]", "[${HELLO}]", 8, ['"${NAME}"', "quotes"]),
    ("hello]}}", "hello]", 9, ["closing bracket", "line 8"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN_SYNTAX)
def test_what_is_no_yaml_is_a_sentence_that_helps(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert_broken(tmp_path, old, new, line, words)

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipe.recipes import DESCRIPTION, LINE_AFTER, assert_one_issue
from textsynth.core.errors import RecipeError
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlMap, describe_node, parse_yaml, resolve_scalar

# Text of the recipe, its replacement ("" appends it), the line of the issue, and phrases of its sentence.
AMBIGUOUS = [
    ("refund:", "no:", 5, ["no is a boolean", '"no" in quotes']),
    ("refund:", "Off:", 5, ["Off is a boolean", '"Off" in quotes']),
    ("refund:", "true:", 5, ["a key is a name", "found true", '"true" in quotes']),
    ("refund:", "17:", 5, ["a key is a name", "found 17", '"17" in quotes']),
    ("refund:", "null:", 5, ["a key is a name", "found null"]),
    ("refund:", "2024-01-31:", 5, ["2024-01-31 is a date", "in quotes"]),
    ("refund:", "? [a, b]\n  :", 5, ["a key is a name", "found a list of 2"]),
    (DESCRIPTION, "yes", 5, ["yes is a boolean", '"yes" in quotes']),
    (DESCRIPTION, "12:30:45", 5, ["base-60", '"12:30:45" in quotes']),
    (DESCRIPTION, "2024-01-31 10:00:00", 5, ["is a date"]),
    (DESCRIPTION, "", 5, ["there is no value after 'refund:'"]),
    (DESCRIPTION, "!!python/object/apply:os.system [ls]", 5, ["the tag !!python/object/apply:os.system"]),
    (DESCRIPTION, "!!str 12", 5, ["the tag !!str"]),
    (DESCRIPTION, "*nowhere", 5, ["there is no &nowhere before *nowhere"]),
    (DESCRIPTION, "&a [*a]", 5, ["*a is inside its own &a"]),
    ("", "seed: 012", LINE_AFTER, ["012", "octal", "write 12"]),
    ("", "seed: 1e3", LINE_AFTER, ["1e3", "write 1000"]),
    ("", "seed: 1_000", LINE_AFTER, ["1_000", "write 1000"]),
    ("", "seed: 0o17", LINE_AFTER, ["0o17", "in quotes"]),
    ("", "oversample: .inf", LINE_AFTER, [".inf is infinity"]),
    ("", "seed: " + "9" * 30, LINE_AFTER, ["30 digits"]),
    ("", "language: no", LINE_AFTER, ["no is a boolean", '"no" in quotes']),
    ("", "multi_label: on", LINE_AFTER, ["on is a boolean", "write true"]),
    ("", 'multi_label: "true"', LINE_AFTER, ["multi_label takes true or false", "found 'true'"]),
    ("", "seed: 1\nseed: 2", LINE_AFTER + 1, ["the key 'seed' is given twice", f"line {LINE_AFTER}"]),
    ("{label: 5, label*tone: 1}", "{label: 5, please}", 18, ["there is no value after 'please:'", "comma", "quotes"]),
    ("", "<<: {seed: 1}", LINE_AFTER, ["merge keys (<<)"]),
    ("", "---\nseed: 1", LINE_AFTER, ["a second document"]),
    ("min_words: 3", "min_words: [" + "[" * 40 + "]" * 40 + "]", 15, ["more than 24 deep"]),
    ("min_words: 3", 'min_words: "a\\ud800"', 15, []),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), AMBIGUOUS)
def test_yaml_on_which_readers_disagree_is_one_issue(
    tmp_path: Path, old: str, new: str, line: int, phrases: list[str]
) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)


def parse(text: str) -> Node:
    issues = IssueCollector()
    node = parse_yaml(text, lambda line: Position(line, f"r:{line}"), issues)
    issues.raise_if_any()
    assert node is not None
    return node


def issues_of(text: str) -> list[str]:
    issues = IssueCollector()
    with suppress(RecipeError):
        parse_yaml(text, lambda line: Position(line, f"r:{line}"), issues)
    return [str(issue) for issue in issues.sorted_issues()]


def test_a_tree_keeps_order_and_line_numbers() -> None:
    node = parse("b: 1\na:\n  - x\n  - {c: 'y'}\n")
    assert to_python(node) == {"b": 1, "a": ["x", {"c": "y"}]}
    assert isinstance(node, YamlMap)
    assert list(node.entries) == ["b", "a"]
    assert node.marks["a"].where == "r:2"


def test_block_scalars_are_always_text() -> None:
    assert to_python(parse("a: |\n  no\nb: >-\n  012\n")) == {"a": "no\n", "b": "012"}


def test_an_alias_is_replaced_by_the_node_of_its_anchor() -> None:
    assert to_python(parse("a: &x [1, 2]\nb: *x\nc: &y z\nd: *y\n")) == {"a": [1, 2], "b": [1, 2], "c": "z", "d": "z"}


def test_all_issues_of_a_tree_are_reported() -> None:
    assert issues_of("a: yes\nb: 012\na: 1\nc: !x 1\n") == [
        'r:1: yes is a boolean in some YAML readers and text in others: write true, or "yes" in quotes',
        'r:2: 012 is octal in some YAML readers and decimal in others: write 12 for the number, or "012" in quotes '
        "for the text",
        "r:3: the key 'a' is given twice, first in line 1",
        "r:4: the tag !x is not allowed in a recipe: remove it",
    ]


def test_an_empty_entry_of_a_list_is_an_issue() -> None:
    assert issues_of("a:\n  -\n  - b\n") == [
        "r:2: there is no value after this '-'; indent the value deeper, write [] for none, or remove the colon behind "
        "the name of a component"
    ]


def test_a_text_without_a_document_has_no_tree() -> None:
    assert parse_yaml("# nothing\n", lambda line: Position(line, ""), IssueCollector()) is None


def test_aliases_that_multiply_are_stopped_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    (issue,) = issues_of("\n".join(lines))
    assert "more than 200,000 values" in issue


@pytest.mark.parametrize(
    ("text", "description"),
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
def test_a_node_is_described_as_it_was_written(text: str, description: str) -> None:
    assert describe_node(parse(text)) == description


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
def test_a_scalar_on_which_all_readers_agree_has_its_value(text: str, value: object) -> None:
    resolved = resolve_scalar(text)
    assert resolved.value == value
    assert type(resolved.value) is type(value)
    assert resolved.ambiguity is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("yes", "write true"),
        ("NO", "write false"),
        ("Off", '"Off" in quotes'),
        ("012", "write 12 for the number"),
        ("-07", "write -7 for the number"),
        ("00", "write 0 for the number"),
        ("0x1F", "in quotes"),
        ("0b11", "in quotes"),
        ("12:30:45", "base-60"),
        ("3:00", "base-60"),
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
def test_a_scalar_on_which_readers_disagree_has_a_hint(text: str, hint: str) -> None:
    resolved = resolve_scalar(text)
    assert resolved.value == text
    assert resolved.ambiguity is not None
    assert hint in resolved.ambiguity


@given(st.text(alphabet="0123456789+-._eExXob:aTn ", max_size=24))
def test_a_number_is_finite_and_no_text_raises_an_error(text: str) -> None:
    resolved = resolve_scalar(text)
    if isinstance(resolved.value, float):
        assert math.isfinite(resolved.value)


SYNTAX_ERRORS = [
    (DESCRIPTION, "asks: when", 5, ["a ':' is not allowed here", "quotes"]),
    (DESCRIPTION, "@home", 5, ["may not begin with @", "quotes"]),
    (DESCRIPTION, '"asks', 5, ["a quote is opened and never closed"]),
    (DESCRIPTION, '"\\q"', 5, ["escape", "single quotes"]),
    ("", " seed: 1", LINE_AFTER, ["is not aligned", "indentation"]),
    ("  refund", "\trefund", 5, ["a tab indents this line"]),
    ("[hello]", "[${HELLO}]", 8, ['"${NAME}"', "quotes"]),
    ("hello]}}", "hello]", 9, ["closing bracket", "line 8"]),
]


@pytest.mark.parametrize(("old", "new", "line", "phrases"), SYNTAX_ERRORS)
def test_a_syntax_error_is_one_issue_with_a_hint(
    tmp_path: Path, old: str, new: str, line: int, phrases: list[str]
) -> None:
    assert_one_issue(tmp_path, old, new, line, phrases)

from __future__ import annotations

import pytest

from textsynth.parse.list_markers import BLANK, Marked, lines_of, marked, stripped, unquoted


def test_all_blank_space_of_python_is_blank_here() -> None:
    assert {chr(code) for code in range(0x11_0000) if chr(code).isspace()} <= set(BLANK)
    assert stripped(BLANK + "a" + BLANK + "b" + BLANK) == "a" + BLANK + "b"


@pytest.mark.parametrize(
    ("quoted", "bare"),
    [
        ('"a"', "a"),
        ("„a“", "a"),
        ("«a»", "a"),
        ("»a«", "a"),
        ("「a」", "a"),
        ("‘it’s’", "it’s"),
        ("'it's'", "it's"),
        ("'a' or 'b'", "'a' or 'b'"),
        ('"a', '"a'),
        ('"', '"'),
        ('a"', 'a"'),
        ('""a""', '""a""'),
    ],
)
def test_only_quotes_that_enclose_all_come_off(quoted: str, bare: str) -> None:
    assert unquoted(quoted) == bare


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("1. a", Marked(0, 1, "a")),
        ("  12) a", Marked(2, 12, "a")),
        ("(3) a", Marked(0, 3, "a")),
        ("3.) a", Marked(0, 3, "a")),
        ("__4.__ a", Marked(0, 4, "a")),
        ("**5. a** b", Marked(0, 5, "a b")),
        ("6.", Marked(0, 6, "")),
        ("- a", Marked(0, None, "a")),
        ("•a", Marked(0, None, "a")),
        ("-a", None),
        ("1.5 a", None),
        ("1... a", None),
        ("2024. a", None),
        ("1 a", None),
        ("a 1. b", None),
        ("", None),
    ],
)
def test_marks_of_a_list(line: str, mark: Marked | None) -> None:
    assert marked(line) == mark


def test_fences_and_rules_are_blank_lines() -> None:
    assert lines_of("```text\na\r\n---\n* * *\nb\n``` c d\n--\n```") == ["", "a", "", "", "b", "``` c d", "--", ""]

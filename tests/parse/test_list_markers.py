from __future__ import annotations

import pytest

from textsynth.parse.list_markers import BLANK, MarkedLine, answer_lines, parse_marker, strip_outer, strip_quotes


def test_everything_that_str_isspace_accepts_is_stripped() -> None:
    assert {chr(code) for code in range(0x11_0000) if chr(code).isspace()} <= set(BLANK)
    assert strip_outer(BLANK + "a" + BLANK + "b" + BLANK) == "a" + BLANK + "b"


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
def test_only_quotes_that_enclose_the_whole_text_are_removed(quoted: str, bare: str) -> None:
    assert strip_quotes(quoted) == bare


@pytest.mark.parametrize(
    ("line", "marker"),
    [
        ("1. a", MarkedLine(0, 1, "a")),
        ("  12) a", MarkedLine(2, 12, "a")),
        ("(3) a", MarkedLine(0, 3, "a")),
        ("3.) a", MarkedLine(0, 3, "a")),
        ("__4.__ a", MarkedLine(0, 4, "a")),
        ("**5. a** b", MarkedLine(0, 5, "a b")),
        ("6.", MarkedLine(0, 6, "")),
        ("- a", MarkedLine(0, None, "a")),
        ("•a", MarkedLine(0, None, "a")),
        ("-a", None),
        ("1.5 a", None),
        ("1... a", None),
        ("2024. a", None),
        ("1 a", None),
        ("a 1. b", None),
        ("", None),
    ],
)
def test_list_numbers_and_bullets_are_parsed(line: str, marker: MarkedLine | None) -> None:
    assert parse_marker(line) == marker


def test_code_fences_and_rules_become_empty_lines() -> None:
    assert answer_lines("```text\na\r\n---\n* * *\nb\n``` c d\n--\n```") == ["", "a", "", "", "b", "``` c d", "--", ""]

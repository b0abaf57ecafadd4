"""Plain scalars: what a word without quotes means, by the few rules that all YAML readers agree on.

`true`, `false`, `null`, whole numbers and decimal numbers are read; everything else is text. What YAML 1.1 and 1.2
read differently (`no`, `012`, `12:30:45`, `1e3`, `2024-01-31`) is a trap: the reader says so instead of choosing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Value = str | int | float | bool | None

WORDS: dict[str, Value] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)")
MAX_DIGITS = 18
FIRST = frozenset("0123456789+-.")

# The shapes that some reader takes for a number or a date, and the words for what it would be.
TRAPS = (
    (re.compile(r"[-+]?0[0-9_]+"), "is 8-based in some YAML readers and 10-based in others"),
    (re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)"), "is a number in some YAML readers only"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "is a 60-based number in some YAML readers"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?"), "is a date in some YAML readers"),
    (re.compile(r"[-+]?[0-9]*\.?[0-9]*[eE][-+]?[0-9]+"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?[0-9.]*_[0-9._]*"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), "is infinity or not a number, which no setting takes"),
)


class Resolved(NamedTuple):
    """The value of a plain scalar, and, if YAML readers disagree about it, the sentence that says so."""

    value: Value
    trap: str | None = None


def resolve(text: str) -> Resolved:
    """Return what a plain scalar means; a trap keeps its text as the value."""
    if text in WORDS:
        return Resolved(WORDS[text])
    truth = TRUTHS.get(text.lower())
    if truth is not None and text in {text.lower(), text.upper(), text.capitalize()}:
        return Resolved(
            text,
            f'{text} is a truth value in some YAML readers and text in others: write {truth}, or "{text}" in quotes',
        )
    return _number(text) if text[0] in FIRST else Resolved(text)


def _number(text: str) -> Resolved:
    if INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return Resolved(
                text, f"{text[:12]}… has {len(text)} digits, more than a number may have: put quotes around it"
            )
        return Resolved(int(text))
    if DECIMAL.fullmatch(text):
        return Resolved(float(text))
    for shape, why in TRAPS:
        if shape.fullmatch(text):
            return Resolved(text, f"{text} {why}: write {_meant(text)}")
    return Resolved(text)


def _meant(text: str) -> str:
    quoted = f'"{text}" in quotes'
    if re.fullmatch(r"[-+]?0[0-9]+", text):
        return f"{int(text)} for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*[eE][-+]?[0-9]{1,2}", text):
        return f"{float(text):.12f}".rstrip("0").rstrip(".") + f" for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*", text):
        return f"{text.replace('_', '')} for the number, or {quoted} for the text"
    return quoted

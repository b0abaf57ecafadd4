"""Removes what surrounds a text in an answer: white space, quotes, list numbers, bullets and code fences."""

from __future__ import annotations

import re
from typing import NamedTuple

QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "»": "«", "‘": "’", "'": "'", "「": "」", "『": "』"}
"""Closing quote by opening quote."""
BLANK = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\x00\ufeff\u200b\u2060"
)
"""What str.strip() removes, and NUL, the byte order mark and zero-width spaces, which are invisible."""

_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
# Matches 1. 1) 1.) (1) **1.** 1、 but neither 1.5 nor 1...
_NUMBER = re.compile(
    r"(?P<indent>[ \t]*)(?P<bold>\*\*|__)?"
    r"(?:(?P<number>\d{1,3})(?:[.)]{1,2}(?=\s|$|[^\d\s.])|[、．）])|[(（](?P<in_brackets>\d{1,3})[)）])"
    r"(?P<bold_end>\*\*|__)?[ \t]*"
)
_BULLET = re.compile(r"(?P<indent>[ \t]*)(?:[-*–](?=[ \t]|$)|[•·▪‣◦●○∙])[ \t]*")
_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*[\w-]*[ \t]*")
_RULE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}")


class MarkedLine(NamedTuple):
    """A line that begins a list item: its indent in characters, its number (None for a bullet), and the text."""

    indent: int
    number: int | None
    text: str


def strip_outer(text: str) -> str:
    """Return the text without white space, NULs and zero-width spaces at both ends."""
    return text.strip(BLANK)


def strip_quotes(text: str) -> str:
    """Return the text, stripped, without one pair of quotes that encloses all of it.

    `"a" and "b"` stays as it is: its outer quotes belong to two pairs. A pair of quotes alone becomes an empty text.
    """
    text = strip_outer(text)
    closing = QUOTES.get(text[:1])
    if closing is None or len(text) < 2 or text[-1] != closing:
        return text
    inner = text[1:-1]
    without_apostrophes = _APOSTROPHE.sub("", inner)
    has_more_quotes = text[0] in without_apostrophes or closing in without_apostrophes
    return text if has_more_quotes else strip_outer(inner)


def parse_marker(line: str) -> MarkedLine | None:
    """Return the parts of a line that begins with a list number or bullet, None for any other line."""
    bullet = _BULLET.match(line)
    if bullet is not None:
        return MarkedLine(len(bullet["indent"]), None, line[bullet.end() :])
    match = _NUMBER.match(line)
    if match is None:
        return None
    text, bold = line[match.end() :], match["bold"]
    if bold is not None and match["bold_end"] is None:
        # **1. Title** text: the bold type begins before the number, so remove its end as well.
        text = text.replace(bold, "", 1)
    return MarkedLine(len(match["indent"]), int(match["number"] or match["in_brackets"]), text)


def answer_lines(answer: str) -> list[str]:
    """Return the lines of an answer; lines of code fences (```) and horizontal rules (---) become empty."""
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return ["" if _FENCE.fullmatch(line) or _RULE.fullmatch(line) else line for line in lines]

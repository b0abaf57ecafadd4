"""What surrounds a text in an answer and is no part of it: blank space, quotes, numbers, bullets, fences."""

from __future__ import annotations

import re
from typing import NamedTuple

QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "»": "«", "‘": "’", "'": "'", "「": "」", "『": "』"}
# All that str.strip() takes off, and NUL, the byte order mark and zero-width blanks: invisible, and never meant.
BLANK = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\x00\ufeff\u200b\u2060"
)

_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
# 1. 1) 1.) (1) **1.** 1、 but not 1.5 and not 1...
_NUMBER = re.compile(
    r"(?P<indent>[ \t]*)(?P<bold>\*\*|__)?"
    r"(?:(?P<number>\d{1,3})(?:[.)]{1,2}(?=\s|$|[^\d\s.])|[、．）])|[(（](?P<inside>\d{1,3})[)）])"
    r"(?P<closed>\*\*|__)?[ \t]*"
)
_BULLET = re.compile(r"(?P<indent>[ \t]*)(?:[-*–](?=[ \t]|$)|[•·▪‣◦●○∙])[ \t]*")
_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*[\w-]*[ \t]*")
_RULE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}")


class MarkedLine(NamedTuple):
    """A line that begins an item: its indent in characters, its number (None for a bullet), and what follows."""

    indent: int
    number: int | None
    text: str


def strip_outer(text: str) -> str:
    """Return `text` without blank space, NULs and zero-width blanks at its ends."""
    return text.strip(BLANK)


def strip_quotes(text: str) -> str:
    """Return a text, stripped, without one pair of quotes that encloses all of it.

    `"a" and "b"` stays: its outer quotes are two pairs. A text that is only a pair of quotes becomes empty.
    """
    text = strip_outer(text)
    closing = QUOTES.get(text[:1])
    if closing is None or len(text) < 2 or text[-1] != closing:
        return text
    inner = text[1:-1]
    bare = _APOSTROPHE.sub("", inner)
    return text if text[0] in bare or closing in bare else strip_outer(inner)


def parse_marker(line: str) -> MarkedLine | None:
    """Return what a list's number or bullet at the head of a line marks, or None where there is neither."""
    bullet = _BULLET.match(line)
    if bullet is not None:
        return MarkedLine(len(bullet["indent"]), None, line[bullet.end() :])
    found = _NUMBER.match(line)
    if found is None:
        return None
    text, bold = line[found.end() :], found["bold"]
    if bold is not None and found["closed"] is None:
        # **1. Title** text: the bold begins before the number
        text = text.replace(bold, "", 1)
    return MarkedLine(len(found["indent"]), int(found["number"] or found["inside"]), text)


def answer_lines(answer: str) -> list[str]:
    """Return the lines of an answer; the lines of code fences (```) and rules (---) are blank."""
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return ["" if _FENCE.fullmatch(line) or _RULE.fullmatch(line) else line for line in lines]

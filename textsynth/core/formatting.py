"""Small turns of phrase that all output shares: durations, counts, texts made safe for a terminal or a file."""

from __future__ import annotations

import re
import unicodedata

# What moves the cursor, changes colours or turns the reading direction would let a text from a model draw over ours.
HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
PLAIN = re.compile(r"[ -~\n]*")


def escape_control(text: str) -> str:
    """Return `text` with control and format characters written out (ESC as backslash x1b); newlines stay."""
    if PLAIN.fullmatch(text):
        return text
    return "".join(char if char == "\n" or not _harmful(char) else _escaped(char) for char in text)


def valid_unicode(text: str) -> str:
    """Return the text as UTF-8 can hold it: half a surrogate pair, from a broken JSON escape, becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def display_width(text: str) -> int:
    """Count the columns that a line takes on a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def format_duration(seconds: float) -> str:
    """Return a duration as `42 s`, `3:07` (minutes) or `1:02:03` (hours); negative ones count as 0."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def pluralize(number: int, noun: str) -> str:
    """Return `1 text`, `0 texts`, `1,200 texts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_percent_range(low: float, high: float) -> str:
    """Return the ends of an interval of a share as `69–96 %`."""
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def waiting_for_review(number: int) -> str:
    """Return `1 text waits for a person`, `3 texts wait for a person`."""
    return f"{pluralize(number, 'text')} wait{'s' * (number == 1)} for a person"


def _harmful(char: str) -> bool:
    # joiners shape letters and emoji of honest texts
    return unicodedata.category(char) in HARMFUL and char not in "\u200c\u200d"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")

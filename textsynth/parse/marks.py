"""What surrounds a text in an answer and is no part of it: blank space, quotes, control characters."""

from __future__ import annotations

QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "‘": "’", "'": "'", "「": "」", "『": "』"}
# NUL, a byte order mark and zero-width blanks at the edge of an answer are invisible and never meant.
BLANK = "\x00\ufeff\u200b\u2060"


def stripped(text: str) -> str:
    """Return `text` without blank space, NULs and zero-width blanks at its ends."""
    before = None
    while before != text:
        before = text
        text = text.strip().strip(BLANK)
    return text


def unquoted(text: str) -> str:
    """Return a stripped text without one pair of quotes that encloses all of it.

    `"a" and "b"` stays: its outer quotes are two pairs. A text that is only a pair of quotes becomes empty.
    """
    text = stripped(text)
    closing = QUOTES.get(text[:1])
    if closing is None or len(text) < 2 or text[-1] != closing:
        return text
    inner = text[1:-1]
    return text if text[0] in inner or closing in inner else stripped(inner)

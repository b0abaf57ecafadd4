"""Texts that were read in the wrong encoding (`cafÃ©`), and control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

PART = 1000
CONTROL = re.compile("[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Control characters but for those that are white space; no text needs them."""

PLAIN_ASCII = bytes(code for code in range(128) if CONTROL.match(chr(code)) is None)

# The bytes 80 to BF of UTF-8 as characters of Latin-1 or Windows-1252, without quotes, dashes and spaces, which may
# follow a letter in an ordinary text.
_CONTINUATION = "\x80-\x9f¡-ª¬-º¼-¿€‚ƒ„†‡ˆ‰Š‹ŒŽ•˜™š›œžŸ"
_MISREAD = re.compile(
    f"Ã[{_CONTINUATION}]|Â[\xa0£°©®·§±²³µ¿¡€]|â€[\x80-\x9f™œ\x9d“”˜¦¢]|â\x80[\x80-\xbf]|ð\x9f|ðŸ[{_CONTINUATION}]|ï»¿"
    f"|(?:[ÐÑ][{_CONTINUATION}\xa0“”‘’–—…«»]){{2}}|(?:[ÎÏ][{_CONTINUATION}\xa0“”‘’–—…«»]){{3}}|\ufffd"
)


def is_misread(text: str) -> bool:
    """Return whether a text looks like UTF-8 that was read as Latin-1 or Windows-1252, or has U+FFFD."""
    return not text.isascii() and _MISREAD.search(text) is not None


def encoding_notes(name: str, texts: Iterable[str]) -> list[str]:
    """Return a sentence on texts in the wrong encoding and one on texts with control characters, each with a count.

    `name` is what the sentences call the texts: `sources.seeds`.
    """
    misread = controlled = 0
    example = ""
    for text in _suspicious(texts):
        match = _MISREAD.search(text) if not text.isascii() else None
        if match is not None:
            misread += 1
            example = example or text[max(0, match.start() - 15) : match.end() + 5].strip()
        # Most texts are printable, which is found out faster.
        controlled += not text.isprintable() and CONTROL.search(text) is not None
    notes = []
    if misread:
        notes.append(
            f"{name}: {_count(misread)} like text that was read in the wrong encoding ({example!r}): save the file as "
            "UTF-8 from its original"
        )
    if controlled:
        notes.append(f"{name}: {controlled:,} of the texts {'has' if controlled == 1 else 'have'} control characters")
    return notes


def _suspicious(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts but for those of parts that are ASCII without control characters, which is much faster."""
    remaining = iter(texts)
    while part := list(islice(remaining, PART)):
        joined = "".join(part)
        if not joined.isascii() or joined.encode().translate(None, PLAIN_ASCII):
            yield from part


def _count(number: int) -> str:
    return "1 text looks" if number == 1 else f"{number:,} texts look"

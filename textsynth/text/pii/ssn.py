"""US social security numbers, `ddd-dd-dddd`; with spaces or without separators only where the text says what they are.

They have no check digit. Refused is what was never given out (area 000, 666 and 900 to 999, group 00, serial 0000);
passed over are the numbers of advertisements and placeholders (`123-45-6789`, one digit nine times).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = re.compile(
    r"(?<![\w/=.#-])(?!000|666|9)(\d{3})([- \u00a0\u2011]?)(?!00)(\d\d)\2(?!0000)(\d{4})(?![\w/]|[-.,]\d)", re.ASCII
)
_NAMED = re.compile(r"\b(?:ssn|social security)\b", re.IGNORECASE)
PLACEHOLDER_NUMBERS = {"078051120", "219099999", "457555462", "123456789", *(9 * digit for digit in "12345678")}


def find(text: str) -> Iterator[str]:
    """Yield the nine digits of each number, in the text's order."""
    for found in _NUMBER.finditer(text):
        area, gap, group, serial = found.groups()
        digits = area + group + serial
        hyphens = gap in {"-", "\u2011"}
        if digits not in PLACEHOLDER_NUMBERS and (
            hyphens or _NAMED.search(text, max(0, found.start() - 40), found.start())
        ):
            yield digits

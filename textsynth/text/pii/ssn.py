"""US social security numbers, `ddd-dd-dddd`; with spaces or without separators only after "SSN" or "social security".

They have no check digit. Ignores numbers that were never issued (area 000, 666 and 900 to 999, group 00, serial 0000)
and the numbers of advertisements and placeholders (`123-45-6789`, one digit nine times).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = re.compile(
    r"(?<![\w/=.#-])(?!000|666|9)(\d{3})([- \u00a0\u2011]?)(?!00)(\d\d)\2(?!0000)(\d{4})(?![\w/]|[-.,]\d)", re.ASCII
)
_ANNOUNCEMENT = re.compile(r"\b(?:ssn|social security)\b", re.IGNORECASE)
PLACEHOLDER_NUMBERS = {"078051120", "219099999", "457555462", "123456789", *(9 * digit for digit in "12345678")}


def find(text: str) -> Iterator[str]:
    """Yield the nine digits of each number, in text order."""
    for match in _NUMBER.finditer(text):
        area, separator, group, serial = match.groups()
        digits = area + group + serial
        if digits in PLACEHOLDER_NUMBERS:
            continue
        if separator in {"-", "\u2011"} or _ANNOUNCEMENT.search(text, max(0, match.start() - 40), match.start()):
            yield digits

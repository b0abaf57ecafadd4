"""National ids with a strong check: at most one in a hundred of the numbers in their format passes it.

France's social security number (two check digits, modulo 97), Spain's DNI and NIE (one letter of 23), Italy's codice
fiscale (format and one letter of 26), Brazil's CPF in its punctuated form (two check digits), Germany's tax number
(one check digit and the rule of repeated digits). Does not detect ids with one check digit and no distinctive format:
a tenth of all order numbers would pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# The value of a character at an odd position of a codice fiscale (D.M. 23/12/1976); at an even position: its ordinal.
ODD_VALUES = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10,
     22, 25, 24, 23), strict=True))  # fmt: skip
EXAMPLE_IDS = {
    "12345678Z", "00000000T", "X1234567L", "Y1234567X", "Z1234567R", "RSSMRA80A01H501U", "RSSMRA85T10A562S",
    "RSSMRA70A01H501S", "12345678909", "184127645108946", "86095742719", "65929970489", "47036892816",
}  # fmt: skip


def find(text: str) -> Iterator[str]:
    """Yield each id in capitals without separators, country by country."""
    for pattern, is_valid in FORMATS:
        for match in pattern.finditer(text):
            number = "".join(filter(str.isalnum, match.group())).upper()
            if is_valid(number) and number not in EXAMPLE_IDS:
                yield number


def is_french(digits: str) -> bool:
    """Return whether 15 characters are a French number: sex, year, month, place of birth, serial, check digits."""
    number = digits[:13].replace("2A", "19").replace("2B", "18") if digits[5:7] in {"2A", "2B"} else digits[:13]
    return number.isdecimal() and 97 - int(number) % 97 == int(digits[13:])


def is_spanish(number: str) -> bool:
    """Return whether eight digits (of a NIE: X, Y or Z and seven digits) end with the correct check letter."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return DNI_LETTERS[int(digits) % 23] == number[-1]


def is_italian(code: str) -> bool:
    """Return whether 16 characters end with the correct check letter."""
    even = sum(int(char, 36) % 10 if char.isdecimal() else ord(char) - ord("A") for char in code[1:15:2])
    return (sum(ODD_VALUES[char] for char in code[:15:2]) + even) % 26 == ord(code[15]) - ord("A")


def is_brazilian(digits: str) -> bool:
    """Return whether eleven digits end with the two correct check digits, and are not one repeated digit."""
    for length in (9, 10):
        weighted = sum(int(digit) * (length + 1 - index) for index, digit in enumerate(digits[:length]))
        if weighted * 10 % 11 % 10 != int(digits[length]):
            return False
    return len(set(digits)) > 1


def is_german(digits: str) -> bool:
    """Return whether eleven digits end with the correct check digit (ISO 7064, mod 11, 10).

    Among the first ten, exactly one digit occurs twice, or three times but not in a row, and every other at most once.
    """
    counts = sorted(Counter(digits[:10]).values())
    longest_run = max(len(list(run)) for _, run in groupby(digits[:10]))
    if counts[-1] not in {2, 3} or counts[-2] > 1 or (counts[-1] == 3 and longest_run == 3):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


IdFormat = tuple[re.Pattern[str], Callable[[str], bool]]
_BEFORE, _AFTER = r"(?<![\w/=#.-])", r"(?!\w|[-/.,]\d)"


def _format(pattern: str, is_valid: Callable[[str], bool]) -> IdFormat:
    return re.compile(_BEFORE + pattern + _AFTER, re.ASCII), is_valid


FORMATS: tuple[IdFormat, ...] = (
    _format(r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", is_french),
    _format(r"(?:\d{8}|\d\d\.\d{3}\.\d{3}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]", is_spanish),
    _format(r"(?i:[A-Z]{3} ?[A-Z]{3} ?\d\d[A-EHLMPRST]\d\d ?[A-Z]\d{3}[A-Z])", is_italian),
    _format(r"\d{3}\.\d{3}\.\d{3}-\d\d", is_brazilian),
    _format(r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", is_german),
)

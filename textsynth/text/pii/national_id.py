"""National ids whose check makes them precise: one in a hundred or fewer of the numbers of their form would pass.

France's number of social security (two digits, modulo 97), Spain's DNI and NIE (a letter of 23), Italy's codice fiscale
(form and a letter of 26), Brazil's CPF as it is written (two digits), Germany's tax number (a digit, and the rule of
repeated digits). Ids with one check digit and no form of their own are left out: a tenth of all order numbers would
pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# What a character in an odd place of a codice fiscale is worth (D.M. 23/12/1976); in an even place: its own number.
ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10,
     22, 25, 24, 23), strict=True))  # fmt: skip
EXAMPLE_IDS = {
    "12345678Z", "00000000T", "X1234567L", "Y1234567X", "Z1234567R", "RSSMRA80A01H501U", "RSSMRA85T10A562S",
    "RSSMRA70A01H501S", "12345678909", "184127645108946", "86095742719", "65929970489", "47036892816",
}  # fmt: skip


def find(text: str) -> Iterator[str]:
    """Yield each id in capitals without separators, country by country."""
    for pattern, checks in FORMS:
        for found in pattern.finditer(text):
            plain = "".join(filter(str.isalnum, found.group())).upper()
            if checks(plain) and plain not in EXAMPLE_IDS:
                yield plain


def is_french(digits: str) -> bool:
    """Whether 15 characters are a French number: sex, year, month, place of birth, serial, key."""
    number = digits[:13].replace("2A", "19").replace("2B", "18") if digits[5:7] in {"2A", "2B"} else digits[:13]
    return number.isdecimal() and 97 - int(number) % 97 == int(digits[13:])


def is_spanish(plain: str) -> bool:
    """Whether eight digits (of a NIE: X, Y or Z and seven) have the right letter."""
    digits = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return DNI_LETTERS[int(digits) % 23] == plain[-1]


def is_italian(plain: str) -> bool:
    """Whether 16 characters end with the right letter."""
    even = sum(int(char, 36) % 10 if char.isdecimal() else ord(char) - ord("A") for char in plain[1:15:2])
    return (sum(ODD[char] for char in plain[:15:2]) + even) % 26 == ord(plain[15]) - ord("A")


def is_brazilian(digits: str) -> bool:
    """Whether eleven digits end with the two right ones, and are not one digit eleven times."""
    for length in (9, 10):
        check = sum(int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length])) * 10 % 11 % 10
        if check != int(digits[length]):
            return False
    return len(set(digits)) > 1


def is_german(digits: str) -> bool:
    """Whether eleven digits end with the right one (ISO 7064, mod 11, 10).

    Of the first ten, one digit must stand there twice, or three times but not in a row, and every other one once.
    """
    often = sorted(Counter(digits[:10]).values())
    row = max(len(list(same)) for _, same in groupby(digits[:10]))
    if often[-1] not in {2, 3} or often[-2] > 1 or (often[-1] == 3 and row == 3):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


Form = tuple[re.Pattern[str], Callable[[str], bool]]
_BEFORE, _AFTER = r"(?<![\w/=#.-])", r"(?!\w|[-/.,]\d)"


def _form(pattern: str, checks: Callable[[str], bool]) -> Form:
    return re.compile(_BEFORE + pattern + _AFTER, re.ASCII), checks


FORMS: tuple[Form, ...] = (
    _form(r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", is_french),
    _form(r"(?:\d{8}|\d\d\.\d{3}\.\d{3}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]", is_spanish),
    _form(r"(?i:[A-Z]{3} ?[A-Z]{3} ?\d\d[A-EHLMPRST]\d\d ?[A-Z]\d{3}[A-Z])", is_italian),
    _form(r"\d{3}\.\d{3}\.\d{3}-\d\d", is_brazilian),
    _form(r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", is_german),
)

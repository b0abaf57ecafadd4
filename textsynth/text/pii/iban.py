"""International bank account numbers (IBAN): the country's length and correct check digits modulo 97 (ISO 13616).

Ignores the example numbers of the SWIFT registry and of textbooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_START = re.compile(r"(?<![^\W_])[A-Z]{2}\d\d(?=[ \u00a0\u2009\u202f-]?[A-Z0-9])", re.IGNORECASE | re.ASCII)
_GAP = "[ \u00a0\u2009\u202f\u2010\u2011-]?"
_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18
FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24
SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
_EXAMPLE_IBANS = """
AT611904300234573201 BE68539007547034 BG80BNBG96611020345678 CH9300762011623852957 CZ6508000000192000145399
DE89370400440532013000 DE75512108001245126199 DK5000400440116243 EE382200221020145685 ES9121000418450200051332
FI2112345600000785 FR1420041010050500013M02606 FR7630006000011234567890189 GB29NWBK60161331926819
GB33BUKB20201555555555 GB82WEST12345698765432 GR1601101250000000012300695 HR1210010051863000160
HU42117730161111101800000000 IE29AIBK93115212345678 IT60X0542811101000000123456 LU280019400644750000
NL91ABNA0417164300 NL02ABNA0123456789 NO9386011117947 PL61109010140000071219812874 PT50000201231234567890154
RO49AAAA1B31007593840000 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
"""
EXAMPLE_IBANS = frozenset(_EXAMPLE_IBANS.split())


def find(text: str) -> Iterator[str]:
    """Yield each number in capitals without spaces, in text order."""
    for start in _START.finditer(text):
        length = LENGTHS.get(start.group()[:2].upper())
        match = None if length is None else _pattern(length).match(text, start.start())
        if match is not None:
            number = "".join(filter(str.isalnum, match.group())).upper()
            if has_valid_check_digits(number) and number not in EXAMPLE_IBANS:
                yield number


def has_valid_check_digits(number: str) -> bool:
    """Return whether the check digits of a number in capitals without spaces are correct."""
    rotated = number[4:] + number[:4]
    return "02" <= number[2:4] <= "98" and int("".join(str(int(char, 36)) for char in rotated)) % 97 == 1


@cache
def _pattern(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z0-9](?:{_GAP}[A-Z0-9]){{{length - 1}}}(?!\w)", re.IGNORECASE | re.ASCII)

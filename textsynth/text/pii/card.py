"""Payment card numbers: an issuer's prefix with one of its lengths, and a correct Luhn check digit (ISO/IEC 7812-1).

The digits may be in groups of two or more, separated by one space or hyphen, or separated one by one. Ignores the
numbers that payment services publish for tests. Does not detect Visa's old numbers of 13 digits and Maestro's short
ones, because a tenth of all bar codes would match them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

GAP = "[ \u00a0\u2009\u202f\u2010\u2011-]"
# The first alternative consumes a run that starts like an IBAN, so that none of its groups is taken for a card.
_RUN = re.compile(
    rf"(?<!\w)[A-Z]{{2}}\d\d(?:{GAP}?\d){{8,}}|(?<![\w/=#.,])(?P<card>\d(?:{GAP}?\d){{13,}})(?!\w|[.,]\d)"
)
_GAP = re.compile(GAP)
LENGTHS = range(14, 20)
LENGTHS_16_TO_19 = (16, 17, 18, 19)
# The issuers: the lowest and the highest prefix of a range, and the lengths of its numbers.
ISSUERS = (
    ("4", "4", (16, 18, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, *LENGTHS_16_TO_19)),  # Diners Club
    ("3095", "3095", (14, *LENGTHS_16_TO_19)),
    ("36", "36", (14, *LENGTHS_16_TO_19)),
    ("38", "39", (14, *LENGTHS_16_TO_19)),
    ("6011", "6011", LENGTHS_16_TO_19),  # Discover
    ("644", "659", LENGTHS_16_TO_19),
    ("62", "62", LENGTHS_16_TO_19),  # UnionPay
    ("3528", "3589", LENGTHS_16_TO_19),  # JCB
    ("2200", "2204", LENGTHS_16_TO_19),  # Mir
    ("5018", "5018", LENGTHS_16_TO_19),  # Maestro
    ("5020", "5020", LENGTHS_16_TO_19),
    ("5038", "5038", LENGTHS_16_TO_19),
    ("5893", "5893", LENGTHS_16_TO_19),
    ("6304", "6304", LENGTHS_16_TO_19),
    ("6759", "6763", LENGTHS_16_TO_19),
    ("60", "60", (16,)),  # RuPay
    ("81", "82", (16,)),
)
_FIRST_DIGITS = {str(digit) for low, high, _ in ISSUERS for digit in range(int(low[0]), int(high[0]) + 1)}
_TEST_CARDS = """
4111111111111111 4242424242424242 4012888888881881 4000056655665556 4000000000000002 4000000000009995 4000000000003220
4000002500003155 4000000000000077 4000000000000341 4917610000000000 4988438843884305 4444333322221111 4263982640269299
4539578763621486 4716258050958645 4532015112830366 4539148803436467 4007000000027 4003830171874018 4263970000005262
5555555555554444 5105105105105100 5200828282828210 5454545454545454 5425233430109903 5500000000000004 5424000000000015
2223003122003222 2223000048400011 2222420000001113 2223016768739313 2222400010000008
378282246310005 371449635398431 378734493671000 370000000000002 374245455400126 340000000000009
6011111111111117 6011000990139424 6011000000000004 6011000000000012 6011981111111113
30569309025904 38520000023237 36227206271667 30000000000004 36148900647913 36700102000000
3530111333300000 3566002020360505 3566111111111113 3569990010095841 6200000000000005 6200000000000047 6759649826438453
6304000000000000 6771798021000008 6703444444444449 5019717010103742
"""
TEST_CARDS = frozenset(_TEST_CARDS.split())


def find(text: str) -> Iterator[str]:
    """Yield the digits of each card number, in text order."""
    for run in _RUN.finditer(text):
        if run["card"] is None:
            continue
        groups = _GAP.split(run["card"])
        if all(len(group) == 1 for group in groups):
            groups = ["".join(groups)]
        for number in _candidates(groups):
            if is_card(number) and number not in TEST_CARDS:
                yield number


def _candidates(groups: Sequence[str]) -> Iterator[str]:
    """Yield the numbers of a card's length that neighbouring groups form; a group of one digit ends a number."""
    digits = "".join(groups)
    ends = [*accumulate(map(len, groups))]
    start = lower = 0
    for first, end in enumerate(ends):
        if digits[start] in _FIRST_DIGITS:
            lower = max(lower, first)
            while lower < len(ends) and ends[lower] - start < LENGTHS[0]:
                lower += 1
            for last in range(lower, len(ends)):
                if ends[last] - start > LENGTHS[-1] or 1 in map(len, groups[first : last + 1]):
                    break
                yield digits[start : ends[last]]
        start = end


@lru_cache(maxsize=4096)
def is_card(digits: str) -> bool:
    """Return whether digits without separators have an issuer's prefix and length and a correct check digit."""
    return len(digits) in LENGTHS and _has_issuer(digits) and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    plain, doubled = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, plain)) + sum(sum(divmod(2 * int(digit), 10)) for digit in doubled)) % 10 == 0


def _has_issuer(digits: str) -> bool:
    for low, high, lengths in ISSUERS:
        if len(digits) in lengths and int(low) <= int(digits[: len(low)]) <= int(high):
            return True
    return False

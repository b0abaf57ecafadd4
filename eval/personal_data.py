"""What the filter `personal_data` drops of real data sets, what it misses there, and what it finds of planted data.

    python eval/personal_data.py DATA [--show] [--plant 1000]

DATA holds one folder of CSV and JSON Lines files for each data set. Each text is filtered once with the defaults.
`--show` prints every match for inspection: this is real data, do not copy it. Missed phone numbers are looked for in
sms_spam only: texts that pass although they contain ten or more digits beginning with 0. The planted data are made of
random digits; those with one changed digit must not be found.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from textsynth.core.records import Provenance, Record
from textsynth.filter.personal_data import PersonalData, PersonalDataSearch
from textsynth.text.pii.card import is_card
from textsynth.text.pii.iban import LENGTHS, has_valid_check_digits

SETS = "banking77 trec ag_news scitldr parrot_crowdflower parrot_intimacy stsb apty_dev summedits_dev snow_rte sms_spam"
LONG_NUMBER = re.compile(r"(?<!\d)0\d(?:[ -]?\d){8,}")
SPECIAL_CHARACTER = re.compile(r"[@:\d]")
MIN_POSITION = 8  # of a changed digit: the characters before it tell the kind of number


def main() -> None:
    """Print a row for each data set, then the misses, then the planted data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", action="store_true", help="print every match and every likely miss")
    parser.add_argument("--plant", type=int, default=1000, help="texts that get planted data")
    arguments = parser.parse_args()
    csv.field_size_limit(sys.maxsize)
    search = PersonalDataSearch(PersonalData(), "en")
    find_reasons(search, ["call 0161 234 5001"])  # loads the detectors, which is no cost of a text
    print(f"{'set':20} {'texts':>7} {'hits':>5} {'µs':>6}  kinds")
    for name in SETS.split():
        texts = read_set(arguments.data / name)
        if texts:
            print_set(name, texts, search, show=arguments.show)
    passing = print_sms_spam(read_set(arguments.data / "sms_spam"), search, show=arguments.show)
    print_planted(passing, search, arguments.plant)


def print_set(name: str, texts: Sequence[str], search: PersonalDataSearch, *, show: bool) -> None:
    """Print the row of a data set, and its matches."""
    reasons, cost = find_reasons(search, texts)
    counts = Counter(reason for reason in reasons if reason is not None)
    print(f"{name:20} {len(texts):7} {counts.total():5} {cost:6.1f}  {dict(counts.most_common())}")
    if show:
        for text, reason in zip(texts, reasons, strict=True):
            if reason is not None:
                print(f"    {reason}: {text[:300]!r}")


def print_sms_spam(texts: Sequence[str], search: PersonalDataSearch, *, show: bool) -> list[str]:
    """Print the cost of texts without special characters, and the likely misses; return the texts that pass."""
    plain = [text for text in texts if SPECIAL_CHARACTER.search(text) is None]
    print(f"\n{'sms_spam, no digit, @ or colon':40} {len(plain):7} texts {find_reasons(search, plain)[1]:6.1f} µs")
    reasons, _ = find_reasons(search, texts)
    passing = [text for text, reason in zip(texts, reasons, strict=True) if reason is None]
    missed = [text for text in passing if LONG_NUMBER.search(text)]
    print(f"{'sms_spam, 10 or more digits from 0, kept':40} {len(missed):7}")
    if show:
        for text in missed:
            matches = LONG_NUMBER.finditer(text)
            print("   ", [text[max(0, match.start() - 20) : match.end() + 12] for match in matches])
    return passing


def find_reasons(search: PersonalDataSearch, texts: Sequence[str]) -> tuple[list[str | None], float]:
    """Return the reason for each text, None where it passes, and the microseconds of CPU time a text."""
    records = [Record(text, Provenance("eval", index=index)) for index, text in enumerate(texts)]
    start = time.process_time()
    verdicts = [search.verdict(record) for record in records]
    seconds = time.process_time() - start
    return [verdict and verdict.reason for verdict in verdicts], seconds / max(len(texts), 1) * 1e6


def print_planted(texts: Sequence[str], search: PersonalDataSearch, count: int) -> None:
    """Plant made-up numbers in texts that pass, valid ones and ones with a changed digit; print how many are found."""
    generator = random.Random(1)
    hosts = generator.sample(list(texts), min(count, len(texts)))
    print(f"\n{'planted':20} {'found':>13} {'with a changed digit':>22}")
    for kind, make in (("card", make_card), ("iban", make_iban)):
        valid = [make(generator) for _ in hosts]
        invalid = [change_digit(number, generator) for number in valid]
        detected = [
            sum(
                find_reasons(search, [insert(host, number, generator)])[0][0] is not None
                for host, number in zip(hosts, numbers, strict=True)
            )
            for numbers in (valid, invalid)
        ]
        print(f"{kind:20} {detected[0]:6} of {len(hosts):4} {detected[1]:14} of {len(hosts):4}")


def insert(host: str, number: str, generator: random.Random) -> str:
    """Return the text with the number between two of its words."""
    words = host.split()
    position = generator.randint(0, len(words))
    return " ".join([*words[:position], "it is", number, "so", *words[position:]])


def make_card(generator: random.Random) -> str:
    """Return a made-up card number in a usual grouping."""
    while True:
        prefix = generator.choice(("4", "52", "2300", "37", "6011"))
        length = 15 if prefix == "37" else 16
        digits = prefix + "".join(generator.choices("0123456789", k=length - len(prefix)))
        if is_card(digits):
            return group(digits, generator.choice(("", " ", "-")), (4, 6, 5) if length == 15 else (4, 4, 4, 4))


def make_iban(generator: random.Random) -> str:
    """Return a made-up IBAN in a usual grouping."""
    country = generator.choice(sorted(LENGTHS))
    account = "".join(generator.choices("0123456789", k=LENGTHS[country] - 4))
    number = next(iban for key in range(2, 99) if has_valid_check_digits(iban := f"{country}{key:02}{account}"))
    return group(number, generator.choice(("", " ")), (4,) * 9)


def change_digit(number: str, generator: random.Random) -> str:
    """Return the number with one digit after the first nine characters changed."""
    positions = [index for index, char in enumerate(number) if index > MIN_POSITION and char.isdecimal()]
    position = generator.choice(positions)
    digit = generator.choice([digit for digit in "0123456789" if digit != number[position]])
    return number[:position] + digit + number[position + 1 :]


def group(text: str, separator: str, sizes: Sequence[int]) -> str:
    """Return the text in groups of these sizes."""
    groups = []
    for size in sizes:
        groups.append(text[:size])
        text = text[size:]
    return separator.join(filter(None, groups))


def read_set(folder: Path) -> list[str]:
    """Return the different texts of a data set, sorted; files of annotations are left out."""
    paths = [path for path in (*folder.glob("*.csv"), *folder.glob("*.jsonl")) if "annotations" not in path.name]
    return sorted({text for path in paths for text in read_texts(path)})


def read_texts(path: Path) -> Iterator[str]:
    """Yield every text of more than one word in a file, whatever its column."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = (json.loads(line) for line in file) if path.suffix == ".jsonl" else csv.DictReader(file)
        for row in rows:
            for value in row.values():
                for text in value if isinstance(value, list) else [value]:
                    if isinstance(text, str) and " " in text:
                        yield text


if __name__ == "__main__":
    main()

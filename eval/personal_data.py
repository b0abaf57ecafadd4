"""What the check `personal_data` drops of real sets, what it misses there, and what it finds of planted data.

    python eval/personal_data.py DATA [--show] [--plant 1000]

DATA holds folders of CSV and JSON lines, one a set. Each text is judged once, with the defaults. `--show` prints every
hit, to be looked at: they are real data, do not copy them. Missed phone numbers are looked for in sms_spam alone: texts
that pass though ten or more digits beginning with 0 stand in them. The planted data are made from random digits; the
ones with a changed digit must not be found.
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
MISSED = re.compile(r"(?<!\d)0\d(?:[ -]?\d){8,}")
PLAIN = re.compile(r"[@:\d]")


def main() -> None:
    """Print a row for each set, then what was missed and what was planted."""
    args = parser().parse_args()
    csv.field_size_limit(sys.maxsize)
    search = PersonalDataSearch(PersonalData(), "en")
    judge(search, ["call 0161 234 5001"])  # what is loaded once is no cost of a text
    print(f"{'set':20} {'texts':>7} {'hits':>5} {'µs':>6}  kinds")
    for name in SETS.split():
        texts = sorted({text for path in files(args.data / name) for text in read(path)})
        if texts:
            show(name, texts, search, every=args.show)
    sms = sorted({text for path in files(args.data / "sms_spam") for text in read(path)})
    plain = [text for text in sms if PLAIN.search(text) is None]
    print(f"\n{'sms_spam, no digit, @ or colon':40} {len(plain):7} texts {judge(search, plain)[1]:6.1f} µs")
    passed = [text for text, reason in zip(sms, judge(search, sms)[0], strict=True) if reason is None]
    missed = [text for text in passed if MISSED.search(text)]
    print(f"{'sms_spam, 10 or more digits from 0, kept':40} {len(missed):7}")
    for text in missed if args.show else ():
        print("   ", [text[max(0, one.start() - 20) : one.end() + 12] for one in MISSED.finditer(text)])
    plant(passed, search, args.plant)


def show(name: str, texts: Sequence[str], search: PersonalDataSearch, *, every: bool) -> None:
    """Print a set's row, and its hits."""
    reasons, cost = judge(search, texts)
    found = Counter(reason for reason in reasons if reason is not None)
    print(f"{name:20} {len(texts):7} {found.total():5} {cost:6.1f}  {dict(found.most_common())}")
    if every:
        for text, reason in zip(texts, reasons, strict=True):
            if reason is not None:
                print(f"    {reason}: {text[:300]!r}")


def judge(search: PersonalDataSearch, texts: Sequence[str]) -> tuple[list[str | None], float]:
    """Return the reason for each text, None where it passes, and the microseconds of CPU a text."""
    records = [Record(text, Provenance("eval", index=place)) for place, text in enumerate(texts)]
    start = time.process_time()
    verdicts = [search.verdict(record) for record in records]
    spent = time.process_time() - start
    return [verdict and verdict.reason for verdict in verdicts], spent / max(len(texts), 1) * 1e6


def plant(texts: Sequence[str], search: PersonalDataSearch, number: int) -> None:
    """Put made-up data into texts that pass, as they are and with one digit changed, and print what is found."""
    draw = random.Random(1)
    hosts = draw.sample(list(texts), min(number, len(texts)))
    print(f"\n{'planted':20} {'found':>13} {'with a changed digit':>22}")
    for kind, make in (("card", card), ("iban", iban)):
        right = [make(draw) for _ in hosts]
        wrong = [changed(datum, draw) for datum in right]
        found = [
            sum(
                judge(search, [put(host, datum, draw)])[0][0] is not None
                for host, datum in zip(hosts, data, strict=True)
            )
            for data in (right, wrong)
        ]
        print(f"{kind:20} {found[0]:6} of {len(hosts):4} {found[1]:14} of {len(hosts):4}")


def put(host: str, datum: str, draw: random.Random) -> str:
    """Return the text with the datum between two of its words."""
    words = host.split()
    place = draw.randint(0, len(words))
    return " ".join([*words[:place], "it is", datum, "so", *words[place:]])


def card(draw: random.Random) -> str:
    """Return a made-up card number in a usual grouping."""
    while True:
        first = draw.choice(("4", "52", "2300", "37", "6011"))
        length = 15 if first == "37" else 16
        digits = first + "".join(draw.choices("0123456789", k=length - len(first)))
        if is_card(digits):
            return grouped(digits, draw.choice(("", " ", "-")), (4, 6, 5) if length == 15 else (4, 4, 4, 4))


def iban(draw: random.Random) -> str:
    """Return a made-up IBAN in a usual grouping."""
    country = draw.choice(sorted(LENGTHS))
    account = "".join(draw.choices("0123456789", k=LENGTHS[country] - 4))
    number = next(one for key in range(2, 99) if has_valid_check_digits(one := f"{country}{key:02}{account}"))
    return grouped(number, draw.choice(("", " ")), (4,) * 9)


def changed(datum: str, draw: random.Random) -> str:
    """Return the datum with one digit behind the first eight characters changed."""
    place = draw.choice([place for place, char in enumerate(datum) if place > 8 and char.isdecimal()])
    return datum[:place] + draw.choice([digit for digit in "0123456789" if digit != datum[place]]) + datum[place + 1 :]


def grouped(text: str, gap: str, sizes: Sequence[int]) -> str:
    """Return the text in groups of these sizes."""
    groups = []
    for size in sizes:
        groups.append(text[:size])
        text = text[size:]
    return gap.join(filter(None, groups))


def files(folder: Path) -> list[Path]:
    """Return the files of a set; annotations of persons are no texts."""
    found = sorted([*folder.glob("*.csv"), *folder.glob("*.jsonl")])
    return [path for path in found if "annotations" not in path.name]


def read(path: Path) -> Iterator[str]:
    """Yield every text of more than one word in a file, whatever its column."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = (json.loads(line) for line in file) if path.suffix == ".jsonl" else csv.DictReader(file)
        for row in rows:
            for value in row.values():
                for text in value if isinstance(value, list) else [value]:
                    if isinstance(text, str) and " " in text:
                        yield text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("data", type=Path)
    found.add_argument("--show", action="store_true", help="print every hit and every likely miss")
    found.add_argument("--plant", type=int, default=1000, help="texts that get planted data")
    return found


if __name__ == "__main__":
    main()

"""Drops texts that hold structured personal data: addresses and numbers that can be told by their form and checksums.

E-mail addresses, phone numbers (international, and as the countries of the recipe's language write them), payment cards
(issuer and Luhn), IBANs (length and modulo 97), public IP addresses, US social security numbers, and French, Spanish,
Italian, Brazilian and German ids. Where the task is to paraphrase or to summarize, what a text rewrites is looked at,
too, as it is published beside it. Known to be nobody's, and kept: example.com and its like, 555-01xx, test cards,
private and documentation addresses. A reason names the kind and never repeats the datum.

Does not catch: names, postal addresses, dates of birth, user names, a person described in words, ids without a
checksum, phone numbers without their area code or grown together with what follows, and obfuscated writing ("anna at
example dot com").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Filter, StatelessFilterSession
from textsynth.core.records import REWRITES, Record, Verdict

Kind = Literal["email", "phone", "card", "iban", "ip", "ssn", "national_id"]
Find = Callable[[str], Iterable[str]]
REASONS: Mapping[Kind, str] = {
    "email": "holds an e-mail address",
    "card": "holds the number of a payment card",
    "iban": "holds an IBAN",
    "ip": "holds an IP address",
    "ssn": "holds a US social security number",
    "national_id": "holds the number of a national id",
    "phone": "holds a phone number",
}
# How a reason calls what stands beside the text in the published rows, by its field.
BESIDE = {"source_text": "the text it rewrites", "document": "its document"}
_ANYTHING = re.compile(r"[@\d]")
_FEWEST_DIGITS = re.compile(r"(?:\d\D*){7}")
_NUMBERS: frozenset[Kind] = frozenset(("card", "iban", "ssn", "national_id", "phone"))
_DOMAIN = re.compile(r"@?((?:[\w-]+\.)+[^\W\d_]{2,24})")


def known_country(code: str) -> str:
    """Return the code as it is. Raises ValueError where it is none whose phone numbers are known."""
    from textsynth.text.pii.phone import supported_countries

    known = supported_countries()
    if code in known:
        return code
    meant = "GB" if code.upper() == "UK" else code.upper()
    hint = f" (did you mean {meant!r}?)" if meant in known else ""
    raise ValueError(f"a country is given by its ISO code, such as US or DE{hint}")


if TYPE_CHECKING:
    Kinds = Sequence[Kind]
    Countries = Sequence[str]
else:
    Kinds = tuple[Kind, ...]
    Countries = tuple[Annotated[str, AfterValidator(known_country)], ...]


class PersonalData(Filter):
    """Keeps texts without structured personal data."""

    kinds: Kinds = Field(default=tuple(REASONS), description="what is looked for")
    allow: Texts = Field(
        default=(), description="what may stand in a text: domains, and addresses or numbers, however they are written"
    )
    countries: Countries | None = Field(
        default=None,
        description="whose way of writing phone numbers counts (ISO codes); left out: where the recipe's language is "
        "spoken; the international way always counts",
    )

    @field_validator("kinds")
    @classmethod
    def _some(cls, kinds: Kinds) -> Kinds:
        if not kinds:
            raise ValueError("nothing would be looked for; leave it out for every kind")
        return kinds

    def start(self, context: Context) -> StatelessFilterSession:
        """Return the filter at work; what it looks with loads with the first text, when requests are under way."""
        search = cache(lambda: PersonalDataSearch(self, context.language, context.task))
        return StatelessFilterSession(lambda record: search().verdict(record))

    def check(self, record: Record) -> Verdict | None:
        """Return the first kind found, with phone numbers as English-speaking countries write them."""
        return PersonalDataSearch(self, "en").verdict(record)


class PersonalDataSearch:
    """Looks for the kinds that a recipe wants found, and passes over what it allows."""

    def __init__(self, step: PersonalData, language: str, task: str = "classification") -> None:
        from textsynth.text.pii import card, email, iban, ip, national_id, phone, ssn

        countries = phone.countries_for_language(language) if step.countries is None else tuple(step.countries)
        ways: dict[Kind, Find] = {
            "email": email.find,
            "card": card.find,
            "iban": iban.find,
            "ip": ip.find,
            "ssn": ssn.find,
            "national_id": national_id.find,
            "phone": lambda text: phone.find(text, countries),
        }
        self._beside = REWRITES.get(task)
        self._ways = [(kind, way) for kind, way in ways.items() if kind in step.kinds]
        domains = [found[1].lower() for one in step.allow if (found := _DOMAIN.fullmatch(one.strip())) is not None]
        self._domains = tuple(end for domain in domains for end in (f"@{domain}", f".{domain}"))
        self._allowed = {datum for one in step.allow for _, datum in self._found(f"SSN, phone: {one}")}

    def verdict(self, record: Record) -> Verdict | None:
        """Return the first kind found in the text, then in what it rewrites."""
        reason = self._reason(record.text)
        if reason is not None:
            return Verdict(reason)
        if self._beside is None:
            return None
        reason = self._reason(record.fields.get(self._beside, ""))
        return None if reason is None else Verdict(f"{BESIDE[self._beside]} {reason}")

    def _reason(self, text: str) -> str | None:
        if _ANYTHING.search(text) is None:
            return None
        for kind, datum in self._found(text):
            known = datum in self._allowed or (kind == "email" and datum.endswith(self._domains))
            if not known:
                return REASONS[kind]
        return None

    def _found(self, text: str) -> Iterator[tuple[Kind, str]]:
        """Yield every datum with its kind, kind by kind."""
        digits = _FEWEST_DIGITS.search(text) is not None
        for kind, way in self._ways:
            if digits or kind not in _NUMBERS:
                for datum in way(text):
                    yield kind, datum

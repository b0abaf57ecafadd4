"""Drops texts with structured personal data: addresses and numbers that have a recognizable form or a checksum.

Found are e-mail addresses, phone numbers (international, and in the national format of the countries where the recipe's
language is spoken), payment cards (issuer and Luhn checksum), IBANs (length and modulo 97), public IP addresses, US
social security numbers, and national id numbers of France, Spain, Italy, Brazil and Germany. The texts that a record is
published with are checked, too: the original of a paraphrase, the document of a summary. Data known to belong to nobody
are kept: example.com and similar domains, 555-01xx numbers, test cards, private and documentation IP addresses. The
reason of a verdict names the kind of data and never repeats the data.

Does not catch: names, postal addresses, dates of birth, user names, a person described in words, id numbers without a
checksum, phone numbers without area code or joined to the text that follows, and obfuscated data ("anna at example dot
com").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Filter, StatelessFilterSession, TextScope
from textsynth.core.records import Record, Verdict

Kind = Literal["email", "phone", "card", "iban", "ip", "ssn", "national_id"]
Finder = Callable[[str], Iterable[str]]
REASONS: Mapping[Kind, str] = {
    "email": "contains an e-mail address",
    "card": "contains a payment card number",
    "iban": "contains an IBAN",
    "ip": "contains an IP address",
    "ssn": "contains a US social security number",
    "national_id": "contains a national id number",
    "phone": "contains a phone number",
}
_AT_OR_DIGIT = re.compile(r"[@\d]")
_SEVEN_DIGITS = re.compile(r"(?:\d\D*){7}")
_LONG_NUMBERS: frozenset[Kind] = frozenset(("card", "iban", "ssn", "national_id", "phone"))
"""Kinds with at least seven digits."""
_DOMAIN = re.compile(r"@?((?:[\w-]+\.)+[^\W\d_]{2,24})")


def known_country(code: str) -> str:
    """Return the code unchanged. Raises ValueError for a country whose phone numbers are not known."""
    from textsynth.text.pii.phone import supported_countries

    countries = supported_countries()
    if code in countries:
        return code
    suggestion = "GB" if code.upper() == "UK" else code.upper()
    hint = f" (did you mean {suggestion!r}?)" if suggestion in countries else ""
    raise ValueError(f"a country is given by its ISO code, such as US or DE{hint}")


if TYPE_CHECKING:
    Kinds = Sequence[Kind]
    Countries = Sequence[str]
else:
    Kinds = tuple[Kind, ...]
    Countries = tuple[Annotated[str, AfterValidator(known_country)], ...]


class PersonalData(Filter):
    """Keeps texts without structured personal data."""

    compares_accepted: ClassVar[bool | None] = False
    scope: ClassVar[TextScope | None] = "text"
    is_quick: ClassVar[bool] = True
    looks_for: ClassVar[frozenset[str]] = frozenset({"personal data"})

    kinds: Kinds = Field(default=tuple(REASONS), description="the kinds of personal data to look for")
    allow: Texts = Field(
        default=(), description="data that texts may contain: domains, addresses and numbers, in any format"
    )
    countries: Countries | None = Field(
        default=None,
        description="countries (ISO codes) whose national format of phone numbers is recognized, besides the "
        "international one; default: the countries where the recipe's language is spoken",
    )

    @field_validator("kinds")
    @classmethod
    def _check_kinds(cls, kinds: Kinds) -> Kinds:
        if not kinds:
            raise ValueError("the list is empty, so nothing would be looked for; leave the option out for all kinds")
        return kinds

    def start(self, context: Context) -> StatelessFilterSession:
        """Return the filter's session. Its search is loaded with the first text, while requests are under way."""
        search = cache(lambda: PersonalDataSearch(self, context.language, context.task.context_texts))
        return StatelessFilterSession(lambda record: search().verdict(record))

    def check(self, record: Record) -> Verdict | None:
        """Return a verdict for the first kind found; phone numbers are those of English-speaking countries."""
        return PersonalDataSearch(self, "en").verdict(record)


class PersonalDataSearch:
    """Searches for the kinds of data that a step names, and ignores those that it allows."""

    def __init__(
        self, step: PersonalData, language: str, context_texts: Callable[[Record], Mapping[str, str]] = lambda _: {}
    ) -> None:
        """`context_texts` returns the other texts that a record is published with, each by a name for the reason."""
        from textsynth.text.pii import card, email, iban, ip, national_id, phone, ssn

        countries = phone.countries_for_language(language) if step.countries is None else tuple(step.countries)
        finders: dict[Kind, Finder] = {
            "email": email.find,
            "card": card.find,
            "iban": iban.find,
            "ip": ip.find,
            "ssn": ssn.find,
            "national_id": national_id.find,
            "phone": lambda text: phone.find(text, countries),
        }
        self._context_texts = context_texts
        self._finders = [(kind, finder) for kind, finder in finders.items() if kind in step.kinds]
        matches = (_DOMAIN.fullmatch(entry.strip()) for entry in step.allow)
        domains = [match[1].lower() for match in matches if match is not None]
        self._allowed_domains = tuple(ending for domain in domains for ending in (f"@{domain}", f".{domain}"))
        self._allowed = {datum for entry in step.allow for _, datum in self._find(f"SSN, phone: {entry}")}

    def verdict(self, record: Record) -> Verdict | None:
        """Return a verdict for the first kind found in the text, then in the texts that it is published with."""
        reason = self._reason(record.text)
        if reason is not None:
            return Verdict(reason)
        for name, text in self._context_texts(record).items():
            reason = self._reason(text)
            if reason is not None:
                return Verdict(f"its {name} {reason}")
        return None

    def _reason(self, text: str) -> str | None:
        if _AT_OR_DIGIT.search(text) is None:
            return None
        for kind, datum in self._find(text):
            allowed = datum in self._allowed or (kind == "email" and datum.endswith(self._allowed_domains))
            if not allowed:
                return REASONS[kind]
        return None

    def _find(self, text: str) -> Iterator[tuple[Kind, str]]:
        """Yield each kind with each datum of it in the text, in normalized form, kind by kind."""
        has_long_number = _SEVEN_DIGITS.search(text) is not None
        for kind, finder in self._finders:
            if has_long_number or kind not in _LONG_NUMBERS:
                for datum in finder(text):
                    yield kind, datum

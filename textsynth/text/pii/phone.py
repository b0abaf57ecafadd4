"""Phone numbers, in international form and in the national forms of the countries where a language is spoken.

`phonenumbers`, the port of Google's libphonenumber, decides which digits are a valid number of a country. Its own
matcher is made for address books; in running text a number must also look like one:
- it starts with `+`, `00`, a trunk prefix or an area code in brackets, or has the digit groups that its country uses;
- bare digits, groups of three (as in thousands) and short numbers count only after a word that announces a phone number
  (`call`, `Tel.`, `my number is`);
- it never follows a word that announces another number (`order`, `invoice no.`), a currency, `#`, `/`, `=` or a letter.

Ignores numbers reserved for fiction (555-01xx and its equivalents in other countries), and runs such as 0123 456789.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumberMatch

MIN_DIGITS, MAX_DIGITS = 7, 15
MIN_UNANNOUNCED_DIGITS = 9
MAX_RUN_LENGTH = 60  # characters of digits and gaps; a longer run is a table of figures
MAX_ANNOUNCEMENT_CONTEXT = 40  # characters before a number that are searched for an announcing word
MAX_ANNOUNCEMENT_DISTANCE = 20  # characters between the word and the number
# Countries by language, most speakers first; the country of a language code such as pt-BR comes before these.
LANGUAGE_COUNTRIES = {
    "ar": "EG SA AE MA", "bg": "BG", "bn": "BD IN", "ca": "ES", "cs": "CZ", "da": "DK", "de": "DE AT CH", "el": "GR",
    "en": "US GB AU IN IE NZ ZA", "es": "ES MX AR CO CL PE", "et": "EE", "eu": "ES", "fa": "IR", "fi": "FI",
    "fr": "FR BE CH CA", "ga": "IE", "gl": "ES", "he": "IL", "hi": "IN", "hr": "HR", "hu": "HU", "id": "ID",
    "is": "IS", "it": "IT CH", "ja": "JP", "ko": "KR", "lt": "LT", "lv": "LV", "ms": "MY", "nb": "NO", "nl": "NL BE",
    "nn": "NO", "no": "NO", "pl": "PL", "pt": "BR PT", "ro": "RO", "ru": "RU", "sk": "SK", "sl": "SI", "sr": "RS",
    "sv": "SE FI", "ta": "IN LK", "th": "TH", "tr": "TR", "uk": "UA", "ur": "PK IN", "vi": "VN", "zh": "CN TW HK",
}  # fmt: skip

_GAP = r"[ \u00a0\u2009\u202f.()/\u2010-\u2013-]"
_RUN = re.compile(rf"(?:\+ ?)?\(?\+?\d(?:{_GAP}{{0,3}}\d){{{MIN_DIGITS - 1},}}")
_BEFORE_OTHER = re.compile(r"(?:[\w#/=@&?\\*^~.,-]|[$£€¥%] ?|(?:USD|EUR|GBP|Rs\.?) )\Z")
_AFTER_OTHER = re.compile(r"[^\W\d]|[%=€£$°_@\\^*]|/(?!0\d{7})|[.,:]\d|-[A-Z\d]")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ \u00a0\u2009\u202f.]\d{3})+")
# Dates, spans of years, US social security numbers.
_OTHER_FORMAT = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|(?:1[4-9]|20)\d\d ?[-\u2013/] ?\d{2,4}"
    r"|\d{3}-\d\d-\d{4}"
)
_DECIMAL = re.compile(r"0[.,]\d")
# Numbers reserved for films, books and tests by the US, Ofcom, ARCEP, ACMA and the Bundesnetzagentur, as E.164 and as
# national digits.
FICTIONAL_NUMBERS = re.compile(
    r"(?:\+?1)?\d{3}55501\d\d"
    r"|(?:\+44|0)(?:1632960|7700900|1[1-6]\d4960|1914980|2079460|2896496|2920180|8081570|9098790|3069990)\d+"
    r"|(?:\+33|0)(?:19900|26191|35301|46571|53649|63998)\d{4}"
    r"|(?:\+61|0)(?:[2378](?:5550|7010)\d{4}|491570(?:006|110|15[6-9]|313|737|266|491|804))"
    r"|(?:\+49|0)(?:3023125|6990009|4066969|2214710|8999998|17139200|15228817|15228895)\d+"
)
# A number whose last eight digits ascend, descend or repeat is a placeholder (0123 456789).
_ASCENDING_DIGITS = "01234567890123456789"
_PLACEHOLDER_DIGITS = 8

_PHONE_WORDS = (
    r"call(?:s|ed|ing|back)?|ring|rang|dial|phone[ds]?|telephone|tele?|mob(?:ile)?|cell|sms|te?xt|whats ?app|fax|ph"
    r"|contact|reach(?:ed)?|hot ?line|help ?(?:line|desk)|(?:services?|care|support)(?=\W{1,2}(?:on |at )?\Z)"
    r"|(?:my|his|her|our|their|your)(?: (?:new|old|own|private|work|home|office|phone))? (?:number|no)"
    r"|telefon\w*|handy|rufnummer|rufen|ruf|anrufen|mobil\w*|nummer (?:ist|lautet)|t[ée]l[ée]phone|t[ée]l|portable"
    r"|appele[rz]|joindre|num[ée]ro est|tel[ée]fono|m[óo]vil|celular|cellulare|llam\w{1,3}|chiam\w{1,3}|telefone"
    r"|ligue|bel|bellen|tlf"
)
_OTHER_WORDS = (
    r"orders?|invoice|ref|reference|ticket|track(?:ing)?|account|acct|a/c|booking|reservation|transaction|serial|isbn"
    r"|issn|ean|upc|sku|imei|doi|arxiv|pmid|case|claim (?:no|number|id)|policy|customer|member(?:ship)?|patient"
    r"|student|employee|parcel|package|shipment|article|product|item|part|model|(?<!area )code|pin|id|confirmation"
    r"|receipt|contract|flight|train|version|patent|grant|bestell\w*|rechnung\w*|kunden\w*|auftrag\w*|vertrag\w*"
    r"|sendung\w*|konto\w*|commande|facture|dossier|client|pedido|factura|ordine|fattura|bestelling|zam[óo]wieni\w+"
)
# A word may be joined to its number (`call0161 …`).
_ANNOUNCING_WORD = re.compile(
    rf"(?P<phone>\b(?:{_PHONE_WORDS})\b|(?:call|help|tel|ph)\Z)|\b(?:{_OTHER_WORDS})\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?]\s+[A-Z]|[!?\n]")
_INSIDE_NAME = re.compile(r"[\w/=@#&?]\Z")


def find(text: str, countries: Sequence[str]) -> Iterator[str]:
    """Yield each number in E.164 format (`+442079460018`), in text order.

    `countries` are the ISO 3166 codes of the countries whose national form counts, tried in order; the international
    form always counts.
    """
    for run in _RUN.finditer(text):
        announced = announces_phone(text, run.start())
        if announced is False:
            continue
        for match in _find_in_run(run.group(), countries, announced=bool(announced)):
            start, end = run.start() + match.start, run.start() + match.end
            if not _is_fictional(match) and (announced or not _is_other_number(text, start, end)):
                yield _to_e164(match)


def announces_phone(text: str, start: int) -> bool | None:
    """Return whether the last announcing word before `start`, near it and in its sentence, announces a phone number.

    False where the word announces another number, and where the number is part of a name or a URL
    (`sms.example/u/anna0161`); None where there is no such word.
    """
    before = text[max(0, start - MAX_ANNOUNCEMENT_CONTEXT) : start]
    words = list(_ANNOUNCING_WORD.finditer(before))
    if words and words[-1].end() != len(before) and _INSIDE_NAME.search(before) is not None:
        return False
    if not words:
        return None
    last = words[-1]
    if len(before) - last.end() > MAX_ANNOUNCEMENT_DISTANCE or _SENTENCE_END.search(before, last.end()):
        return None
    return last["phone"] is not None


def countries_for_language(language: str) -> tuple[str, ...]:
    """Return the countries whose national numbers a text in the language may contain; () for unlisted languages."""
    base, _, region = language.partition("-")
    own = [region.upper()] if len(region) == 2 else []
    return tuple(dict.fromkeys([*own, *LANGUAGE_COUNTRIES.get(base.lower(), "").split()]))


def supported_countries() -> list[str]:
    """Return the ISO 3166 codes of all countries whose numbers can be detected, sorted."""
    from phonenumbers import SUPPORTED_REGIONS

    return sorted(SUPPORTED_REGIONS)


def _find_in_run(run: str, countries: Sequence[str], *, announced: bool) -> list[PhoneNumberMatch]:
    """Return the numbers of the first country that has any in the run; positions refer to the run."""
    stripped = run.strip("( )")
    is_international = stripped.startswith(("+", "00"))
    if not (announced or is_international) and (len(stripped) > MAX_RUN_LENGTH or _is_other_format(stripped)):
        return []
    run = run[:MAX_RUN_LENGTH]
    if is_international and stripped.startswith("00"):
        run = run.replace("00", "+ ", 1)  # of the same length, so that positions stay valid
    for country in ("ZZ", *countries) if is_international else countries:
        matches = [
            match
            for match in _valid_numbers(run, country)
            if announced or match.raw_string.startswith("+") or _is_written_as_phone(match, country)
        ]
        if matches:
            return matches
    return []


def _valid_numbers(run: str, country: str) -> list[PhoneNumberMatch]:
    from phonenumbers import PhoneNumberMatcher

    matches = PhoneNumberMatcher(run, country)
    return [match for match in matches if MIN_DIGITS <= sum(map(str.isdecimal, match.raw_string)) <= MAX_DIGITS]


def _is_written_as_phone(match: PhoneNumberMatch, country: str) -> bool:
    """Return whether a number without an announcing word has the format of a phone number."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    digits = match.raw_string
    too_short = sum(map(str.isdecimal, digits)) < MIN_UNANNOUNCED_DIGITS
    if too_short or _is_other_format(digits) or _DECIMAL.match(digits) is not None:
        return False
    if digits.startswith("0") or "(" in digits:
        return True
    if _THOUSANDS.fullmatch(digits) is not None:
        return False
    return PhoneNumberMatcher(digits, country, leniency=Leniency.EXACT_GROUPING).has_next()


def _is_other_format(digits: str) -> bool:
    """Return whether the digits are a date, a span of years, a social security number or a plain integer."""
    return _OTHER_FORMAT.fullmatch(digits) is not None or (digits.isdecimal() and not digits.startswith("0"))


def _is_other_number(text: str, start: int, end: int) -> bool:
    """Return whether the characters around a number mark it as an amount, a decimal, or part of a name or a URL."""
    return _BEFORE_OTHER.search(text, max(0, start - 4), start) is not None or _AFTER_OTHER.match(text, end) is not None


def _is_fictional(match: PhoneNumberMatch) -> bool:
    e164, national = _to_e164(match), "".join(filter(str.isdecimal, match.raw_string))
    last_digits = e164[-_PLACEHOLDER_DIGITS:]
    if FICTIONAL_NUMBERS.fullmatch(e164) or FICTIONAL_NUMBERS.fullmatch(national):
        return True
    in_sequence = last_digits in _ASCENDING_DIGITS or last_digits in _ASCENDING_DIGITS[::-1]
    return in_sequence or len(set(last_digits)) == 1


def _to_e164(match: PhoneNumberMatch) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(match.number, PhoneNumberFormat.E164)

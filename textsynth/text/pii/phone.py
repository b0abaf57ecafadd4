"""Phone numbers, in international writing and in those of the countries where a language is spoken.

What is a valid number of a country is told by `phonenumbers`, the port of Google's libphonenumber. Its own matcher is
made for address books; in running text a number must look like one, too:
- with `+`, `00`, a trunk prefix or an area code in brackets, or in the very groups in which the country writes it;
- bare digits, groups of three (as thousands are written) and short numbers only behind a word that announces a number
  (`call`, `Tel.`, `my number is`);
- never behind a word that announces another number (`order`, `invoice no.`), a currency, `#`, `/`, `=` or a letter.

Passed over: what is kept for films and books (555-01xx and its like in other countries), and runs like 0123 456789.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumberMatch

FEWEST, MOST = 7, 15
FEWEST_UNCALLED = 9
LONGEST = 60  # characters that digits and their gaps may go on for; beyond it is a table of figures
# Countries by language, those with most speakers first; a country in the language's code (pt-BR) is put in front.
LANGUAGE_COUNTRIES = {
    "ar": "EG SA AE MA", "bg": "BG", "bn": "BD IN", "ca": "ES", "cs": "CZ", "da": "DK", "de": "DE AT CH", "el": "GR",
    "en": "US GB AU IN IE NZ ZA", "es": "ES MX AR CO CL PE", "et": "EE", "eu": "ES", "fa": "IR", "fi": "FI",
    "fr": "FR BE CH CA", "ga": "IE", "gl": "ES", "he": "IL", "hi": "IN", "hr": "HR", "hu": "HU", "id": "ID",
    "is": "IS", "it": "IT CH", "ja": "JP", "ko": "KR", "lt": "LT", "lv": "LV", "ms": "MY", "nb": "NO", "nl": "NL BE",
    "nn": "NO", "no": "NO", "pl": "PL", "pt": "BR PT", "ro": "RO", "ru": "RU", "sk": "SK", "sl": "SI", "sr": "RS",
    "sv": "SE FI", "ta": "IN LK", "th": "TH", "tr": "TR", "uk": "UA", "ur": "PK IN", "vi": "VN", "zh": "CN TW HK",
}  # fmt: skip

_GAP = r"[ \u00a0\u2009\u202f.()/\u2010-\u2013-]"
_RUN = re.compile(rf"(?:\+ ?)?\(?\+?\d(?:{_GAP}{{0,3}}\d){{{FEWEST - 1},}}")
_OTHER = re.compile(r"(?:[\w#/=@&?\\*^~.,-]|[$£€¥%] ?|(?:USD|EUR|GBP|Rs\.?) )\Z")
_AFTER = re.compile(r"[^\W\d]|[%=€£$°_@\\^*]|/(?!0\d{7})|[.,:]\d|-[A-Z\d]")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ \u00a0\u2009\u202f.]\d{3})+")
# dates, spans of years, US social security numbers
_NO_NUMBER = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|(?:1[4-9]|20)\d\d ?[-\u2013/] ?\d{2,4}"
    r"|\d{3}-\d\d-\d{4}"
)
_DECIMAL = re.compile(r"0[.,]\d")
# Kept for films, books and tests, as E.164 and national digits write them: US, Ofcom, ARCEP, ACMA, Bundesnetzagentur.
FICTIONAL_NUMBERS = re.compile(
    r"(?:\+?1)?\d{3}55501\d\d"
    r"|(?:\+44|0)(?:1632960|7700900|1[1-6]\d4960|1914980|2079460|2896496|2920180|8081570|9098790|3069990)\d+"
    r"|(?:\+33|0)(?:19900|26191|35301|46571|53649|63998)\d{4}"
    r"|(?:\+61|0)(?:[2378](?:5550|7010)\d{4}|491570(?:006|110|15[6-9]|313|737|266|491|804))"
    r"|(?:\+49|0)(?:3023125|6990009|4066969|2214710|8999998|17139200|15228817|15228895)\d+"
)
_RISING = "01234567890123456789"
ALIKE_DIGITS = 8


def find(text: str, countries: Sequence[str]) -> Iterator[str]:
    """Yield each number as E.164 writes it (`+442079460018`), in the text's order.

    `countries` are ISO 3166 codes whose own writing counts, tried in turn; international writing always counts.
    """
    for run in _RUN.finditer(text):
        called = announces_phone(text, run.start())
        if called is not False:
            for match in _numbers(run.group(), countries, called=bool(called)):
                start, end = run.start() + match.start, run.start() + match.end
                if not _is_invented(match) and (called or not _is_another(text, start, end)):
                    yield _plain(match)


def countries_for_language(language: str) -> tuple[str, ...]:
    """Return the countries whose numbers a text in the language may hold; () where only `+` and `00` count."""
    base, _, place = language.partition("-")
    own = [place.upper()] if len(place) == 2 else []
    return tuple(dict.fromkeys([*own, *LANGUAGE_COUNTRIES.get(base.lower(), "").split()]))


def supported_countries() -> list[str]:
    """Return the ISO 3166 codes of all countries whose numbers are known, sorted."""
    from phonenumbers import SUPPORTED_REGIONS

    return sorted(SUPPORTED_REGIONS)


def _is_another(text: str, start: int, end: int) -> bool:
    """Whether the characters around a number say that it is a sum, a decimal, a part of a name or of a URL."""
    return _OTHER.search(text, max(0, start - 4), start) is not None or _AFTER.match(text, end) is not None


def _numbers(run: str, countries: Sequence[str], *, called: bool) -> list[PhoneNumberMatch]:
    """Return what is a number in the first country where anything in the run is; places are those in the run."""
    written = run.strip("( )")
    abroad = written.startswith(("+", "00"))
    if not (called or abroad) and (len(written) > LONGEST or _plain_figure(written)):
        return []
    run = run[:LONGEST]
    if abroad and written.startswith("00"):
        run = run.replace("00", "+ ", 1)  # as long as before: places in the run stay
    for country in ("ZZ", *countries) if abroad else countries:
        matches = _valid(run, country)
        found = [match for match in matches if called or match.raw_string.startswith("+") or _looks(match, country)]
        if found:
            return found
    return []


def _plain_figure(written: str) -> bool:
    return _NO_NUMBER.fullmatch(written) is not None or (written.isdecimal() and not written.startswith("0"))


def _valid(run: str, country: str) -> list[PhoneNumberMatch]:
    from phonenumbers import PhoneNumberMatcher

    matches = PhoneNumberMatcher(run, country)
    return [match for match in matches if FEWEST <= sum(map(str.isdecimal, match.raw_string)) <= MOST]


def _looks(match: PhoneNumberMatch, country: str) -> bool:
    """Whether a number that nothing announces is written as one."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    written = match.raw_string
    few = sum(map(str.isdecimal, written)) < FEWEST_UNCALLED
    if few or _plain_figure(written) or _DECIMAL.match(written) is not None:
        return False
    if written.startswith("0") or "(" in written:
        return True
    if _THOUSANDS.fullmatch(written) is not None:
        return False
    return PhoneNumberMatcher(written, country, leniency=Leniency.EXACT_GROUPING).has_next()


def _plain(match: PhoneNumberMatch) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(match.number, PhoneNumberFormat.E164)


def _is_invented(match: PhoneNumberMatch) -> bool:
    plain, national = _plain(match), "".join(filter(str.isdecimal, match.raw_string))
    last = plain[-ALIKE_DIGITS:]
    kept = FICTIONAL_NUMBERS.fullmatch(plain) or FICTIONAL_NUMBERS.fullmatch(national)
    return kept is not None or last in _RISING or last in _RISING[::-1] or len(set(last)) == 1


LOOK_BACK = 40
FARTHEST = 20  # characters between the word and the number

_PHONE = (
    r"call(?:s|ed|ing|back)?|ring|rang|dial|phone[ds]?|telephone|tele?|mob(?:ile)?|cell|sms|te?xt|whats ?app|fax|ph"
    r"|contact|reach(?:ed)?|hot ?line|help ?(?:line|desk)|(?:services?|care|support)(?=\W{1,2}(?:on |at )?\Z)"
    r"|(?:my|his|her|our|their|your)(?: (?:new|old|own|private|work|home|office|phone))? (?:number|no)"
    r"|telefon\w*|handy|rufnummer|rufen|ruf|anrufen|mobil\w*|nummer (?:ist|lautet)|t[ée]l[ée]phone|t[ée]l|portable"
    r"|appele[rz]|joindre|num[ée]ro est|tel[ée]fono|m[óo]vil|celular|cellulare|llam\w{1,3}|chiam\w{1,3}|telefone"
    r"|ligue|bel|bellen|tlf"
)
_ANOTHER = (
    r"orders?|invoice|ref|reference|ticket|track(?:ing)?|account|acct|a/c|booking|reservation|transaction|serial|isbn"
    r"|issn|ean|upc|sku|imei|doi|arxiv|pmid|case|claim (?:no|number|id)|policy|customer|member(?:ship)?|patient"
    r"|student|employee|parcel|package|shipment|article|product|item|part|model|(?<!area )code|pin|id|confirmation"
    r"|receipt|contract|flight|train|version|patent|grant|bestell\w*|rechnung\w*|kunden\w*|auftrag\w*|vertrag\w*"
    r"|sendung\w*|konto\w*|commande|facture|dossier|client|pedido|factura|ordine|fattura|bestelling|zam[óo]wieni\w+"
)
# A word may be glued to its number (`call0161 …`).
_WORD = re.compile(rf"(?P<phone>\b(?:{_PHONE})\b|(?:call|help|tel|ph)\Z)|\b(?:{_ANOTHER})\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s+[A-Z]|[!?\n]")
_PART_OF_A_NAME = re.compile(r"[\w/=@#&?]\Z")


def announces_phone(text: str, start: int) -> bool | None:
    """Whether the last such word before `start`, near it and in its sentence, announces a phone number.

    False where it announces another number, and where the number is part of a name or a URL (`sms.example/u/anna0161`);
    None where there is no such word.
    """
    before = text[max(0, start - LOOK_BACK) : start]
    words = list(_WORD.finditer(before))
    if words and words[-1].end() != len(before) and _PART_OF_A_NAME.search(before) is not None:
        return False
    if not words or len(before) - words[-1].end() > FARTHEST or _SENTENCE_END.search(before, words[-1].end()):
        return None
    return words[-1]["phone"] is not None

"""Surface features of a text, extracted without a model: normal form, words, numbers, negation, content words, names.

Number words, negation and stop words are English; digits, names and everything else work for any language. Languages
written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are not segmented into words: a run of such
characters is split into its overlapping character pairs, so that word sets can still be compared.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable
from decimal import Decimal
from functools import cache, lru_cache
from hashlib import blake2b
from typing import NamedTuple

_MEANINGFUL_SIGNS = "#%&+@$€£"  # kept, as they carry meaning in short texts: 5 % is not 5, C++ is not C
_ASCII_FOLDING = bytes(
    code if chr(code).isalnum() or chr(code) in _MEANINGFUL_SIGNS else 32  # bytes.translate is 4 times as fast as str's
    for code in bytes(range(128)).lower() + bytes(range(128, 256))
)
_ASCII_SEPARATORS = bytes(code for code in range(128) if _ASCII_FOLDING[code] == 32 or chr(code) in "'`")

_INVISIBLE = frozenset((0x34F, 0x640, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810)))
"""Characters without a meaning of their own that are no format characters, such as the Arabic elongation."""


class _FoldingTable(dict[int, str | None]):
    """A table for `str.translate` that computes the folding of a character at its first use."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        category = unicodedata.category(char)
        folded: str | None = char
        if char in "'`´ʹʻʼˈ‘’‚‛′" or category == "Cf" or 0xFE00 <= code <= 0xFE0F or code in _INVISIBLE:
            folded = None
        elif category == "Nd":
            folded = str(unicodedata.digit(char))
        elif char not in _MEANINGFUL_SIGNS and (category[0] in "PZ" or category in {"Cc", "Cs", "Sk"} or code < 128):
            folded = char if char.isalnum() else " "
        self[code] = folded
        return folded


_FOLDING = _FoldingTable()
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
MAX_ESCAPED = 5
MAX_SHORT, MAX_MARKS = 1_000, 30
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")


@lru_cache(maxsize=4096)  # several filters compare the normal forms of the same window of texts
def normal_form(text: str) -> str:
    """Return the text in NFKC, casefolded, without apostrophes, with other punctuation and white space as one space.

    Two texts with the same normal form differ only in case, spacing, typography, punctuation or the script of
    digits. A text that consists of punctuation keeps it. HTML entities count as their characters: `I&#39;m` equals
    `I'm`. Idempotent: the normal form of a normal form is itself.
    """
    if "&" in text and ";" in text:
        text = without_entities(text)
    if text.isascii():
        return " ".join(text.encode().translate(_ASCII_FOLDING, b"'`").decode().split()) or " ".join(text.split())
    if len(text) > MAX_SHORT:
        text = without_long_runs(text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).casefold()
    if "i\u0307" in folded:  # the lower case of the Turkish İ
        folded = folded.replace("i\u0307", "i")
    return " ".join(unicodedata.normalize("NFKC", folded.translate(_FOLDING)).split()) or " ".join(folded.split())


def without_entities(text: str) -> str:
    """Return the text with its HTML entities (`&amp;`, `&#39;`) as characters, also those escaped several times."""
    for _ in range(MAX_ESCAPED):
        before, text = text, _ENTITY.sub(lambda match: html.unescape(match[0]), text)
        if text == before:
            break
    return text


def without_long_runs(text: str) -> str:
    """Return the text with at most 30 combining marks in a row: normalization takes quadratic time in their number."""
    return _combining_run().sub(lambda run: run[0][:MAX_MARKS], text)


@cache
def _combining_run() -> re.Pattern[str]:
    marks = "".join(map(chr, filter(lambda code: unicodedata.combining(chr(code)), range(0x1_F000))))
    return re.compile(f"[{re.escape(marks)}]{{{MAX_MARKS + 1},}}")


def words_of(text: str) -> list[str]:
    """Return the words of the normal form in order, with repetitions; unspaced scripts as character pairs."""
    form = normal_form(text)
    if form.isascii() or _UNSPACED_RUN.search(form) is None:
        return form.split()
    spaced = _UNSPACED_RUN.sub(lambda run: f" {' '.join(_pairs(run.group()))} ", form)
    return spaced.split()


def word_count(text: str) -> int:
    """Return the number of `words_of` a text, faster."""
    if text.isascii() and "&" not in text:
        return len(text.encode().translate(_ASCII_FOLDING, b"'`").split()) or len(text.split())
    return len(words_of(text))


def form_hash(text: str) -> int:
    """Return a hash that texts with the same normal form share, and few others: those that differ in spaces alone.

    It takes a third of the time of the normal form.
    """
    if not text.isascii() or "&" in text:
        text = normal_form(text)
        if not text.isascii():
            return hash(text.replace(" ", ""))
    return hash(text.encode().translate(_ASCII_FOLDING, _ASCII_SEPARATORS))


def form_digest(form: str) -> bytes:
    """Return a hash of 16 bytes (BLAKE2b) of a normal form, the same in every process."""
    return blake2b(form.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def word_set(text: str) -> frozenset[str]:
    """Return the distinct words of the normal form; empty only for an empty text."""
    return frozenset(map(sys.intern, words_of(text)))  # indexes hold thousands of sets: one string object per word


def jaccard(first: Collection[str], second: Collection[str]) -> float:
    """Return the Jaccard similarity of two word sets, 0 to 1; 1 for two empty ones.

    Neither collection may contain repetitions; it is fastest when `first` is a frozenset.
    """
    shared = len(frozenset(first).intersection(second))
    union = len(first) + len(second) - shared
    return shared / union if union else 1.0


def _pairs(run: str) -> Iterable[str]:
    return (run[start : start + 2] for start in range(len(run) - 1)) if len(run) > 1 else (run,)


class Numbers(NamedTuple):
    """The numbers of a text.

    `certain` are written as numbers (digits, "twelve"), `possible` are words that may mean one (one, a, second, both).
    """

    certain: frozenset[str]
    possible: frozenset[str]

    def agree(self, other: Numbers) -> bool:
        """Return whether each side's certain numbers are among the certain or possible numbers of the other side."""
        return self.certain <= other.certain | other.possible and other.certain <= self.certain | self.possible


_UNIT_WORDS = """zero|one first|two second|three third|four fourth|five fifth|six sixth|seven seventh|eight eighth|
nine ninth|ten tenth|eleven eleventh|twelve twelfth|thirteen thirteenth|fourteen fourteenth|fifteen fifteenth|
sixteen sixteenth|seventeen seventeenth|eighteen eighteenth|nineteen nineteenth"""
_TEN_WORDS = """twenty twentieth|thirty thirtieth|forty fortieth|fifty fiftieth|sixty sixtieth|seventy seventieth|
eighty eightieth|ninety ninetieth"""
_VALUES = {
    **{word: value for value, words in enumerate(_UNIT_WORDS.split("|")) for word in words.split()},
    **{word: 10 * value for value, words in enumerate(_TEN_WORDS.split("|"), start=2) for word in words.split()},
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SUFFIXES = {"k": 1_000, "m": 10**6, "b": 10**9, "bn": 10**9}
_POSSIBLE_NUMBERS = {
    **dict.fromkeys(("a", "an", "one", "first", "once", "single", "only"), "1"),
    **dict.fromkeys(("second", "seconds", "twice", "both", "couple", "pair", "double"), "2"),
    "dozen": "12",
    "half": "0.5",
}
_NUMBER_WORDS = frozenset((*_VALUES, *_SCALES)) - _POSSIBLE_NUMBERS.keys()
_ANY_NUMBER_WORD = "|".join(sorted((*_VALUES, *_SCALES), key=lambda word: (-len(word), word)))
_DIGITS = re.compile(
    r"(?P<money>[$€£]\s?)?(?P<digits>\d+(?:[.,]\d+)*)"
    rf"(?:(?P<suffix>(?-i:[kKM]|bn)|(?(money)[mb]|(?!)))\b|[\s-]?(?P<scale>{'|'.join(_SCALES)})\b)?",
    re.IGNORECASE,
)
_NUMBER_WORD_RUN = re.compile(rf"\b(?:{_ANY_NUMBER_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_ANY_NUMBER_WORD}))*\b")
_LETTERS = re.compile(r"[a-z]+")


def numbers_in(text: str) -> Numbers:
    """Return the numbers of a text in one spelling each: 1,000, 1k and "one thousand" are all "1000"; 1st is "1".

    A comma between groups of three digits is a thousands separator, any other comma a decimal one. Ignores signs and
    units.
    """
    certain: set[str] = set()
    for match in _DIGITS.finditer(text):
        suffix, scale = match["suffix"], match["scale"]
        factor = _SUFFIXES[suffix.lower()] if suffix else _SCALES[scale.lower()] if scale else 1
        certain.update(_canonical(number, factor) for number in _split_digits(match["digits"]))
    lowered = text.lower()
    words_present = set(_LETTERS.findall(lowered))
    if not _NUMBER_WORDS.isdisjoint(words_present):
        for match in _NUMBER_WORD_RUN.finditer(lowered):
            words = re.split(r"[\s-]+", match.group())
            after_digits = (
                words[0] in _SCALES and lowered[max(0, match.start() - 100) : match.start()].rstrip(" -")[-1:].isdigit()
            )
            if not after_digits and not _NUMBER_WORDS.isdisjoint(words):
                certain.update(str(value) for value in _parse_number_words(words))
    possible = frozenset(_POSSIBLE_NUMBERS[word] for word in words_present & _POSSIBLE_NUMBERS.keys())
    return Numbers(frozenset(certain), possible)


def _split_digits(digits: str) -> list[str]:
    """Return the numbers in a run of digits, points and commas: one, or (dates, versions, lists) several."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return [digits.replace(",", "")]
    separators = sum(digits.count(separator) for separator in ".,")
    return [digits.replace(",", ".")] if separators <= 1 else re.split("[.,]", digits)


@lru_cache(maxsize=4096)
def _canonical(number: str, factor: int) -> str:
    return format((Decimal(number) * factor).normalize(), "f")  # to 28 digits, whatever the length


def _parse_number_words(words: list[str]) -> list[int]:
    """Return the values of number words: "two hundred and five" is one number, "three four" are two."""
    values: list[int] = []
    total = current = 0
    last = None
    for word in words:
        if word in _SCALES:
            scale = _SCALES[word]
            current = max(current, 1) * scale
            if scale > 100:
                total, current = total + current, 0
            last = scale
        elif word != "and":
            value = _VALUES[word]
            if last is not None and not (last >= 100 or (20 <= last <= 90 and value < 10)):
                values.append(total + current)
                total = current = 0
            current += value
            last = value
    return [*values, total + current]


_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|"
    r"(?:ca|do|does|did|wo|would|could|should|is|are|was|were|has|have|had|ai|must|need|might|sha)n['’]?t)\b"
)


def has_negation(text: str) -> bool:
    """Return whether the text contains an English negation word; "unable" and "fails" do not count."""
    return _NEGATION.search(text.lower()) is not None


_STOP_WORD_LIST = """
a about above after again against all also am an and any are as at be because been before being below between
both but by can cannot could did do does doing down during each else even few for from further get gets got had has
have having he her here hers herself him himself his how however i if in into is it its itself just let may me might
more most much must my myself no nor not now of off on once only onto or other our ours out over own per perhaps
quite rather same shall she should since so some still such than that the their theirs them themselves then there
these they this those through thus to too toward towards under until up upon us very via was we well were what when
where whether which while who whom whose why will with within without would yet you your yours yourself im ive id
youre youve hes shes its were weve theyre theyve dont doesnt didnt cant couldnt wont wouldnt isnt arent wasnt werent
hasnt havent hadnt thats theres whats lets one ones"""
STOP_WORDS = frozenset(_STOP_WORD_LIST.split())


def content_words(text: str) -> frozenset[str]:
    """Return the distinct words but for stop words, numbers and ASCII words of fewer than three letters."""
    return frozenset(
        word
        for word in word_set(text)
        if word not in STOP_WORDS and not word.isdecimal() and (len(word) > 2 or not word.isascii())
    )


_NAME = re.compile(r"(?<![^\W\d_])[^\W\d_][\w&'’-]*")
_SENTENCE_END = re.compile(r"[.!?:…\n\"“”(\[]\s*$")


def proper_names(text: str) -> frozenset[str]:
    """Return the words that are capitalised like names, in normal form.

    A capital counts inside a sentence or inside a word (vLLM, UNESCO). At the start of a sentence it counts only where
    the word has another capital.
    """
    names: set[str] = set()
    for match in _NAME.finditer(text):
        word = match.group()
        if word == word.lower():
            continue
        has_inner_capital = word[1:] != word[1:].lower()
        starts_sentence = (
            not match.start() or _SENTENCE_END.search(text[max(0, match.start() - 4) : match.start()]) is not None
        )
        if has_inner_capital or (word[0].isupper() and not starts_sentence):
            names.update(normal_form(word.removesuffix("'s").removesuffix("’s")).split())
    return frozenset(name for name in names if len(name) > 1 and name not in STOP_WORDS)

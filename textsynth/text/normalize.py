"""What can be read off a text without a model: normal form, words, numbers, negation, content words, names.

Number words, negation and stop words are English; digits, names and everything else hold for any language. Languages
written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) have no words here: a run of such characters
counts as its overlapping pairs, so that sets of words can be compared all the same.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

_KEPT_SIGNS = "#%&+@$€£"  # they carry meaning in short texts: 5 % is not 5, C++ is not C
_ASCII = bytes(
    code if chr(code).isalnum() or chr(code) in _KEPT_SIGNS else 32  # bytes.translate is 4 times as fast as str's
    for code in bytes(range(128)).lower() + bytes(range(128, 256))
)


class _Folding(dict[int, str | None]):
    """A translation table that decides a character when it first sees it."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        kind = unicodedata.category(char)
        folded: str | None = char
        if char in "'`´ʹʻʼˈ‘’‚‛′" or kind == "Cf" or 0xFE00 <= code <= 0xFE0F:
            folded = None
        elif char not in _KEPT_SIGNS and (kind[0] in "PZ" or kind in {"Cc", "Cs", "Sk"} or code < 128):
            folded = char if char.isalnum() else " "
        self[code] = folded
        return folded


_FOLDING = _Folding()
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")


@lru_cache(maxsize=4096)  # a window's texts pass several checks that compare normal forms
def normal_form(text: str) -> str:
    """Return the text as comparisons see it: NFKC, casefolded, no apostrophes, other punctuation and space one space.

    Two texts of one normal form differ in case, spacing, typography or punctuation only. A text of nothing but
    punctuation keeps it. The normal form of a normal form is itself.
    """
    if text.isascii():
        return " ".join(text.encode().translate(_ASCII, b"'`").decode().split()) or " ".join(text.split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded.translate(_FOLDING)).split()) or " ".join(folded.split())


def words_of(text: str) -> list[str]:
    """Return the words of the normal form in their order, with repetitions; unspaced scripts as character pairs."""
    form = normal_form(text)
    if form.isascii() or _UNSPACED_RUN.search(form) is None:
        return form.split()
    spaced = _UNSPACED_RUN.sub(lambda run: f" {' '.join(_pairs(run.group()))} ", form)
    return spaced.split()


def word_set(text: str) -> frozenset[str]:
    """Return the different words of the normal form; empty only for an empty text."""
    return frozenset(map(sys.intern, words_of(text)))  # kept by the thousands: one string a word, not one a text


def jaccard(one: Collection[str], other: Collection[str]) -> float:
    """Return the shared part of two sets of words, 0 to 1; two empty ones share everything.

    `one` must be a set; `other` may be any collection without repetitions.
    """
    shared = len(frozenset(one).intersection(other))
    joined = len(one) + len(other) - shared
    return shared / joined if joined else 1.0


def _pairs(run: str) -> Iterable[str]:
    return (run[at : at + 2] for at in range(len(run) - 1)) if len(run) > 1 else (run,)


class Numbers(NamedTuple):
    """The numbers of a text: `sure` were meant as such (digits, "twelve"), `perhaps` may be (one, a, second, both)."""

    sure: frozenset[str]
    perhaps: frozenset[str]

    def agree(self, other: Numbers) -> bool:
        """Whether each side's sure numbers are found on the other side, there at least perhaps."""
        return self.sure <= other.sure | other.perhaps and other.sure <= self.sure | self.perhaps


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
_PERHAPS = {
    **dict.fromkeys(("a", "an", "one", "first", "once", "single", "only"), "1"),
    **dict.fromkeys(("second", "seconds", "twice", "both", "couple", "pair", "double"), "2"),
    "dozen": "12",
    "half": "0.5",
}
_SURE_WORDS = frozenset((*_VALUES, *_SCALES)) - _PERHAPS.keys()
_ANY_WORD = "|".join(sorted((*_VALUES, *_SCALES), key=lambda word: (-len(word), word)))
_DIGITS = re.compile(
    r"(?P<money>[$€£]\s?)?(?P<digits>\d+(?:[.,]\d+)*)"
    rf"(?:(?P<suffix>(?-i:[kKM]|bn)|(?(money)[mb]|(?!)))\b|[\s-]?(?P<scale>{'|'.join(_SCALES)})\b)?",
    re.IGNORECASE,
)
_WORDS = re.compile(rf"\b(?:{_ANY_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_ANY_WORD}))*\b")
_LETTERS = re.compile(r"[a-z]+")


def numbers_in(text: str) -> Numbers:
    """Return the numbers of a text in one spelling each: 1,000, 1k and "one thousand" are all "1000"; 1st is "1".

    A comma between groups of three is a thousands mark, any other comma a decimal one. Signs and units are not read.
    """
    sure: set[str] = set()
    for found in _DIGITS.finditer(text):
        suffix, scale = found["suffix"], found["scale"]
        factor = _SUFFIXES[suffix.lower()] if suffix else _SCALES[scale.lower()] if scale else 1
        sure.update(_spelt(part, factor) for part in _parts(found["digits"]))
    low = text.lower()
    present = set(_LETTERS.findall(low))
    if not _SURE_WORDS.isdisjoint(present):
        for found in _WORDS.finditer(low):
            words = re.split(r"[\s-]+", found.group())
            after_digits = words[0] in _SCALES and low[: found.start()].rstrip(" -")[-1:].isdigit()
            if not after_digits and not _SURE_WORDS.isdisjoint(words):
                sure.update(str(value) for value in _counted(words))
    return Numbers(frozenset(sure), frozenset(_PERHAPS[word] for word in present & _PERHAPS.keys()))


def _parts(digits: str) -> list[str]:
    """Read one run of digits, points and commas: a number, or (dates, versions, lists) several."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return [digits.replace(",", "")]
    marks = sum(digits.count(mark) for mark in ".,")
    return [digits.replace(",", ".")] if marks <= 1 else re.split("[.,]", digits)


def _spelt(number: str, factor: int) -> str:
    return format((Decimal(number) * factor).normalize(), "f")  # to 28 digits, whatever the length


def _counted(words: list[str]) -> list[int]:
    """Read number words: "two hundred and five" is one number, "three four" are two."""
    found: list[int] = []
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
                found.append(total + current)
                total = current = 0
            current += value
            last = value
    return [*found, total + current]


_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|"
    r"(?:ca|do|does|did|wo|would|could|should|is|are|was|were|has|have|had|ai|must|need|might|sha)n['’]?t)\b"
)


def has_negation(text: str) -> bool:
    """Whether the text holds an English word of negation; "unable" or "fails" is none."""
    return _NEGATION.search(text.lower()) is not None


_STOPS = """
a about above after again against all also am an and any are as at be because been before being below between
both but by can cannot could did do does doing down during each else even few for from further get gets got had has
have having he her here hers herself him himself his how however i if in into is it its itself just let may me might
more most much must my myself no nor not now of off on once only onto or other our ours out over own per perhaps
quite rather same shall she should since so some still such than that the their theirs them themselves then there
these they this those through thus to too toward towards under until up upon us very via was we well were what when
where whether which while who whom whose why will with within without would yet you your yours yourself im ive id
youre youve hes shes its were weve theyre theyve dont doesnt didnt cant couldnt wont wouldnt isnt arent wasnt werent
hasnt havent hadnt thats theres whats lets one ones"""
STOP_WORDS = frozenset(_STOPS.split())


def content_words(text: str) -> frozenset[str]:
    """Return the words that carry content: no stop words, no numbers, at least three letters (or an unspaced pair)."""
    return frozenset(
        word
        for word in word_set(text)
        if word not in STOP_WORDS and not word.isdecimal() and (len(word) > 2 or not word.isascii())
    )


_NAME = re.compile(r"(?<![^\W\d_])[^\W\d_][\w&'’-]*")
_SENTENCE_END = re.compile(r"[.!?:…\n\"“”(\[]\s*$")


def proper_names(text: str) -> frozenset[str]:
    """Return what is written like a name, in normal form: capitals inside a sentence, or inside a word (vLLM, UNESCO).

    A capital at the start of a sentence says nothing and counts only where the word has another capital or digit.
    """
    found: set[str] = set()
    for match in _NAME.finditer(text):
        word = match.group()
        if word == word.lower():
            continue
        inner = word[1:] != word[1:].lower()
        if inner or (word[0].isupper() and match.start() and not _SENTENCE_END.search(text[: match.start()][-4:])):
            found.update(normal_form(word.removesuffix("'s").removesuffix("’s")).split())
    return frozenset(form for form in found if len(form) > 1 and form not in STOP_WORDS)

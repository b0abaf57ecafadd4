"""Finds and removes what surrounds a text in an answer: white space, quotes, list numbers, bullets and code fences.

A marker such as `1.` or `-` begins an item wherever it begins a line. Others (`1:`, `a)`, `iv.`, `Example 2:`) also
occur in ordinary sentences, so they count only in a sequence: 1, 2, 3 or a, b, c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

QUOTES = {
    '"': '"', "“": "”", "„": "“", "«": "»", "»": "«", "‘": "’", "'": "'", "「": "」", "『": "』", "‹": "›", "›": "‹",
    "‚": "‘", "”": "”", "’": "’", "＂": "＂", "〝": "〞", "《": "》", "〈": "〉", "`": "`", "´": "´",
}  # fmt: skip
"""Closing quote by opening quote."""
_OTHER_CLOSING = {"„": '”"', "‚": "’", "“": '“"', "`": "´'", '"': "”"}
"""Further closing quotes by opening quote, as some languages and models write them."""
BLANK = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\x00\ufeff\u200b\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068"
    "\u2069"
)
"""What str.strip() removes, and NUL, the byte order mark, zero-width spaces and marks of direction: all invisible."""

_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
_INDENT = r"(?P<indent>[ \t\u3000\xa0\ufeff\u200b\u2060\u200e\u200f\u202a-\u202e\u2066-\u2069]*+)"
# What may stand before and behind a number: a heading's marks, bold or italic type.
_BEFORE = r"(?:#{1,6}[ \t]{1,4})?(?P<bold>\*\*\*|\*\*|__|[*_`](?=[\d(\[]))?"
_BULLETS = "•·▪▫‣⁃◦●○∙►▶▸➤➔➜→⇒✓✔✅☐☑☒❏❑■□◆◇★☆✦✧❖➢⁌⁍・⦿⦾⚫⚪🔹🔸👉"
# Matches 1. 1) 1.) (1) [1] **1.** 1、 1。 1\. #1. and 1️⃣, but neither 1.5 nor 1...
_NUMBER = re.compile(
    _INDENT + _BEFORE + r"(?:[#№](?=\d))?"
    r"(?:(?P<number>\d{1,3})(?:\\?[.)]{1,2}(?:[-–—:](?=\s))?(?=\s|$|[^\d\s.ºª])|[、．）。]|\ufe0f?\u20e3)"
    r"|[(（\[【](?P<in_brackets>\d{1,3})[)）\]】][.:]?"
    r"|(?P<circled>[①-⓿❶-➓⒈-⒛⑴-⒇㉑-㉟㊱-㊿]))"
    r"(?(bold)(?P<bold_end>\*\*\*|\*\*|__|[*_`](?=\s))?):?[ \t\u3000]*"
)
_BULLET = re.compile(
    _INDENT + rf"(?:\\?[-*–+—‐−](?=[ \t]|$)|[{_BULLETS}]\ufe0f?|\\item\b|\[\*\]|#\.(?=[ \t]))[ \t\u3000]*"
    r"(?:\[[ xX✓✔]?\](?:[ \t]+|$))?"
)
_CHECKBOX = re.compile(_INDENT + r"\[[ xX✓✔]\][ \t]+")
_FIRST_OF_MARKER = re.compile(
    rf"[ \t\u3000\xa0\ufeff\u200b\u2060\u200e\u200f\u202a-\u202e\u2066-\u2069]*+"
    rf"[\d#№(（\[【*_`\\①-⓿❶-➓㉑-㉟㊱-㊿+–—‐−\-{_BULLETS}]"
)
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*[\w-]*[ \t]*")
_RULE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}|[ \t]*\\(?:begin|end)\{\w{1,20}\}[ \t]*|[ \t]*\[/?list\][ \t]*")

_SEQUENCE = re.compile(
    _INDENT
    + r"(?P<open>[#>*_\"'`({\[（【<\\ ]{0,8})(?P<word>第(?=[一二三四五六七八九十])|(?:[^\W\d_]{1,20}+[ \t_-]?+){0,3}?)"
    r"[ \t]?(?P<sign>[#№]|(?:[Nn][or]|[Nn]úm)\.[ \t]?)?"
    r"(?:(?P<number>\d{1,3})|(?P<roman>[ivxIVX]{1,5}+)(?![^\W\d_])|(?P<letter>[^\W\d_])(?![^\W_])"
    r"|(?P<chinese>[一二三四五六七八九十]{1,3}))"
    r"(?:(?:st|nd|rd|th)(?=[.:)])|\.?[ºª]|[条條个個句则則项項番題题])?"
    r"(?P<close>[*_`]{0,3}(?:[.:)\]}>|/,、：．）】。।،]{1,2}(?!\d)"
    r"|[ \t]{1,4}[-–—=](?=[ \t])|[-–—](?=[ \t])|\t)[*_`]{0,3}"
    r"|(?=[*_:.\]) \t]*$)"
    r"|(?P<space>[ \t](?=\S)))"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_ROMAN_NUMERALS = """i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx xxi xxii xxiii xxiv xxv"""
_ROMAN = {
    numeral: number
    for number, numeral in enumerate(
        _ROMAN_NUMERALS.split(),
        start=1,
    )
}
_CHINESE = {
    numeral: number
    for number, numeral in enumerate(
        ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五"], start=1
    )
}
_NUMBER_WORDS = """one two three four five six seven eight nine ten
first second third fourth fifth sixth seventh eighth ninth tenth"""
_WORD_NUMBERS = {word: index % 10 + 1 for index, word in enumerate(_NUMBER_WORDS.split())}
_NUMBER_WORD = re.compile(_INDENT + r"[*_]{0,3}(?P<word>[A-Za-z]{3,7})[*_]{0,3}:[*_]{0,3}[ \t]+(?P<rest>.*)", re.DOTALL)
_FIRST_LETTERS = frozenset("aAаАαΑ가अकกאأاগকঅ")
_ITEM_NAME_WORDS = """answer example input item message option output paraphrase query question response review rewrite
sample sentence summary text tweet utterance variant variation version"""
ITEM_NAMES = frozenset(_ITEM_NAME_WORDS.split())
"""What prompts and models call an item: `Example 1: …`, `{"text": …}`."""
_MIN_SPACED = 3
"""How many lines must begin with 1, 2, 3 and a space alone, before these numbers count as list numbers."""


class MarkedLine(NamedTuple):
    """A line that begins a list item: its indent in characters, its number (None for a bullet), and the text."""

    indent: int
    number: int | None
    text: str


def strip_outer(text: str) -> str:
    """Return the text without white space, NULs and zero-width spaces at both ends."""
    return text.strip(BLANK)


def strip_quotes(text: str) -> str:
    """Return the text, stripped, without one pair of quotes that encloses all of it.

    `"a" and "b"` stays as it is: its outer quotes belong to two pairs. A pair of quotes alone becomes an empty text.
    """
    text = strip_outer(text)
    if not is_quoted(text):
        return text
    inner = text[1:-1]
    opening, closing = text[0], text[-1]
    if opening not in inner and closing not in inner:
        return strip_outer(inner)
    without_apostrophes = _APOSTROPHE.sub("", inner)
    if opening not in without_apostrophes and closing not in without_apostrophes:
        return strip_outer(inner)
    if opening == closing and opening not in without_apostrophes.replace(f"\\{opening}", "") and inner[-1] != "\\":
        return strip_outer(inner.replace(f"\\{opening}", opening))
    return strip_outer(inner) if _encloses_quotations(without_apostrophes, opening, closing) else text


def _encloses_quotations(inner: str, opening: str, closing: str) -> bool:
    """Return whether the quotes inside of enclosing ones are pairs of their own: `She wrote "yes" to me`."""
    first = min(position for position in (inner.find(opening), inner.find(closing)) if position >= 0)
    opens = (
        inner[first] == opening and inner[first - 1 : first].isspace() and not inner[first + 1 : first + 2].isspace()
    )
    if opening != closing:
        return opens and inner.count(opening) == inner.count(closing)
    return opens and inner.count(opening) % 2 == 0


def is_quoted(text: str) -> bool:
    """Return whether a text begins with a quote and ends with one that may close it."""
    opening = text[:1]
    closing = QUOTES.get(opening)
    return (
        closing is not None and len(text) > 1 and (text[-1] == closing or text[-1] in _OTHER_CLOSING.get(opening, ""))
    )


def parse_marker(line: str) -> MarkedLine | None:
    """Return the parts of a line that begins with a list number or bullet, None for any other line."""
    if _FIRST_OF_MARKER.match(line) is None:
        return None
    bullet = _BULLET.match(line) or _CHECKBOX.match(line)
    if bullet is not None:
        return MarkedLine(len(bullet["indent"]), None, line[bullet.end() :])
    match = _NUMBER.match(line)
    if match is None:
        return None
    text, bold = line[match.end() :], match["bold"]
    if bold is not None and match["bold_end"] is None:
        # **1. Title** text: the bold type begins before the number, so remove its end as well.
        text = text.replace(bold, "", 1)
    digits = match["number"] or match["in_brackets"]
    return MarkedLine(len(match["indent"]), int(digits) if digits else _circled_number(match["circled"]), text)


def parse_markers(lines: Sequence[str]) -> list[MarkedLine | None]:
    """Return the marker of each line, None for a line without one.

    Where no line has a marker that counts by itself, the lines of the longest sequence of other markers are marked.
    """
    markers = [parse_marker(line) for line in lines]
    return markers if any(markers) else _sequence(lines)


def answer_lines(answer: str) -> list[str]:
    """Return the lines of an answer; lines of code fences (```) and horizontal rules (---) become empty.

    Where all lines are quoted as in e-mail (`> text`), they are returned without these marks.
    """
    lines = answer.splitlines()
    if not lines or answer[-1] in _LINE_ENDS:
        lines.append("")
    lines = ["" if _FENCE.fullmatch(line) or _RULE.fullmatch(line) else line for line in lines]
    if any(line.startswith(">") for line in lines):
        rest = [line for line in lines if strip_outer(line) and not line.startswith(">")]
        if all(strip_outer(line).endswith((":", "：")) for line in rest):
            lines = [line.lstrip("> ") if line.startswith(">") else line for line in lines]
    return lines


def _circled_number(char: str) -> int:
    import unicodedata

    return int(unicodedata.numeric(char, 0))


@dataclass(slots=True)
class _Sequence:
    """Lines with one kind of marker: how many of them count up, the last number, and the markers by line."""

    counted: int = 0
    last: int = 0
    markers: dict[int, MarkedLine] = field(default_factory=dict)

    def add(self, index: int, ordinal: int, marker: MarkedLine, *, gaps: bool) -> None:
        """Add line `index`. With `gaps`, numbers that are larger than the one before count as well."""
        if ordinal == self.last + 1 or (gaps and ordinal > self.last):
            self.counted += 1
        elif ordinal != 1:
            self.counted = max(self.counted, 1)
        self.last = ordinal
        self.markers[index] = marker


def _sequence(lines: Sequence[str]) -> list[MarkedLine | None]:
    """Return the markers of the kind that most lines have and that counts up; all None where there is none."""
    kinds: dict[tuple[str, str], _Sequence] = {}
    filled = 0
    for index, line in enumerate(lines):
        if strip_outer(line):
            filled += 1
            for kind, ordinal, marker in _sequence_markers(line):
                sequence = kinds.setdefault(kind, _Sequence())
                if not sequence.markers and ordinal != 1 and kind[1] == "number":
                    sequence.last = ordinal - 1
                sequence.add(index, ordinal, marker, gaps=kind[1] == "other")
    marked: list[MarkedLine | None] = [None] * len(lines)
    for (word, name), sequence in sorted(kinds.items(), key=lambda item: -item[1].counted):
        if _is_list(word, name, sequence, filled):
            for index, marker in sequence.markers.items():
                marked[index] = marker
            break
    return marked


def _is_list(word: str, kind: str, sequence: _Sequence, filled: int) -> bool:
    """Return whether the markers of one kind count up, or are the only line of the answer."""
    if kind == "space":
        return not word and sequence.counted >= max(_MIN_SPACED, filled - 1)
    if kind == "number" and filled == 1:
        return next(iter(sequence.markers.values())).number == 1 and (not word or word in ITEM_NAMES)
    return sequence.counted >= 2 or (kind == "number" and not word and len(sequence.markers) == filled)


def _sequence_markers(line: str) -> Iterator[tuple[tuple[str, str], int, MarkedLine]]:
    """Yield each reading of a line as part of a sequence: its kind, its place in the sequence, and the marker."""
    match = _SEQUENCE.match(line)
    if match is None:
        if ":" in line[:14] and (marker := _number_word(line)) is not None and marker.number is not None:
            yield ("", "word"), marker.number, marker
        return
    word = match["word"].strip(" \t_-").casefold()
    text = _balanced(match["open"], match["close"] or "", match["rest"])
    indent = len(match["indent"])
    if match["number"] is not None:
        number = int(match["number"])
        if match["space"] is None or not word:
            kind = (
                "space" if match["space"] is not None and not match["sign"] and "#" not in match["open"] else "number"
            )
            yield (word, kind), number, MarkedLine(indent, number, text)
        return
    if match["space"] is not None or (match["close"] or "").strip(" \t*_`") in {"", ",", "/"}:
        return
    if match["chinese"] is not None and match["chinese"] in _CHINESE:
        number = _CHINESE[match["chinese"]]
        yield (word, "chinese"), number, MarkedLine(indent, number, text)
    elif match["roman"] is not None and match["roman"].lower() in _ROMAN:
        number = _ROMAN[match["roman"].lower()]
        yield (word, "roman"), number, MarkedLine(indent, number, text)
    letter = match["letter"] or (match["roman"] if match["roman"] is not None and len(match["roman"]) == 1 else None)
    if letter is None:
        return
    if letter.isascii():
        number = ord(letter.lower()) - ord("a") + 1
        yield (word, "letter"), number, MarkedLine(indent, number, text)
    else:
        yield (word, "other"), 1 if letter in _FIRST_LETTERS else ord(letter), MarkedLine(indent, ord(letter), text)


def _number_word(line: str) -> MarkedLine | None:
    """Return the marker of a line that begins with a number as a word: `First: …`, `**Two:** …`."""
    match = _NUMBER_WORD.match(line)
    number = None if match is None else _WORD_NUMBERS.get(match["word"].lower())
    return None if match is None or number is None else MarkedLine(len(match["indent"]), number, match["rest"])


def _balanced(before: str, marker_end: str, text: str) -> str:
    """Return the text of an item without the end of quotes or bold type that began before its marker."""
    for mark in ("**", "__", "*", "_", '"', "'", "`"):
        if before.count(mark) > marker_end.count(mark):
            stripped = strip_outer(text)
            if mark in {'"', "'", "`"}:
                return stripped.removesuffix(mark)
            return stripped.replace(mark, "", 1)
    return text

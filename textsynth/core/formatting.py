"""Format durations, counts, percentages and text of unknown origin, the same way in every output."""

from __future__ import annotations

import math
import re
import unicodedata

# Unicode categories of control, format, surrogate and line-separator characters. They move the cursor, change colours
# or reverse the reading direction, so a text written by a model could overwrite our own output.
CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero-width joiners: they shape letters and emoji of ordinary texts.
JOINERS = "\u200c\u200d"
PRINTABLE_ASCII = re.compile(r"[ -~\n]*")
# The most decimals that a percentage gets to tell it from 0 % or 100 %.
MAX_DECIMALS = 4


def escape_control(text: str) -> str:
    r"""Return `text` with control and format characters escaped (ESC becomes `\x1b`); newlines stay."""
    if PRINTABLE_ASCII.fullmatch(text):
        return text
    return "".join(_escape(char) if _is_control(char) else char for char in text)


def valid_unicode(text: str) -> str:
    """Return `text` with lone surrogates, as a broken JSON escape leaves them, replaced by `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def display_width(text: str) -> int:
    """Return the number of terminal columns of a line: wide characters take two, marks on another and joiners none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def format_duration(seconds: float) -> str:
    """Return a duration as `42 s`, `3:07` (minutes) or `1:02:03` (hours); a negative one as `0 s`."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def pluralize(number: int, noun: str) -> str:
    """Return `1 text`, `0 texts`, `1,200 texts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_percent(share: float, *, decimals: int = 0) -> str:
    """Return a share (0 to 1) as `84 %`, with `decimals` digits after the point.

    Only 0 is written as 0 %, and only 1 as 100 %: within one percent of either end there are as many decimals as
    needed (`0.4 %`, `99.6 %`, `99.97 %`), and where four are too few `under 0.0001 %` or `over 99.9999 %`.
    """
    return f"{_percent_number(share, decimals)} %"


def format_percent_range(low: float, high: float) -> str:
    """Return an interval of a share as `69–96 %`; its ends follow the rule of `format_percent`."""
    return f"{_percent_number(low)}–{_percent_number(high)} %"


def format_confidence(confidence: float) -> str:
    """Return a confidence (0 to 1) as `.67` or `1.00`, near the ends by the rule of `format_percent`: `.996`."""
    needed = _decimals_near_end(confidence)
    if needed > MAX_DECIMALS:
        return "under .000001" if confidence < 0.5 else "over .999999"
    return f"{confidence:.{2 + needed}f}".removeprefix("0")


def waiting_for_review(number: int) -> str:
    """Return `1 text waits for a person`, `3 texts wait for a person`."""
    return f"{pluralize(number, 'text')} wait{'s' * (number == 1)} for a person"


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me") or char in JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _is_control(char: str) -> bool:
    return char != "\n" and unicodedata.category(char) in CONTROL_CATEGORIES and char not in JOINERS


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _percent_number(share: float, decimals: int = 0) -> str:
    needed = _decimals_near_end(share)
    if needed > max(decimals, MAX_DECIMALS):
        return "under 0.0001" if share < 0.5 else "over 99.9999"
    return f"{100 * share:,.{max(decimals, needed)}f}"


def _decimals_near_end(share: float) -> int:
    """Return how many decimals of a percentage tell a share from 0 or 1; 0 where it is one percent or more away."""
    distance = min(100 * share, 100 - 100 * share)
    # the tolerance keeps 0.999 at 0.1 points from 100 %, although 100 - 99.9 is a little less in binary
    return math.ceil(-math.log10(distance) - 1e-9) if 0 < distance < 1 else 0

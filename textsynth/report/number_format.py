"""How a report writes numbers, arms and classifiers.

The formatters take any JSON value and return a dash for one that is not a usable number.
"""

from __future__ import annotations

from collections.abc import Callable

from textsynth.core.formatting import format_percent
from textsynth.report.sections import as_interval, as_number

ABSENT = "–"
MINUS = "\N{MINUS SIGN}"
INTERVAL = "95\N{NO-BREAK SPACE}% interval"
ARMS = {
    "seeds": "seeds only",
    "raw": "raw synthetic",
    "random": "random sample of raw",
    "selected": "selected synthetic",
    "seeds_raw": "seeds + raw",
    "seeds_random": "seeds + random sample",
    "seeds_selected": "seeds + selected",
    "seeds_replicated": "seeds repeated",
    "fitted": "seeds + selected, weighted",
    "all": "all real data",
}
CLASSIFIERS = {"words": "words (TF-IDF)", "embeddings": "sentence embeddings"}


def arm_name(arm: str) -> str:
    """Return the display name of an arm; an unknown arm keeps its own, with spaces for underscores."""
    return ARMS.get(arm, arm.replace("_", " "))


def classifier_name(classifier: str) -> str:
    """Return the display name of a classifier; an unknown one keeps its own."""
    return CLASSIFIERS.get(classifier, classifier)


def format_score(value: object) -> str:
    """Return a score as `0.582`."""
    number = as_number(value)
    return ABSENT if number is None else _typographic(f"{number:.3f}")


def format_difference(value: object) -> str:
    """Return a difference as `+0.020` or `−0.021`; one that rounds to zero has no sign."""
    number = as_number(value)
    if number is None:
        return ABSENT
    text = _typographic(f"{number:.3f}")
    return text if text.startswith(MINUS) or text == "0.000" else f"+{text}"


def format_interval(value: object) -> str:
    """Return the interval of a score as `0.551 to 0.613`."""
    return _format_ends(value, format_score)


def format_difference_interval(value: object) -> str:
    """Return the interval of a difference as `−0.010 to +0.040`."""
    return _format_ends(value, format_difference)


def format_count(value: object) -> str:
    """Return a count as `1,200`."""
    number = as_number(value)
    return ABSENT if number is None else _typographic(f"{number:,.0f}")


def format_share(value: object) -> str:
    """Return a share as `12.5 %`, with a no-break space, by the rule of `format_percent`."""
    number = as_number(value)
    return ABSENT if number is None else _typographic(format_percent(number, decimals=1))


def format_short(value: object) -> str:
    """Return a number with three significant digits (`7.24`, `0.0123`, `3`), or in full from 1,000 on (`1,240`)."""
    number = as_number(value)
    if number is None:
        return ABSENT
    return _typographic(f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}")


def _format_ends(value: object, format_end: Callable[[object], str]) -> str:
    interval = as_interval(value)
    return ABSENT if interval is None else f"{format_end(interval[0])} to {format_end(interval[1])}"


def _typographic(text: str) -> str:
    """Return a formatted number with a minus sign for the hyphen, a no-break space, and no sign before a zero."""
    text = text.replace(" ", "\N{NO-BREAK SPACE}")
    if not text.startswith("-"):
        return text
    is_zero = not text.strip("-0., \N{NO-BREAK SPACE}%")
    return text[1:] if is_zero else MINUS + text[1:]

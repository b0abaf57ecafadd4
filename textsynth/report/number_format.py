"""How a report writes numbers, arms and classifiers."""

from __future__ import annotations

from collections.abc import Callable

from textsynth.report.sections import number, span

ABSENT = "–"
MINUS = "\N{MINUS SIGN}"
INTERVAL = "95\N{NO-BREAK SPACE}% interval"
ARMS = {
    "seeds": "seeds only",
    "raw": "raw synthetic",
    "random": "random part of raw",
    "selected": "selected synthetic",
    "seeds_raw": "seeds + raw",
    "seeds_random": "seeds + random part",
    "seeds_selected": "seeds + selected",
    "fitted": "seeds + selected, weighted",
    "all": "all real data",
}
CLASSIFIERS = {"words": "words (TF-IDF)", "embeddings": "sentence embeddings"}


def arm(name: str) -> str:
    """Return an arm in words; one that is not known keeps its name."""
    return ARMS.get(name, name.replace("_", " "))


def classifier(name: str) -> str:
    """Return a classifier in words; one that is not known keeps its name."""
    return CLASSIFIERS.get(name, name)


def score(value: object) -> str:
    """Return `0.582`, or a dash for no number."""
    found = number(value)
    return ABSENT if found is None else _plain(f"{found:.3f}")


def signed(value: object) -> str:
    """Return a difference as `+0.020` or `−0.021`; what rounds to nothing has no sign."""
    found = number(value)
    if found is None:
        return ABSENT
    told = _plain(f"{found:.3f}")
    return told if told.startswith(MINUS) or told == "0.000" else f"+{told}"


def interval(value: object) -> str:
    """Return the interval of a score as `0.551 to 0.613`."""
    return _ends(value, score)


def signed_interval(value: object) -> str:
    """Return the interval of a difference as `−0.010 to +0.040`."""
    return _ends(value, signed)


def whole(value: object) -> str:
    """Return a count as `1,200`."""
    found = number(value)
    return ABSENT if found is None else _plain(f"{found:,.0f}")


def share(value: object) -> str:
    """Return a part of one as `12.5 %`."""
    found = number(value)
    return ABSENT if found is None else _plain(f"{100 * found:.1f}\N{NO-BREAK SPACE}%")


def short_number(value: object) -> str:
    """Return a number with three digits that tell something: `7.24`, `0.0123`, `1,240`, `3`."""
    found = number(value)
    if found is None:
        return ABSENT
    return _plain(f"{found:,.0f}" if abs(found) >= 1000 else f"{found:.3g}")


def _ends(value: object, written: Callable[[object], str]) -> str:
    ends = span(value)
    return ABSENT if ends is None else f"{written(ends[0])} to {written(ends[1])}"


def _plain(told: str) -> str:
    if not told.startswith("-"):
        return told
    return told[1:] if not told.strip("-0., \N{NO-BREAK SPACE}%") else MINUS + told[1:]

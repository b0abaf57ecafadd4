"""What a section of a report is made of: sentences, plots with their numbers, texts and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.charts.svg import Plot


@dataclass(frozen=True, slots=True)
class SectionTable:
    """Rows of written cells under a head.

    Columns in `words` (by place, from 0) hold words and stand to the left, all others hold numbers. `brief` is how many
    rows a terminal shows; None shows all. `spare` are columns that it leaves out where they do not fit, the last first.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[int] = (0,)
    brief: int | None = None
    spare: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class SectionFigure:
    """A plot with its numbers; a table alone, which then stands open, where there is nothing to plot."""

    table: SectionTable
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class SectionQuote:
    """A text, what is said of it, and the texts that it stands beside, each with what is said of it.

    `dropped` marks a text that was not kept; a terminal leaves out those that are not `telling`.
    """

    text: str
    said: str
    others: Sequence[tuple[str, str]] = ()
    dropped: bool = False
    telling: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report. `key` names it within the page; `said` are its sentences, `notes` small print below."""

    key: str
    title: str
    said: Sequence[str] = ()
    figures: Sequence[SectionFigure] = ()
    quotes: Sequence[SectionQuote] = ()
    notes: Sequence[str] = ()


LARGEST = 1e15


def part(told: object, *path: str) -> Mapping[str, Any]:
    """Return the map that lies at `path`, {} where there is none."""
    for name in path:
        told = told.get(name) if isinstance(told, Mapping) else None
    return told if isinstance(told, Mapping) else {}


def rows(told: object, *path: str) -> list[Mapping[str, Any]]:
    """Return the maps of the list that lies at `path`, in its order; what is no map is left out."""
    found = listed(part(told, *path[:-1]).get(path[-1]))
    return [row for row in found if isinstance(row, Mapping)]


def words(value: object) -> list[str]:
    """Return a list of texts, [] for anything else."""
    return [one for one in listed(value) if isinstance(one, str)]


def word(value: object, otherwise: str = "") -> str:
    """Return a text as it is, `otherwise` for anything that is none or is empty."""
    return value if isinstance(value, str) and value else otherwise


def number(value: object) -> float | None:
    """Return a number between −10¹⁵ and 10¹⁵; None for anything else, also for true, false and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
        return None
    return float(value)


def numbers(value: object) -> list[float]:
    """Return a list of finite numbers, [] where any member is none."""
    found = [number(one) for one in listed(value)]
    whole = [one for one in found if one is not None]
    return whole if len(whole) == len(found) else []


def span(value: object) -> tuple[float, float] | None:
    """Return an interval `[low, high]`, the lower end first; None where it is not two numbers."""
    ends = numbers(value)
    return (min(ends), max(ends)) if len(ends) == 2 else None


def listed(value: object) -> Sequence[object]:
    """Return a list as it is, () for anything else (a text is no list)."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()

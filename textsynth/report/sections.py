"""What a section of a report is made of: sentences, plots with their numbers, texts and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.report.plots import Plot


@dataclass(frozen=True, slots=True)
class Table:
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
class Figure:
    """A plot with its numbers; a table alone, which then stands open, where there is nothing to plot."""

    table: Table
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class Quote:
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
    figures: Sequence[Figure] = ()
    quotes: Sequence[Quote] = ()
    notes: Sequence[str] = ()

"""The parts of a report section, and typed access to the evaluation JSON that sections are built from.

Every section module builds `Section` objects from an evaluation, as in `evaluation.json`. It reads the evaluation
through the getters below, which return an empty value instead of raising: a damaged or incomplete evaluation loses
only the sections that it cannot fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.charts.svg import Plot

# Larger absolute values are no measurement.
MAX_NUMBER = 1e15


@dataclass(frozen=True, slots=True)
class SectionTable:
    """A table of formatted cells.

    `text_columns` are the indices of the columns that hold text and are aligned left; all others hold numbers. A
    terminal shows at most `max_terminal_rows` rows (None: all), and leaves out `optional_columns`, the last of them
    first, where the table is too wide.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Sequence[int] = (0,)
    max_terminal_rows: int | None = None
    optional_columns: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class SectionFigure:
    """A plot with the table of its numbers, or, without a plot, a table alone."""

    table: SectionTable
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class SectionQuote:
    """A text of a data set with a caption, and texts related to it, each with a caption of its own.

    `dropped` marks a text that was not selected. A terminal leaves out the quotes without `in_terminal`.
    """

    text: str
    caption: str
    related: Sequence[tuple[str, str]] = ()
    dropped: bool = False
    in_terminal: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report: paragraphs, figures, quoted texts, and notes in small print at its end.

    `key` is unique within the report and names the section's anchor in the page.
    """

    key: str
    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[SectionFigure] = ()
    quotes: Sequence[SectionQuote] = ()
    notes: Sequence[str] = ()


def get_mapping(data: object, *path: str) -> Mapping[str, Any]:
    """Return the mapping at `path`, {} where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def get_rows(data: object, *path: str) -> list[Mapping[str, Any]]:
    """Return the mappings in the list at `path`, in order; other members of the list are left out."""
    members = as_list(get_mapping(data, *path[:-1]).get(path[-1]))
    return [member for member in members if isinstance(member, Mapping)]


def as_list(value: object) -> Sequence[object]:
    """Return a list as it is, () for anything else; a string is no list."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def as_string(value: object, default: str = "") -> str:
    """Return a string as it is, `default` for an empty string and for anything else."""
    return value if isinstance(value, str) and value else default


def as_strings(value: object) -> list[str]:
    """Return the strings of a list, [] for anything else."""
    return [member for member in as_list(value) if isinstance(member, str)]


def as_number(value: object) -> float | None:
    """Return a number from −10¹⁵ to 10¹⁵ as a float, None for anything else, including booleans and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_NUMBER <= value <= MAX_NUMBER:
        return None
    return float(value)


def as_numbers(value: object) -> list[float]:
    """Return a list of numbers, [] where any member is not one by the rule of `as_number`."""
    members = [as_number(member) for member in as_list(value)]
    numbers = [number for number in members if number is not None]
    return numbers if len(numbers) == len(members) else []


def as_interval(value: object) -> tuple[float, float] | None:
    """Return a list of two numbers as an interval, the lower end first; None for anything else."""
    ends = as_numbers(value)
    return (min(ends), max(ends)) if len(ends) == 2 else None

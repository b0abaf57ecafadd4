"""Texts beside texts: the real ones nearest to some kept and dropped texts, and the pairs that leak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textsynth.core.formatting import pluralize
from textsynth.report.number_format import short_number, whole
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionQuote,
    SectionTable,
    listed,
    number,
    part,
    rows,
    word,
    words,
)

SHOWN = 20
PAIRS_SHOWN = 50
NEAREST_SHOWN = 3
TELLING = 3
KINDS = {
    "exact": "the same text",
    "near": "nearly the same words",
    "semantic": "the same meaning",
    "family": "made from such a text",
}
NONE = "No synthetic text that a classifier learns from copies a test text."
OUT = ("are left", "is left")
# count: its name in a table
COUNTS = {"counts": "copies", "conflicts": "with another label", "close": "close"}


def neighbours_section(told: Mapping[str, Any]) -> Section | None:
    """Return up to 20 kept and 20 dropped texts with the three real ones nearest to each; None without any."""
    found = rows(told, "neighbours")
    kept = [row for row in found if row.get("kept") is not False][:SHOWN]
    dropped = [row for row in found if row.get("kept") is False][:SHOWN]
    if not kept and not dropped:
        return None
    said = [
        f"{pluralize(len(kept), 'text')} that {'was' if len(kept) == 1 else 'were'} kept, then "
        f"{pluralize(len(dropped), 'text')} that {'was' if len(dropped) == 1 else 'were'} not, each with the real "
        "texts that are most like it."
    ]
    return Section("neighbours", "Nearest real texts", said, quotes=[*_quotes(kept), *_quotes(dropped)])


def leaks_section(told: Mapping[str, Any]) -> Section | None:
    """Return the counts of pairs that straddle two sets, and up to 50 pairs; None where nothing was looked for."""
    found = part(told, "leaks")
    if not found:
        return None
    pairs = rows(found, "pairs")
    told_number = number(found.get("found"))
    total = len(pairs) if told_number is None else round(told_number)
    said = [
        f"{pluralize(total, 'synthetic text')} {'copies' if total == 1 else 'copy'} a test text." if total else NONE
    ]
    beyond = words(found.get("beyond_chance"))
    if beyond:
        said.append(f"More than chance explains: {', '.join(map(_between, beyond))}.")
    left_out = len(listed(part(told, "data").get("test_left_out")))
    if left_out:
        said.append(
            f"{pluralize(left_out, 'test text')} with a copy among them {OUT[left_out == 1]} out of every score."
        )
    if len(pairs) > PAIRS_SHOWN:
        said.append(f"{PAIRS_SHOWN} of {len(pairs):,} pairs are shown.")
    table = _counts(found)
    figures = [] if table is None else [SectionFigure(table)]
    return Section("leaks", "Leaks", said, figures, [_pair(row) for row in pairs[:PAIRS_SHOWN]])


def _counts(found: Mapping[str, Any]) -> SectionTable | None:
    """Return a row for each pair of sets, with a column for each count that the evaluation has."""
    shown = {key: name for key, name in COUNTS.items() if part(found, key)}
    sets = list(part(found, "counts"))
    cells = [[_between(name), *(whole(part(found, key).get(name)) for key in shown)] for name in sets]
    return SectionTable("Pairs by sets", ["between", *shown.values()], cells) if sets else None


def _between(name: str) -> str:
    return name.replace("-", " and ")


def _quotes(found: Sequence[Mapping[str, Any]]) -> list[SectionQuote]:
    return [_quote(row, telling=place < TELLING) for place, row in enumerate(found)]


def _quote(row: Mapping[str, Any], *, telling: bool) -> SectionQuote:
    dropped = row.get("kept") is False
    fate = f"dropped: {word(row.get('why'), 'no reason told')}" if dropped else "kept"
    nearest = [
        (word(one.get("text")), _said(short_number(one.get("similarity")), _label(one), word(one.get("set"))))
        for one in rows(row, "nearest")[:NEAREST_SHOWN]
    ]
    return SectionQuote(word(row.get("text")), _said(fate, _label(row), word(row.get("id"))), nearest, dropped, telling)


def _pair(row: Mapping[str, Any]) -> SectionQuote:
    texts, sets, ids = (words(row.get(key)) for key in ("texts", "between", "ids"))
    texts, sets, ids = ([*some, "", ""][:2] for some in (texts, sets, ids))
    labels = [*map(_label_text, listed(row.get("labels"))), "", ""][:2]
    kind = word(row.get("kind"))
    near = (
        KINDS.get(kind, kind) if kind == "exact" else f"{KINDS.get(kind, kind)}, {short_number(row.get('similarity'))}"
    )
    said = [_said(*told) for told in zip(sets, labels, ids, strict=True)]
    return SectionQuote(texts[0], said[0], [(texts[1], _said(near, said[1]))], dropped=True)


def _said(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _label(row: Mapping[str, Any]) -> str:
    return _label_text(row.get("label"))


def _label_text(label: object) -> str:
    return label if isinstance(label, str) else ", ".join(words(label))

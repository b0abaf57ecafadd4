"""Quoted texts: the real texts nearest to some synthetic ones, and the pairs of texts that leak between sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textsynth.core.formatting import pluralize
from textsynth.report.number_format import format_count, format_short
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionQuote,
    SectionTable,
    as_list,
    as_number,
    as_string,
    as_strings,
    get_mapping,
    get_rows,
)

# of each kind, selected and dropped
MAX_TEXTS = 20
MAX_TERMINAL_TEXTS = 3
MAX_NEAREST = 3
MAX_PAIRS = 50
# kind of a leak → what the two texts have in common
LEAK_KINDS = {
    "exact": "the same text",
    "near": "nearly the same words",
    "semantic": "the same meaning",
    "family": "made from such a text",
}
NO_LEAKS = "No synthetic training text copies a test text."
# key of a count of pairs → head of its column
PAIR_COUNTS = {"counts": "copies", "label_conflicts": "with another label", "close": "close"}


def nearest_texts_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return up to 20 selected and 20 dropped texts, each with its three nearest real texts; None without any."""
    rows = get_rows(evaluation, "nearest_texts")
    selected = [row for row in rows if not _is_dropped(row)][:MAX_TEXTS]
    dropped = [row for row in rows if _is_dropped(row)][:MAX_TEXTS]
    if not selected and not dropped:
        return None
    paragraphs = [
        f"{pluralize(len(selected), 'selected text')}, then {pluralize(len(dropped), 'dropped text')}, each with the "
        "most similar real texts."
    ]
    quotes = [*_quotes(selected), *_quotes(dropped)]
    return Section("nearest_texts", "Nearest real texts", paragraphs, quotes=quotes)


def contamination_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the numbers of texts shared between sets, and up to 50 pairs; None where there was no search."""
    contamination = get_mapping(evaluation, "contamination")
    if not contamination:
        return None
    pairs = get_rows(contamination, "pairs")
    copies = as_number(contamination.get("test_copies"))
    count = len(pairs) if copies is None else round(copies)
    verb = "copies" if count == 1 else "copy"
    paragraphs = [f"{pluralize(count, 'synthetic text')} {verb} a test text." if count else NO_LEAKS]
    above_base_rate = as_strings(contamination.get("above_base_rate"))
    if above_base_rate:
        paragraphs.append(f"More copies than expected by chance: {', '.join(map(_pair_name, above_base_rate))}.")
    excluded = len(as_list(get_mapping(evaluation, "data").get("excluded_test_rows")))
    if excluded:
        verb = "is" if excluded == 1 else "are"
        paragraphs.append(f"{pluralize(excluded, 'test text')} with a synthetic copy {verb} left out of every score.")
    if len(pairs) > MAX_PAIRS:
        paragraphs.append(f"{MAX_PAIRS} of {len(pairs):,} pairs are shown.")
    table = _pair_counts_table(contamination)
    figures = [] if table is None else [SectionFigure(table)]
    return Section(
        "contamination", "Contamination", paragraphs, figures, [_pair_quote(pair) for pair in pairs[:MAX_PAIRS]]
    )


def _is_dropped(row: Mapping[str, Any]) -> bool:
    return row.get("selected") is False


def _quotes(rows: Sequence[Mapping[str, Any]]) -> list[SectionQuote]:
    return [_quote(row, in_terminal=index < MAX_TERMINAL_TEXTS) for index, row in enumerate(rows)]


def _quote(row: Mapping[str, Any], *, in_terminal: bool) -> SectionQuote:
    dropped = _is_dropped(row)
    status = f"dropped: {as_string(row.get('drop_reason'), 'no reason recorded')}" if dropped else "selected"
    nearest = [
        (
            as_string(neighbour.get("text")),
            _caption(
                format_short(neighbour.get("similarity")),
                _label_text(neighbour.get("label")),
                as_string(neighbour.get("set")),
            ),
        )
        for neighbour in get_rows(row, "nearest")[:MAX_NEAREST]
    ]
    caption = _caption(status, _label_text(row.get("label")), as_string(row.get("id")))
    return SectionQuote(as_string(row.get("text")), caption, nearest, dropped, in_terminal)


def _pair_counts_table(contamination: Mapping[str, Any]) -> SectionTable | None:
    """Return a row for each pair of sets, with a column for each count that the evaluation has."""
    columns = {key: name for key, name in PAIR_COUNTS.items() if get_mapping(contamination, key)}
    pairs = list(get_mapping(contamination, "counts"))
    cells = [
        [_pair_name(pair), *(format_count(get_mapping(contamination, key).get(pair)) for key in columns)]
        for pair in pairs
    ]
    return SectionTable("Texts shared between sets", ["between", *columns.values()], cells) if cells else None


def _pair_quote(pair: Mapping[str, Any]) -> SectionQuote:
    """Return a leaking pair as a quote of its first text, with the second as the related one."""
    first_text, second_text = _two(as_strings(pair.get("texts")))
    first_set, second_set = _two(as_strings(pair.get("sets")))
    first_id, second_id = _two(as_strings(pair.get("ids")))
    first_label, second_label = _two(list(map(_label_text, as_list(pair.get("labels")))))
    kind = as_string(pair.get("kind"))
    similarity = LEAK_KINDS.get(kind, kind)
    if kind != "exact":
        similarity += f", {format_short(pair.get('similarity'))}"
    related = (second_text, _caption(similarity, second_set, second_label, second_id))
    return SectionQuote(first_text, _caption(first_set, first_label, first_id), [related], dropped=True)


def _two(values: Sequence[str]) -> tuple[str, str]:
    """Return the first two values, "" for a missing one."""
    first, second = [*values, "", ""][:2]
    return first, second


def _caption(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _pair_name(pair: str) -> str:
    return pair.replace("-", " and ")


def _label_text(label: object) -> str:
    return label if isinstance(label, str) else ", ".join(as_strings(label))

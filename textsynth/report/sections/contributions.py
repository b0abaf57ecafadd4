"""What each generator, model and prompt contributes: scores without its texts and after a random drop, and its cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.number_format import (
    classifier_name,
    format_count,
    format_difference,
    format_difference_interval,
    format_score,
    format_share,
)
from textsynth.report.sections import Section, SectionFigure, SectionTable, as_string, get_rows

HEAD = (
    "kind",
    "name",
    "texts",
    "requests",
    "tokens",
    "share of tokens",
    "without it",
    "gain",
    "95 % interval",
    "random drop",
    "gain over random",
    "95 % interval of that",
)
OPTIONAL_COLUMNS = (9, 6, 3, 8)


def contributions_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the contribution of each generator, model and prompt; None where there is one of each kind."""
    rows = get_rows(evaluation, "contributions")
    cells = [
        (
            as_string(row.get("kind"), "?"),
            as_string(row.get("name"), "?"),
            *(format_count(row.get(key)) for key in ("texts", "requests", "tokens")),
            format_share(row.get("cost_share")),
            format_score(row.get("without_texts")),
            format_difference(row.get("gain")),
            format_difference_interval(row.get("interval")),
            format_score(row.get("random_drop")),
            format_difference(row.get("gain_over_random")),
            format_difference_interval(row.get("interval_over_random")),
        )
        for row in rows
    ]
    if not cells:
        return None
    classifier = classifier_name(as_string(rows[0].get("classifier"), ""))
    table = SectionTable(f"Left out: {classifier}", HEAD, cells, text_columns=(0, 1), optional_columns=OPTIONAL_COLUMNS)
    paragraphs = [
        "Gain is macro-F1 with all selected texts minus that without the texts of this generator, model or prompt. A "
        "smaller training set scores lower whatever is left out, so gain over random compares with a random drop of as "
        "many texts with the same labels: above 0, its texts are worth more than the others, below 0 less. Tokens are "
        "those of the requests of generators, also of those whose texts were dropped."
    ]
    return Section("contributions", "Each generator, model and prompt left out", paragraphs, [SectionFigure(table)])
